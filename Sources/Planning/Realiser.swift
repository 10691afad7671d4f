import Checkpoints
import Models
import Plans

/// Makes plans of drafts: shares become whole units.
struct Realiser {
    let hardware: Hardware
    let shape: ModelShape
    let keyValueFormat: KeyValueFormat
    let contextTokens: Int

    /// Whole units for shares: largest remainders, in steps of `grain`; the sum is `units`.
    static func apportion(_ shares: [Double], units: Int, grain: Int) -> [Int] {
        let total = shares.reduce(0, +)
        guard total > 0, units > 0 else { return shares.indices.map { $0 == 0 ? units : 0 } }
        let grains = max(1, units / max(1, grain))
        var counts: [Int] = [], rests: [(Double, Int)] = []
        for (index, share) in shares.enumerated() {
            let exact = share / total * Double(grains)
            // A hair below a whole number is that number.
            let whole = Int((exact + 1e-9).rounded(.down))
            counts.append(whole)
            rests.append((exact - Double(whole), index))
        }
        var missing = grains - counts.reduce(0, +)
        for (_, index) in rests.sorted(by: { ($0.0, -$0.1) > ($1.0, -$1.1) }) where missing > 0 {
            counts[index] += 1
            missing -= 1
        }
        var result = counts.map { $0 * max(1, grain) }
        let rest = units - result.reduce(0, +)
        if let last = result.lastIndex(where: { $0 > 0 }) { result[last] += rest } else { result[0] += rest }
        return result
    }

    private func shards(_ parts: [PartDraft], units: Int, grain: Int) -> [Shard] {
        let counts = Self.apportion(parts.map(\.share), units: units, grain: grain)
        var next = 0
        var result: [Shard] = []
        for (part, count) in zip(parts, counts) where count > 0 {
            result.append(Shard(range: next..<next + count, home: MemoryID(part.home), format: part.format, computers: part.computers))
            next += count
        }
        return result
    }

    func grain(of units: Int) -> Int {
        for size in [256, 128, 64, 32] where units % size == 0 && units >= 8 * size && size >= shape.format.blockElements { return size }
        return shape.format.blockElements > 1 && units % shape.format.blockElements == 0 ? shape.format.blockElements : 1
    }

    func stage(_ draft: StageDraft, sequences: Int) -> Stage { layout(draft, sequences: sequences).stage }

    func layout(_ draft: StageDraft, sequences: Int) -> StageLayout {
        let isFirst = draft.layers.lowerBound == 0 && !draft.startsAtFeedForward
        let isLast = draft.layers.upperBound == shape.layerCount && !draft.endsAfterAttention
        var embedding: [Shard]?, output: [Shard]?
        if isFirst {
            let part = PartDraft(1, home: draft.embeddingHome, device: draft.plans.first?.attention.first?.device ?? 0)
            embedding = shards([part], units: shape.vocabularySize, grain: 1)
        }
        if isLast { output = shards(draft.output, units: shape.vocabularySize, grain: grain(of: shape.vocabularySize)) }
        var spans: [StageLayout.Span] = []
        var start = 0
        for (index, run) in shape.runs.enumerated() {
            let layers = draft.layers.clamped(to: start..<start + run.count)
            start += run.count
            guard !layers.isEmpty else { continue }
            let units = run.layer.feedForward.units
            let grain = run.layer.feedForward.expertsPerToken == nil ? grain(of: units) : 1
            var next = layers.lowerBound
            while next < layers.upperBound {
                let layer = draft.layer(next)
                var end = draft.plans.count == 1 ? layers.upperBound : next + 1
                while end < layers.upperBound, draft.layer(end) == layer { end += 1 }
                // A layer of which one module is in the neighbouring stage is a span of its own.
                let lacksAttention = draft.startsAtFeedForward && next == draft.layers.lowerBound
                if lacksAttention { end = next + 1 }
                if draft.endsAfterAttention { end = min(end, max(next + 1, draft.layers.upperBound - 1)) }
                let lacksFeedForward = draft.endsAfterAttention && next == draft.layers.upperBound - 1
                spans.append(
                    StageLayout.Span(
                        layers: next..<end, run: index,
                        attention: lacksAttention ? [] : shards(layer.attention, units: run.layer.attention.keyValueHeadCount, grain: 1),
                        feedForward: lacksFeedForward ? [] : shards(layer.feedForward, units: units, grain: grain)))
                next = end
            }
        }
        return StageLayout(
            machine: draft.machine, layers: draft.layers, embedding: embedding, output: output, spans: spans,
            keyValue: keyValue(draft, sequences: sequences), hiddenStates: MemoryID(draft.hidden), streamingWindow: draft.window)
    }

    /// Shares of the cache, with room for so many sequences at full context.
    private func keyValue(_ draft: StageDraft, sequences: Int) -> [KeyValueShare] {
        let all = draft.layers.isEmpty ? 0 : shape.layer(draft.layers.lowerBound).attention.keyValueHeadCount
        let heads = Self.apportion(draft.keyValue.map { $0.bySequence ? 0 : $0.share }, units: all, grain: 1)
        let tokens = sequences.multipliedReportingOverflow(by: contextTokens)
        let room = tokens.overflow ? Int.max : tokens.partialValue
        var shares: [KeyValueShare] = []
        var next = 0, left = room
        let attends = draft.layers.count > (draft.startsAtFeedForward ? 1 : 0)
        for (index, part) in draft.keyValue.enumerated() where attends {
            var heads = 0..<(part.bySequence ? all : heads[index]), sequences = 1.0, capacity = room
            if part.bySequence {
                guard part.share > 1e-9 else { continue }
                sequences = min(1, part.share)
                // Rounded down, so that what was planned to fit does; the last share takes the rest.
                capacity = index == draft.keyValue.count - 1 ? left : min(left, Int(min(9e18, part.share * Double(room) + 1e-6)))
                left -= capacity
            } else {
                guard !heads.isEmpty else { continue }
                heads = next..<next + heads.count
                next = heads.upperBound
            }
            shares.append(
                KeyValueShare(
                    heads: heads, sequences: sequences, memory: MemoryID(part.memory), device: DeviceID(part.device), bulk: part.computer,
                    format: keyValueFormat, capacityTokens: capacity))
        }
        return shares
    }

    func layout(_ draft: ReplicaDraft) -> ReplicaLayout {
        ReplicaLayout(stages: draft.stages.map { layout($0, sequences: draft.sequences) }, block: draft.block, sliceTables: draft.slices)
    }

    func plan(_ replicas: [ReplicaDraft]) -> Plan { plan(replicas.map(layout)) }

    func plan(_ layouts: [ReplicaLayout]) -> Plan {
        var devices: Set<Int> = [], memories: Set<Int> = []
        func note(_ shards: [Shard]) {
            for shard in shards {
                memories.insert(shard.home.rawValue)
                for computer in shard.computers { devices.insert(computer.device.rawValue) }
            }
        }
        for stage in layouts.lazy.flatMap(\.stages) {
            note(stage.embedding ?? [])
            note(stage.output ?? [])
            for span in stage.spans {
                note(span.attention)
                note(span.feedForward)
            }
            for share in stage.keyValue {
                memories.insert(share.memory.rawValue)
                devices.insert(share.device.rawValue)
                if let bulk = share.bulk { devices.insert(bulk.device.rawValue) }
            }
            memories.insert(stage.hiddenStates.rawValue)
        }
        let built = layouts.map(\.replica)
        for device in devices { memories.insert(hardware.devices[device].memory) }
        return Plan(
            model: "", profile: hardware.fingerprint,
            devices: devices.sorted().map { index in
                let device = hardware.devices[index]
                return PlannedDevice(
                    id: DeviceID(index), machine: MachineID(device.machine), kind: device.profile.kind,
                    name: "\(device.label) (\(device.profile.name))")
            },
            memories: memories.sorted().map { index in
                let memory = hardware.memories[index]
                return PlannedMemory(
                    id: MemoryID(index), machine: MachineID(memory.machine), kind: memory.kind, name: memory.label, capacity: memory.capacity)
            }, replicas: built)
    }
}
