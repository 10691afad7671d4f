import Checkpoints
import Models
import Plans

/// A plan in words and tables: what runs where, what a step is made of, what else was considered.
public struct Explanation {
    let problem: Problem
    let result: Planner.Result

    public init(_ result: Planner.Result, of problem: Problem) {
        self.problem = problem
        self.result = result
    }

    /// One line: what was found and what it does.
    public var headline: String {
        let how = result.best.note.isEmpty ? "" : " (\(result.best.note))"
        return
            "\(problem.shape.name), objective \(problem.objective.name): \(result.best.strategy)\(how): \(figures.joined(separator: ", "))"
    }

    /// What the plan is predicted to do.
    var figures: [String] {
        let best = result.best, prediction = best.prediction
        var parts: [String] = []
        if let rate = prediction.throughputTokensPerSecond { parts.append("\(Text.digits(rate)) tokens/s") }
        if let first = prediction.timeToFirstTokenSeconds { parts.append("first token after \(Text.seconds(first))") }
        if let each = prediction.timePerOutputTokenSeconds { parts.append("\(Text.seconds(each)) per token") }
        if let share = prediction.sloAttainment { parts.append("\(Text.percent(share)) in time") }
        if let price = best.pricePerHour, let rate = prediction.throughputTokensPerSecond, rate > 0 {
            parts.append("\(Text.digits(price / 3600 / rate * 1e6)) per million tokens")
        }
        return parts
    }

    public var text: String {
        [headline, placement, memories, steps, rates, leftOut, rejected].filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
    }

    /// Where the rates come from: measurements, or estimates of what can be attained.
    var rates: String {
        func names(_ chosen: (DeviceProfile) -> Bool) -> String {
            let found = problem.hardware.devices.map(\.profile).filter(chosen).map(\.name)
            return found.indices.filter { !found[..<$0].contains(found[$0]) }.map { found[$0] }.joined(separator: ", ")
        }
        func isEstimate(_ device: DeviceProfile) -> Bool { device.origin == .declared && device.source.hasSuffix(CatalogueDevice.estimate) }
        let kinds = [
            ("measured", names { $0.origin == .measured }), ("own figures", names { $0.origin == .declared && !isEstimate($0) }),
            (CatalogueDevice.estimate, names(isEstimate)),
        ]
        return kinds.filter { !$0.1.isEmpty }.map { "rates of \($0.1): \($0.0)" }.joined(separator: "\n")
    }

    /// Machines, devices, layers, shares.
    var placement: String {
        var rows = [["where", "device", "layers", "attention", "feed-forward", "from", "KV"]]
        for (number, replica) in result.best.plan.replicas.enumerated() {
            let block = replica.schedule.block
            for (index, stage) in replica.stages.enumerated() {
                let name = "replica \(number) stage \(index)"
                for (line, row) in describe(stage, replica.schedule).enumerated() { rows.append([line == 0 ? name : ""] + row) }
            }
            if block.microBatchSize * block.microBatchCount > 1 {
                rows.append(["  block", "\(block.microBatchSize) sequences x \(block.microBatchCount)"])
            }
            for table in replica.schedule.sliceTables where table.slices.count > 1 {
                rows.append(["  slices of \(table.promptTokens)", table.slices.map(String.init).joined(separator: " ")])
            }
        }
        return Text.table(rows, indent: "")
    }

    private func describe(_ stage: Stage, _ schedule: ReplicaSchedule) -> [[String]] {
        struct Line {
            var attention = 0.0, feedForward = 0.0, keyValue = 0.0
            var homes: [String: Double] = [:]
        }
        var lines: [Int: Line] = [:]
        let attentionLayers = Double(max(1, stage.attentionLayers.count)), feedForwardLayers = Double(max(1, stage.feedForwardLayers.count))
        for placement in stage.placements {
            let units: Double
            switch placement.module {
            case .attention(let layer): units = Double(problem.shape.layer(layer).attention.keyValueHeadCount) * attentionLayers
            case .feedForward(let layer): units = Double(problem.shape.layer(layer).feedForward.units) * feedForwardLayers
            case .embedding, .output, .shared: continue
            }
            for shard in placement.shards {
                guard let device = shard.computers.first?.device.rawValue else { continue }
                let share = Double(shard.range.count) / units
                if case .attention = placement.module {
                    lines[device, default: Line()].attention += share
                } else {
                    lines[device, default: Line()].feedForward += share
                }
                lines[device, default: Line()].homes[problem.hardware.memories[shard.home.rawValue].kind.rawValue, default: 0] += share
            }
        }
        for share in stage.keyValue {
            guard let device = share.computers.first?.device.rawValue else { continue }
            let layers = Double(share.layers.count) / attentionLayers
            lines[device, default: Line()].keyValue += layers * share.part(of: problem.shape, schedule)
        }
        return lines.sorted { $0.key < $1.key }.map { device, line in
            let all = max(1e-12, line.homes.values.reduce(0, +))
            let homes = line.homes.sorted { $0.key < $1.key }.map { "\($0.key) \(Text.percent($0.value / all))" }.joined(separator: ", ")
            let hardware = problem.hardware.devices[device]
            return [
                "\(hardware.label) (\(hardware.profile.name))", Self.layers(of: stage),
                Text.percent(line.attention),
                Text.percent(line.feedForward), homes, Text.percent(line.keyValue),
            ]
        }
    }

    /// First to last layer; a half stands for a layer whose attention is in the stage before, or whose feed-forward is in the stage after.
    static func layers(of stage: Stage) -> String {
        let modules = stage.modules
        let last = modules.upperBound % 2 == 0 ? "\(modules.upperBound / 2 - 1)" : "\(modules.upperBound / 2) (attention)"
        return modules.lowerBound % 2 == 0 ? "\(modules.lowerBound / 2)-\(last)" : "\(modules.lowerBound / 2) (feed-forward)-\(last)"
    }

    /// Bytes per memory against capacity.
    var memories: String {
        let uses = problem.memoryModel.uses(of: result.best.plan)
        var rows = [["memory", "weights", "KV", "hidden", "staging", "working", "sum", "of"]]
        for (memory, use) in uses.sorted(by: { $0.key < $1.key }) where use.bytes > 0 {
            let place = problem.hardware.memories[memory]
            func size(_ bytes: Double) -> String { bytes > 0 ? Text.bytes(Int(bytes)) : "-" }
            rows.append([
                place.label, size(use.weights), size(use.keyValue), size(use.hidden), size(use.staging), size(use.working),
                Text.bytes(use.bytes),
                "\(Text.bytes(place.capacity)) (\(Text.percent(Double(use.bytes) / Double(max(1, place.capacity)))))",
            ])
        }
        return Text.table(rows, indent: "")
    }

    /// A step by resource and by term, with the bottleneck named.
    var steps: String {
        guard let replica = result.best.plan.replicas.first,
            let model = try? ReplicaModel(replica, hardware: problem.hardware, shape: problem.shape)
        else { return "" }
        let sequences = Double(replica.schedule.block.sequences)
        return loads(replica).map { name, load in
            let resources = model.resources(load).sorted { ($0.value, $1.key) > ($1.value, $0.key) }
            var rows: [[String]] = []
            let whole = model.stages.count == 1 ? model.seconds(load) : model.round(load)
            for (resource, seconds) in resources.prefix(8) {
                rows.append([resource, Text.seconds(seconds), Text.percent(seconds / whole)])
            }
            let times = model.stages.map { $0.time(load) }
            func sum(_ key: KeyPath<StageTime.Terms, Double>) -> Double { times.reduce(0) { $0 + $1.terms[keyPath: key] } }
            let terms: [(String, KeyPath<StageTime.Terms, Double>)] = [
                ("attention weights", \.attentionWeights), ("keys and values", \.keyValue), ("feed-forward", \.feedForward),
                ("output matrix", \.output),
                ("exchanges", \.exchange), ("hops", \.hops), ("of it launches", \.launches),
            ]
            let listed = terms.filter { sum($0.1) > 0 }.map { "\($0.0) \(Text.seconds(sum($0.1)))" }.joined(separator: ", ")
            let slowest = zip(model.stages.indices, times).max { $0.1.seconds < $1.1.seconds }
            let bottleneck = slowest.map { index, time in "stage \(index), \(self.bottleneck(time, model.stages[index]))" } ?? "-"
            return "\(name) step of \(Text.digits(sequences)) sequences: \(Text.seconds(whole)); bottleneck: \(bottleneck)\n"
                + Text.table(rows)
                + "\n  terms: " + listed
        }.joined(separator: "\n\n")
    }

    private func bottleneck(_ time: StageTime, _ stage: StageModel) -> String {
        var candidates = [
            ("computing", time.chain), ("disk read", time.diskRead), ("disk write", time.diskWrite), ("host memory", time.hostMemory),
        ]
        for (local, device) in stage.devices.enumerated() {
            candidates.append(("link to \(problem.hardware.devices[device].label)", time.receiving[local]))
            candidates.append(("link from \(problem.hardware.devices[device].label)", time.sending[local]))
        }
        return candidates.max { $0.1 < $1.1 }?.0 ?? "-"
    }

    /// Devices that no stage uses.
    var leftOut: String {
        let used = Set(
            result.best.plan.replicas.flatMap(\.stages).flatMap { stage in
                stage.devices.map(\.rawValue)
            })
        let idle = problem.hardware.usable.filter { !used.contains($0) }
        guard !idle.isEmpty else { return "" }
        let names = idle.map { "\(problem.hardware.devices[$0].label) (\(problem.hardware.devices[$0].profile.name))" }
        return "left out, since with them the prediction is no better: \(names.joined(separator: ", "))"
    }

    /// Next-best plans and why they were not taken: the best of each strategy, then what else came near.
    var rejected: String {
        guard !result.others.isEmpty else { return "" }
        var seen: Set<String> = [result.best.note]
        var listed: [Evaluation] = [], near: [Evaluation] = []
        for other in result.others {
            // Of plans that differ in a trifle one is enough.
            guard seen.insert(other.note).inserted else { continue }
            let isNew = other.strategy != result.best.strategy && !listed.contains { $0.strategy == other.strategy }
            if isNew {
                listed.append(other)
            } else if near.count < 4, !near.contains(where: { abs($0.score - other.score) < 1e-3 * other.score }),
                abs(other.score - result.best.score) > 1e-3 * other.score
            {
                near.append(other)
            }
        }
        let rows = (listed + near).sorted { ($0.fits ? 0 : 1, $0.score) < ($1.fits ? 0 : 1, $1.score) }.prefix(10).map { other -> String in
            let name = other.note.isEmpty ? other.strategy : "\(other.strategy): \(other.note)"
            return "  \(name): \(reason(other))"
        }
        return rows.isEmpty ? "" : "also considered:\n" + rows.joined(separator: "\n")
    }

    private func reason(_ other: Evaluation) -> String {
        guard other.fits else { return "does not fit: \(other.overflows.prefix(2).joined(separator: "; "))" }
        let ratio = other.score / result.best.score
        guard ratio > 1.0005, let replica = other.plan.replicas.first,
            let model = try? ReplicaModel(replica, hardware: problem.hardware, shape: problem.shape)
        else { return "as good" }
        let load = problem.objective == .timeToFirstToken ? loads(replica)[1].1 : loads(replica)[0].1
        guard let slowest = model.stages.max(by: { $0.time(load).seconds < $1.time(load).seconds }) else { return "" }
        let time = slowest.time(load)
        return "\(Text.fixed(ratio, 2))x the score; its limit is \(bottleneck(time, slowest)), \(Text.seconds(time.seconds)) a step"
    }

    /// The replica's decode and prefill steps for the workload.
    private func loads(_ replica: Replica) -> [(String, StepLoad)] {
        let prompt = problem.workload.meanPrompt
        let count = replica.schedule.block.microBatchCount, sequences = Double(replica.schedule.block.sequences)
        return [
            ("decode", .decode(sequences: sequences, context: prompt + problem.workload.meanOutput / 2, microBatches: count)),
            ("prefill", .prefill(sequences: sequences, tokens: prompt, microBatches: count)),
        ]
    }
}
