import Checkpoints
import Models
import Plans

/// A share of a module before it is rounded to whole units.
struct PartDraft {
    var share: Double
    /// Memory and device, as the hardware numbers them.
    var home: Int
    var device: Int
    /// Another device from so many tokens in a step on.
    var bulk: (fromTokens: Int, device: Int)?
    var format: TensorFormat?

    init(_ share: Double, home: Int, device: Int, bulk: (fromTokens: Int, device: Int)? = nil, format: TensorFormat? = nil) {
        self.share = share
        self.home = home
        self.device = device
        self.bulk = bulk
        self.format = format
    }
}

struct LayerDraft {
    var attention: [PartDraft]
    var feedForward: [PartDraft]
}

/// Keys and values: a share of the heads (as attention's parts are) or of the sequences.
struct KeyValueDraft {
    var share: Double
    var bySequence = false
    var memory: Int
    var device: Int
    var bulk: (fromTokens: Int, device: Int)?

    var computer: Shard.Computer? {
        bulk.flatMap { $0.device == device ? nil : Shard.Computer(fromTokens: $0.fromTokens, device: DeviceID($0.device)) }
    }
}

struct StageDraft {
    var machine: Int
    var layers: Range<Int>
    /// One for all layers, or one per layer of the stage.
    var plans: [LayerDraft]
    var output: [PartDraft]
    var embeddingHome: Int
    var keyValue: [KeyValueDraft]
    var hidden: Int
    var window = 0
    /// The first layer's attention is in the stage before; the last layer's feed-forward is in the stage after.
    var startsAtFeedForward = false
    var endsAfterAttention = false

    func layer(_ index: Int) -> LayerDraft { plans.count == 1 ? plans[0] : plans[index - layers.lowerBound] }
}

struct ReplicaDraft {
    var stages: [StageDraft]
    var block = BlockGeometry.single
    var slices: [SliceTable] = []
    /// Sequences the KV cache has room for.
    var sequences = 1
}

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
            var computers = [Shard.Computer(device: DeviceID(part.device))]
            if let bulk = part.bulk, bulk.device != part.device {
                computers.append(.init(fromTokens: bulk.fromTokens, device: DeviceID(bulk.device)))
            }
            result.append(Shard(range: next..<next + count, home: MemoryID(part.home), format: part.format, computers: computers))
            next += count
        }
        return result
    }

    func grain(of units: Int) -> Int {
        for size in [256, 128, 64, 32] where units % size == 0 && units >= 8 * size && size >= shape.format.blockElements { return size }
        return shape.format.blockElements > 1 && units % shape.format.blockElements == 0 ? shape.format.blockElements : 1
    }

    func stage(_ draft: StageDraft, sequences: Int) -> Stage {
        let first = draft.layers.lowerBound == 0 && !draft.startsAtFeedForward
        let last = draft.layers.upperBound == shape.layerCount && !draft.endsAfterAttention
        var placements: [ModulePlacement] = []
        if first {
            let part = PartDraft(1, home: draft.embeddingHome, device: draft.plans.first?.attention.first?.device ?? 0)
            placements.append(ModulePlacement(module: .embedding, shards: shards([part], units: shape.vocabularySize, grain: 1)))
        }
        var heads: [Int] = []
        var previous: (LayerShape, [Shard], [Shard])?
        for index in draft.layers {
            let hasAttention = !(draft.startsAtFeedForward && index == draft.layers.lowerBound)
            let hasFeedForward = !(draft.endsAfterAttention && index == draft.layers.upperBound - 1)
            let described = shape.layer(index)
            // Layers placed alike share their shards.
            let known = draft.plans.count == 1 && previous?.0 == described ? previous : nil
            let layer = draft.layer(index)
            let attention = known?.1 ?? shards(layer.attention, units: described.attention.keyValueHeadCount, grain: 1)
            let units = described.feedForward.units
            let grain = described.feedForward.expertsPerToken == nil ? grain(of: units) : 1
            let feedForward = known?.2 ?? shards(layer.feedForward, units: units, grain: grain)
            if hasAttention { placements.append(ModulePlacement(module: .attention(layer: index), shards: attention)) }
            if hasFeedForward { placements.append(ModulePlacement(module: .feedForward(layer: index), shards: feedForward)) }
            previous = (described, attention, feedForward)
            if hasAttention && heads.isEmpty {
                heads = Self.apportion(draft.keyValue.map { $0.bySequence ? 0 : $0.share }, units: described.attention.keyValueHeadCount, grain: 1)
            }
        }
        if last {
            placements.append(
                ModulePlacement(module: .output, shards: shards(draft.output, units: shape.vocabularySize, grain: grain(of: shape.vocabularySize))))
        }
        var shares: [KeyValueShare] = []
        let all = draft.layers.isEmpty ? 0 : shape.layer(draft.layers.lowerBound).attention.keyValueHeadCount
        let tokens = sequences * contextTokens
        var next = 0
        let attends = draft.layers.count > (draft.startsAtFeedForward ? 1 : 0)
        for (index, part) in draft.keyValue.enumerated() where attends {
            if part.bySequence {
                guard part.share > 1e-9 else { continue }
                shares.append(
                    KeyValueShare(
                        heads: 0..<all, sequences: min(1, part.share), memory: MemoryID(part.memory), device: DeviceID(part.device),
                        bulk: part.computer,
                        format: keyValueFormat,
                        capacityTokens: Int((part.share * Double(tokens)).rounded(.up))))
            } else if heads[index] > 0 {
                shares.append(
                    KeyValueShare(
                        heads: next..<next + heads[index], memory: MemoryID(part.memory), device: DeviceID(part.device), bulk: part.computer,
                        format: keyValueFormat,
                        capacityTokens: tokens))
                next += heads[index]
            }
        }
        return Stage(
            machine: MachineID(draft.machine), layers: draft.layers, hasEmbedding: first, hasOutput: last, placements: placements, keyValue: shares,
            hiddenStates: MemoryID(draft.hidden), streamingWindow: draft.window)
    }

    func plan(_ replicas: [ReplicaDraft]) -> Plan {
        let built = replicas.map { draft in
            Replica(stages: draft.stages.map { stage($0, sequences: draft.sequences) }, block: draft.block, sliceTables: draft.slices)
        }
        var devices: Set<Int> = [], memories: Set<Int> = []
        for stage in built.flatMap(\.stages) {
            for shard in stage.placements.flatMap(\.shards) {
                memories.insert(shard.home.rawValue)
                for computer in shard.computers { devices.insert(computer.device.rawValue) }
            }
            for share in stage.keyValue {
                memories.insert(share.memory.rawValue)
                devices.insert(share.device.rawValue)
                if let bulk = share.bulk { devices.insert(bulk.device.rawValue) }
            }
            memories.insert(stage.hiddenStates.rawValue)
        }
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
