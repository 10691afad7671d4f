public import Models
public import Plans

/// Whether a plan keeps the invariant of `Plan`: stages cover all layers once and in order, shards cover each module exactly once, every range has one computing device for every token
/// count, every KV head of every sequence has a place, everything is within its machine, everything named exists, and weights and cache fit their memories.
///
/// Independent of the searches: it reads nothing but the plan, the model's shape and the profile's numbering, and adds up bytes by itself.
public enum PlanCheck {
    /// What is wrong, in words; empty: nothing.
    ///
    /// - Parameter declares: whether the plan's own lists of devices and memories must name all that its stages use.
    public static func problems(_ plan: Plan, shape: ModelShape, hardware: Hardware, declares: Bool = true) -> [String] {
        var check = Check(shape: shape, hardware: hardware)
        if plan.replicas.isEmpty { check.found.append("no replicas") }
        for (number, replica) in plan.replicas.enumerated() { check.replica(replica, "replica \(number)") }
        check.capacities()
        if declares {
            let devices = Set(plan.devices.map(\.id.rawValue)), memories = Set(plan.memories.map(\.id.rawValue))
            for device in check.devices.subtracting(devices).sorted() { check.found.append("device \(device) is used but not listed") }
            for memory in Set(check.bytes.keys).subtracting(memories).sorted() { check.found.append("memory \(memory) is used but not listed") }
        }
        return check.found
    }

    private struct Check {
        let shape: ModelShape
        let hardware: Hardware
        var found: [String] = []
        /// Of weights and cache, by memory.
        var bytes: [Int: Double] = [:]
        var devices: Set<Int> = []

        mutating func replica(_ replica: Replica, _ name: String) {
            var next = 0
            for (index, stage) in replica.stages.enumerated() {
                let name = "\(name), stage \(index)"
                // In modules, two per layer: a boundary may lie between a layer's attention and its feed-forward.
                let modules = stage.modules
                if modules.lowerBound != next || modules.isEmpty {
                    found.append(
                        "\(name): layers \(stage.layers) do not follow \(next % 2 == 0 ? "layer \(next / 2 - 1)" : "the attention of layer \(next / 2)")"
                    )
                }
                next = modules.upperBound
                if stage.hasEmbedding != (index == 0) { found.append("\(name): embedding belongs on the first stage") }
                if stage.hasOutput != (index == replica.stages.count - 1) { found.append("\(name): output belongs on the last stage") }
                self.stage(stage, name)
            }
            if next != 2 * shape.layerCount { found.append("\(name): \(next / 2) of \(shape.layerCount) layers") }
            for table in replica.sliceTables
            where table.slices.contains(where: { $0 < 1 }) || table.slices.reduce(0, { $0 &+ $1 }) != table.promptTokens {
                found.append("\(name): slices \(table.slices) of a prompt of \(table.promptTokens) tokens")
            }
            if replica.block.microBatchSize < 1 || replica.block.microBatchCount < 1 { found.append("\(name): an empty block") }
        }

        mutating func stage(_ stage: Stage, _ name: String) {
            var wanted: [Module: (units: Int, elements: Int)] = [:]
            var first = 0
            let modules = stage.modules
            for run in shape.runs {
                for layer in stage.layers.clamped(to: first..<first + run.count) {
                    if modules.contains(2 * layer) {
                        let attention = run.layer.attention
                        wanted[.attention(layer: layer)] = (attention.keyValueHeadCount, attention.elements + run.layer.normElements)
                        cache(stage, attention, name)
                    }
                    if modules.contains(2 * layer + 1) {
                        wanted[.feedForward(layer: layer)] = (run.layer.feedForward.units, run.layer.feedForward.elements)
                    }
                }
                first += run.count
            }
            if stage.hasEmbedding { wanted[.embedding] = (shape.vocabularySize, shape.embeddingElements) }
            if stage.hasOutput { wanted[.output] = (shape.vocabularySize, shape.tied && stage.hasEmbedding ? 0 : shape.outputElements) }
            for placement in stage.placements {
                guard let (units, elements) = wanted.removeValue(forKey: placement.module) else {
                    found.append("\(name): \(placement.module) is there twice or does not belong here")
                    continue
                }
                cover(placement.shards.map(\.range), units, "\(name): \(placement.module)")
                for shard in placement.shards {
                    let share = Double(shard.range.count) / Double(max(1, units))
                    memory(shard.home, stage, Double(elements) * share * (shard.format?.bytesPerElement ?? shape.bytesPerElement), name)
                    if shard.computers.first?.fromTokens != 1 { found.append("\(name): a shard of \(placement.module) that nobody computes") }
                    for (one, next) in zip(shard.computers, shard.computers.dropFirst()) where one.fromTokens >= next.fromTokens {
                        found.append("\(name): a shard of \(placement.module) that two devices compute at \(next.fromTokens) tokens")
                    }
                    for computer in shard.computers { device(computer.device, stage, name) }
                }
            }
            for module in wanted.keys { found.append("\(name): \(module) is missing") }
            memory(stage.hiddenStates, stage, 0, name)
            heads(stage, name)
        }

        /// Every KV head has places for all sequences.
        mutating func heads(_ stage: Stage, _ name: String) {
            guard !stage.attentionLayers.isEmpty, stage.layers.lowerBound < shape.layerCount, stage.layers.lowerBound >= 0 else { return }
            let count = shape.layer(stage.layers.lowerBound).attention.keyValueHeadCount
            let edges = Set(stage.keyValue.flatMap { [$0.heads.lowerBound, $0.heads.upperBound] } + [0, count]).sorted()
            for (from, to) in zip(edges, edges.dropFirst()) {
                let share = stage.keyValue.reduce(0.0) { $1.heads.lowerBound <= from && $1.heads.upperBound >= to ? $0 + $1.sequences : $0 }
                let wanted = from >= 0 && to <= count ? 1.0 : 0
                if abs(share - wanted) > 1e-6 { found.append("\(name): keys and values of heads \(from)..<\(to) have \(share) places") }
            }
            for share in stage.keyValue {
                device(share.device, stage, name)
                if let bulk = share.bulk { device(bulk.device, stage, name) }
            }
        }

        /// Bytes of one layer's cache.
        mutating func cache(_ stage: Stage, _ attention: AttentionShape, _ name: String) {
            for share in stage.keyValue {
                let elements = Double(attention.keyValueElements) * Double(share.heads.count) / Double(max(1, attention.keyValueHeadCount))
                memory(share.memory, stage, elements * share.format.bytesPerElement * Double(share.capacityTokens), name)
            }
        }

        mutating func memory(_ id: MemoryID, _ stage: Stage, _ size: Double, _ name: String) {
            guard hardware.memories.indices.contains(id.rawValue) else {
                found.append("\(name): unknown memory \(id.rawValue)")
                return
            }
            let place = hardware.memories[id.rawValue]
            if place.machine != stage.machine.rawValue { found.append("\(name): \(place.label) is in another machine") }
            bytes[id.rawValue, default: 0] += size
        }

        mutating func device(_ id: DeviceID, _ stage: Stage, _ name: String) {
            guard hardware.devices.indices.contains(id.rawValue) else {
                found.append("\(name): unknown device \(id.rawValue)")
                return
            }
            let device = hardware.devices[id.rawValue]
            devices.insert(id.rawValue)
            if device.machine != stage.machine.rawValue { found.append("\(name): \(device.label) is in another machine") }
            if device.excluded { found.append("\(name): \(device.label) is excluded") }
        }

        mutating func capacities() {
            for (memory, size) in bytes.sorted(by: { $0.key < $1.key }) where size > Double(hardware.memories[memory].capacity) + 1 {
                found.append("\(hardware.memories[memory].label) holds \(hardware.memories[memory].capacity) bytes, weights and cache take \(size)")
            }
        }

        mutating func cover(_ ranges: [Range<Int>], _ units: Int, _ name: String) {
            var next = 0
            for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                if range.lowerBound != next || range.isEmpty { found.append("\(name): shard \(range) does not follow \(next)") }
                next = range.upperBound
            }
            if next != units { found.append("\(name): \(next) of \(units) units") }
        }
    }
}
