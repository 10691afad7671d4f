import Models
import Plans

extension Picture {
    private static let most = 16

    /// Per replica a band for attention, one for the feed-forward part and one for keys and values: layers from left to right, the devices
    /// that multiply them stacked by their shares, hatched where the weights come from another memory.
    func drawPlacement(_ drawing: inout Drawing, _ top: Double) -> Double {
        let replicas = result.best.plan.replicas
        let streamed = drawing.hatch("host", gap: 7), read = drawing.hatch("disk", gap: 4)
        let scale = replicas.count > 3 ? 0.55 : 1.0
        let labels = 96.0
        let full = Self.width - Self.left - 20 - labels
        var y = top
        var hatched: Set<PlannedMemory.Kind> = []
        for (number, replica) in replicas.prefix(Self.most).enumerated() {
            let sequences = replica.schedule.block.sequences, planned = replica.schedule.block
            let block = planned.microBatchCount > 1 ? " (\(planned.microBatchSize) x \(planned.microBatchCount))" : ""
            drawing.text(
                Self.left, y + 11, "replica \(number)\(sequences > 1 ? ": \(sequences) sequences together\(block)" : "")", size: 12,
                bold: true)
            y += 18
            let bands: [(name: String, tall: Double)] = [("attention", 26 * scale), ("feed-forward", 44 * scale), ("KV cache", 12 * scale)]
            for (band, (name, tall)) in bands.enumerated() {
                drawing.text(Self.left, y + min(tall, 14) * 0.5 + tall * 0.25 + 2, name, size: 10, colour: Drawing.faint)
                for stage in replica.stages {
                    for run in runs(stage, band: band, replica.schedule) {
                        let x = Self.left + labels + full * Double(run.layers.lowerBound) / Double(problem.shape.layerCount)
                        let wide =
                            full * Double(run.layers.count) / Double(problem.shape.layerCount)
                            - (run.layers.upperBound == stage.layers.upperBound ? 1.5 : 0)
                        var offset = 0.0
                        for part in run.parts {
                            let height = tall * part.share
                            drawing.rectangle(x, y + offset, wide, max(0.8, height - 0.6), fill: colour(part.device))
                            if let home = part.streamedFrom {
                                hatched.insert(home)
                                drawing.rectangle(x, y + offset, wide, max(0.8, height - 0.6), fill: home == .disk ? read : streamed)
                            }
                            let label = label(part)
                            if height >= 12, wide > Drawing.width(of: label, size: 10) + 8 {
                                if part.streamedFrom != nil {
                                    drawing.rectangle(
                                        x + 3, y + offset + height / 2 - 6.5, Drawing.width(of: label, size: 10) + 6, 13,
                                        fill: colour(part.device),
                                        radius: 2)
                                }
                                drawing.text(x + 6, y + offset + height / 2 + 3.5, label, size: 10, colour: "#ffffff")
                            }
                            offset += height
                        }
                    }
                }
                y += tall + 2
            }
            for stage in replica.stages {
                let x = Self.left + labels + full * Double(stage.layers.lowerBound) / Double(problem.shape.layerCount)
                let label =
                    stage.layers.count == 1 ? "\(stage.layers.lowerBound)" : "\(stage.layers.lowerBound)-\(stage.layers.upperBound - 1)"
                if full * Double(stage.layers.count) / Double(problem.shape.layerCount) > Drawing.width(of: label, size: 9) {
                    drawing.text(x, y + 8, label, size: 9, colour: Drawing.faint)
                }
            }
            y += 20
        }
        if replicas.count > Self.most {
            drawing.text(Self.left, y + 8, "and \(replicas.count - Self.most) more replicas", size: 11)
            y += 16
        }
        var note = "left to right: layers; top to bottom: share of the work"
        if hatched.contains(.host) || hatched.contains(.gpu) { note += "; hatched: sent from another memory for every step" }
        if hatched.contains(.disk) { note += "; densely hatched: read from disk for every step" }
        drawing.text(Self.left, y + 2, note, size: 10, colour: Drawing.faint)
        return y + 6
    }

    private struct Part: Equatable {
        var device: Int
        var share: Double
        var streamedFrom: PlannedMemory.Kind?
        /// Devices of one colour side by side that are drawn as one.
        var count = 1
    }

    private func label(_ part: Part) -> String {
        let device = problem.hardware.devices[part.device]
        let name = part.count > 1 ? "\(part.count) x \(device.profile.name)" : device.label
        return part.share < 0.999 ? "\(name) \(Text.percent(part.share))" : name
    }

    /// Many devices in tensor parallel: neighbours of one colour and source together.
    private func merged(_ parts: [Part]) -> [Part] {
        guard parts.count > 3 else { return parts }
        return parts.reduce(into: []) { result, part in
            if let last = result.last, colour(last.device) == colour(part.device), last.streamedFrom == part.streamedFrom {
                result[result.count - 1].share += part.share
                result[result.count - 1].count += 1
            } else {
                result.append(part)
            }
        }
    }

    /// Consecutive layers of a stage whose module of this band (0 attention, 1 feed-forward, 2 keys and values) is shared in the same way.
    private func runs(_ stage: Stage, band: Int, _ schedule: ReplicaSchedule) -> [(layers: Range<Int>, parts: [Part])] {
        let hardware = problem.hardware
        func source(_ memory: Int, _ device: Int) -> PlannedMemory.Kind? {
            hardware.devices[device].memory == memory ? nil : hardware.memories[memory].kind
        }
        func joined(_ parts: [Part]) -> [Part] {
            var result: [Part] = []
            for part in parts {
                if let same = result.firstIndex(where: { $0.device == part.device && $0.streamedFrom == part.streamedFrom }) {
                    result[same].share += part.share
                } else {
                    result.append(part)
                }
            }
            return result
        }
        if band == 2 {
            var found: [(layers: Range<Int>, parts: [Part])] = []
            for share in stage.keyValue {
                guard let device = share.computers.first?.device.rawValue else { continue }
                let part = Part(
                    device: device, share: share.part(of: problem.shape, schedule), streamedFrom: source(share.memory.rawValue, device))
                if let same = found.firstIndex(where: { $0.layers == share.layers }) {
                    found[same].parts.append(part)
                } else {
                    found.append((share.layers, [part]))
                }
            }
            return found.map { ($0.layers, merged(joined($0.parts))) }
        }
        var byLayer: [Int: [Part]] = [:]
        for placement in stage.placements {
            let layer: Int, units: Int
            switch (placement.module, band) {
            case (.attention(let index), 0): (layer, units) = (index, problem.shape.layer(index).attention.keyValueHeadCount)
            case (.feedForward(let index), 1): (layer, units) = (index, problem.shape.layer(index).feedForward.units)
            default: continue
            }
            byLayer[layer] = merged(
                joined(
                    placement.shards.compactMap { shard in
                        guard let device = shard.computers.first?.device.rawValue else { return nil }
                        return Part(
                            device: device, share: Double(shard.range.count) / Double(max(1, units)),
                            streamedFrom: source(shard.home.rawValue, device))
                    }))
        }
        var result: [(layers: Range<Int>, parts: [Part])] = []
        for layer in stage.layers {
            guard let parts = byLayer[layer] else { continue }
            if let last = result.last, last.layers.upperBound == layer, last.parts == parts {
                result[result.count - 1].layers = last.layers.lowerBound..<layer + 1
            } else {
                result.append((layer..<layer + 1, parts))
            }
        }
        return result
    }
}
