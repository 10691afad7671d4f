import Checkpoints
import Models
import Plans

/// Makes plans of drafts: shares become whole grains, everything that a plan states beside them follows from them.
struct Realiser {
    let hardware: Hardware
    let shape: ModelShape
    let keyValueFormat: KeyValueFormat
    let workload: Workload
    /// At multiples of how many KV heads and feed-forward units each run of equal layers may be cut, nothing being converted.
    private let grains: [Grains]

    typealias Grains = (attention: Int, feedForward: Int)

    init(hardware: Hardware, shape: ModelShape, keyValueFormat: KeyValueFormat, workload: Workload) {
        self.hardware = hardware
        self.shape = shape
        self.keyValueFormat = keyValueFormat
        self.workload = workload
        grains = Self.grains(shape, formats: shape.matrixFormats)
    }

    private static func grains(_ shape: ModelShape, formats: [TensorFormat]) -> [Grains] {
        shape.runs.map { ($0.layer.attention.grain(formats: formats), $0.layer.feedForward.grain(formats: formats)) }
    }

    /// Grains of stages that convert some of their weights: those formats count in all matrices.
    private func grains(of stages: [StageDraft]) -> [Grains] {
        let converted = stages.flatMap(\.converted)
        return converted.isEmpty ? grains : Self.grains(shape, formats: shape.matrixFormats + converted)
    }

    /// Whole units for shares: largest remainders, in steps of `grain`; the sum is `units`. What is less than a grain goes to the last part
    /// that has any.
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

    /// Rows of the output matrix between cuts: coarse where they divide it evenly.
    static func vocabularyGrain(_ rows: Int) -> Int {
        for size in [256, 128, 64, 32] where rows % size == 0 && rows >= 8 * size { return size }
        return CutGrain.vocabularyRows
    }

    private func shards(_ parts: [PartDraft], units: Int, grain: Int) -> [Shard] {
        if parts.count == 1 { return [shard(parts[0], 0..<units)] }
        let counts = Self.apportion(parts.map(\.share), units: units, grain: grain)
        var next = 0
        var result: [Shard] = []
        for (part, count) in zip(parts, counts) where count > 0 {
            result.append(shard(part, next..<next + count))
            next += count
        }
        return result
    }

    private func shard(_ part: PartDraft, _ range: Range<Int>) -> Shard {
        let computers = part.computers
        let layout = WeightLayout(
            home: hardware.memories[part.home].kind, isConverted: part.format != nil,
            computers: computers.map { hardware.devices[$0.device.rawValue].profile.kind })
        return Shard(range: range, home: MemoryID(part.home), layout: layout, format: part.format, computers: computers)
    }

    // MARK: Stages

    /// A stage by itself, with room for so many sequences.
    func layout(_ draft: StageDraft, sequences: Int) -> StageLayout {
        layout(draft, KeyValuePools([draft], sequences: sequences, contextTokens: workload.contextTokens), grains(of: [draft]))
    }

    func layout(_ draft: ReplicaDraft) -> ReplicaLayout {
        let pools = KeyValuePools(draft.stages, sequences: draft.sequences, contextTokens: workload.contextTokens)
        let grains = grains(of: draft.stages)
        return ReplicaLayout(stages: draft.stages.map { layout($0, pools, grains) }, block: draft.block, sliceTables: draft.slices)
    }

    private func layout(_ draft: StageDraft, _ pools: KeyValuePools, _ grains: [Grains]) -> StageLayout {
        let isFirst = draft.layers.lowerBound == 0 && !draft.startsAtFeedForward
        let isLast = draft.layers.upperBound == shape.layerCount && !draft.endsAfterAttention
        var layout = StageLayout(
            machine: draft.machine, layers: draft.layers, spans: [], pools: pools.blocks, hiddenStates: MemoryID(draft.hidden), streams: [])
        if isFirst { layout.embedding = [embedding(draft)] }
        if isLast { layout.output = shards(draft.output, units: shape.vocabularySize, grain: Self.vocabularyGrain(shape.vocabularySize)) }
        var start = 0
        for (index, run) in shape.runs.enumerated() {
            let layers = draft.layers.clamped(to: start..<start + run.count)
            start += run.count
            guard !layers.isEmpty else { continue }
            let keyValue = keyValue(draft, pools, heads: run.layer.attention.keyValueHeadCount, grain: grains[index].attention)
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
                var placement = StageLayout.Placement()
                if !lacksAttention {
                    placement.attention = shards(
                        layer.attention, units: run.layer.attention.keyValueHeadCount, grain: grains[index].attention)
                    placement.keyValue = keyValue
                }
                if !lacksFeedForward {
                    placement.feedForward = shards(layer.feedForward, units: run.layer.feedForward.units, grain: grains[index].feedForward)
                    let usual = (lacksAttention ? layer.feedForward : layer.attention).first { $0.share > 0 }
                    if run.layer.feedForward.hasSharedModule, let part = layer.shared ?? usual { placement.shared = [shard(part, 0..<1)] }
                }
                layout.spans.append(StageLayout.Span(layers: next..<end, run: index, placement: placement))
                next = end
            }
        }
        layout.streams = streams(layout, window: draft.window)
        return layout
    }

    /// The table is looked up where it lies: by the processor in host memory where there is one, else by the device that attends first.
    private func embedding(_ draft: StageDraft) -> Shard {
        var device = draft.plans.first?.attention.first?.device ?? 0
        if hardware.memories[draft.embeddingHome].kind == .host, let cpu = hardware.cpus[draft.machine], !hardware.devices[cpu].excluded {
            device = cpu
        }
        return shard(PartDraft(1, home: draft.embeddingHome, device: device), 0..<shape.vocabularySize)
    }

    /// Where the keys and values of a run's layers are, pool by pool.
    private func keyValue(_ draft: StageDraft, _ pools: KeyValuePools, heads: Int, grain: Int) -> [StageLayout.KeyValuePlace] {
        func place(_ part: KeyValueDraft, _ range: Range<Int>, _ pool: Int) -> StageLayout.KeyValuePlace {
            StageLayout.KeyValuePlace(
                heads: range, pool: pool, memory: MemoryID(part.memory), format: keyValueFormat, computers: part.computers)
        }
        var result: [StageLayout.KeyValuePlace] = []
        for pool in pools.blocks.indices {
            let byHeads = draft.keyValue.filter { !$0.bySequence }
            if byHeads.isEmpty {
                var sum = 0.0
                let middle = pools.middle(pool)
                let part = draft.keyValue.first { part in
                    sum += part.share
                    return part.share > 0 && sum >= middle
                }
                if let part = part ?? draft.keyValue.last { result.append(place(part, 0..<heads, pool)) }
                continue
            }
            // As attention's parts are divided, so that queries stay where they are made.
            var next = 0
            for (part, count) in zip(byHeads, Self.apportion(byHeads.map(\.share), units: heads, grain: grain)) where count > 0 {
                result.append(place(part, next..<next + count, pool))
                next += count
            }
        }
        return result
    }

    /// A stream for every device that multiplies weights which are not in its memory.
    private func streams(_ layout: StageLayout, window: Int) -> [WeightStream] {
        var streams: [WeightStream] = []
        func note(_ shards: [Shard]) {
            for shard in shards {
                for computer in shard.computers where hardware.devices[computer.device.rawValue].memory != shard.home.rawValue {
                    let index = streams.firstIndex { $0.device == computer.device } ?? streams.count
                    if index == streams.count {
                        streams.append(WeightStream(device: computer.device, window: max(window, Self.slots), slots: Self.slots))
                    }
                    // One slab is read into while another is sent on.
                    if hardware.memories[shard.home.rawValue].kind == .disk, !hardware.devices[computer.device.rawValue].isCPU {
                        streams[index].bounce = Self.bounceSlabs * streams[index].slabBytes
                    }
                }
            }
        }
        for span in layout.spans {
            note(span.placement.attention)
            note(span.placement.shared)
            note(span.placement.feedForward)
        }
        note(layout.output ?? [])
        return streams.sorted { $0.device.rawValue < $1.device.rawValue }
    }

    /// Slabs of a window: what is multiplied, what is ready and what is being filled, and one more so that pieces of uneven size follow
    /// closely.
    static let slots = 4
    static let bounceSlabs = 2
}
