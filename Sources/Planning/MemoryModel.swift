import Checkpoints
public import Models
public import Plans

/// Peak bytes a plan takes of each memory: weights, KV cache, hidden states, staging windows, working buffers.
public struct MemoryModel: Sendable {
    public struct Use: Sendable, Equatable {
        public var weights = 0.0
        public var keyValue = 0.0
        public var hidden = 0.0
        public var staging = 0.0
        public var working = 0.0

        public var bytes: Int { Int(min(9e17, (weights + keyValue + hidden + staging + working).rounded(.up))) }
    }

    let hardware: Hardware
    let shape: ModelShape
    let workload: Workload

    public init(hardware: Hardware, shape: ModelShape, workload: Workload) {
        self.hardware = hardware
        self.shape = shape
        self.workload = workload
    }

    /// Bytes of working buffers for one step on a device: inputs and outputs of the widest module for the tokens of a step, and logits.
    static func working(_ shape: ModelShape, tokens: Double, sequences: Double, logits: Bool) -> Double {
        let layer = shape.runs.first?.layer
        let wide = max(
            Double(layer?.attention.headCount ?? 0) * Double(layer?.attention.keySize ?? 0) + Double(layer?.attention.keyValueElements ?? 0),
            2 * Double(layer?.feedForward.size ?? 0) * Double(layer?.feedForward.expertsPerToken ?? 1))
        return tokens * (3 * Double(shape.hiddenSize) + wide) * 2 + (logits ? sequences * Double(shape.vocabularySize) * 4 : 0)
    }

    /// Tokens of the largest step of a replica with this block.
    static func stepTokens(_ block: BlockGeometry, promptTokens: Double) -> Double {
        max(Double(block.microBatchSize), min(ReplicaModel.longestStep, Double(block.microBatchSize) * promptTokens))
    }

    /// A plan that cannot be compressed (layers without a placement) uses nothing: it cannot run.
    public func uses(of plan: Plan) -> [Int: Use] {
        var layouts: [ReplicaLayout] = []
        for replica in plan.replicas { if let layout = try? ReplicaLayout(replica, shape: shape) { layouts.append(layout) } }
        return uses(of: layouts)
    }

    func uses(of replicas: [ReplicaLayout]) -> [Int: Use] {
        var uses: [Int: Use] = [:]
        for replica in replicas {
            let tokens = Self.stepTokens(replica.block, promptTokens: workload.meanPrompt)
            let sequences = Double(replica.block.microBatchSize)
            for stage in replica.stages { add(stage, of: replica, tokens: tokens, sequences: sequences, to: &uses) }
        }
        return uses
    }

    private func add(_ stage: StageLayout, of replica: ReplicaLayout, tokens: Double, sequences: Double, to uses: inout [Int: Use]) {
        var computing: [Int] = [], streaming: [Int] = []
        func note(_ device: Int) { if !computing.contains(device) { computing.append(device) } }
        func add(_ shards: [Shard], elements: Double, units: Int, streams: Bool = true) {
            for shard in shards {
                let share = Double(shard.range.count) / Double(max(1, units))
                uses[shard.home.rawValue, default: Use()].weights += elements * share * (shard.format?.bytesPerElement ?? shape.bytesPerElement)
                for computer in shard.computers where hardware.devices.indices.contains(computer.device.rawValue) {
                    let device = computer.device.rawValue
                    note(device)
                    if streams, hardware.devices[device].memory != shard.home.rawValue, !streaming.contains(device) { streaming.append(device) }
                }
            }
        }
        // Of the table only the rows of a step's tokens are read: nothing to stage.
        if let shards = stage.embedding { add(shards, elements: Double(shape.embeddingElements), units: shape.vocabularySize, streams: false) }
        for span in stage.spans {
            let layer = shape.runs[span.run].layer, count = Double(span.layers.count)
            add(span.attention, elements: count * Double(layer.attention.elements + layer.normElements), units: layer.attention.keyValueHeadCount)
            add(span.feedForward, elements: count * Double(layer.feedForward.elements), units: layer.feedForward.units)
        }
        if let shards = stage.output {
            // A tied table is stored once where both ends are in one memory; copies of it are stored where they are used.
            let homes = shape.tied ? (stage.embedding ?? []).map(\.home) : []
            for shard in shards {
                add([shard], elements: homes.contains(shard.home) ? 0 : Double(shape.outputElements), units: shape.vocabularySize)
            }
        }
        for share in stage.keyValue {
            var elements = 0.0
            for span in stage.spans where !span.attention.isEmpty {
                let attention = shape.runs[span.run].layer.attention
                let heads = Double(max(1, attention.keyValueHeadCount))
                elements += Double(span.layers.count) * Double(attention.keyValueElements) * Double(share.heads.count) / heads
            }
            uses[share.memory.rawValue, default: Use()].keyValue += elements * share.format.bytesPerElement * Double(share.capacityTokens)
            note(share.device.rawValue)
            if let bulk = share.bulk { note(bulk.device.rawValue) }
        }
        let working = Self.working(shape, tokens: tokens, sequences: sequences, logits: stage.output != nil)
        for device in computing where hardware.devices.indices.contains(device) {
            uses[hardware.devices[device].memory, default: Use()].working += working
        }
        for device in streaming { uses[hardware.devices[device].memory, default: Use()].staging += Double(stage.streamingWindow) }
        if replica.block.microBatchCount > 1 {
            let prompt = stage.layers.isEmpty ? 0 : workload.meanPrompt
            uses[stage.hiddenStates.rawValue, default: Use()].hidden +=
                Double(replica.block.microBatchSize) * Double(replica.block.microBatchCount) * prompt * Double(shape.hiddenSize)
                * StageModel.hiddenBytes
        }
    }

    /// What overflows, in words; empty where the plan fits.
    public func overflows(_ uses: [Int: Use]) -> [String] {
        uses.sorted { $0.key < $1.key }.compactMap { memory, use in
            guard hardware.memories.indices.contains(memory) else { return "memory \(memory) is not in the profile" }
            let place = hardware.memories[memory]
            return use.bytes > place.capacity ? "\(place.label) needs \(Text.bytes(use.bytes)), has \(Text.bytes(place.capacity))" : nil
        }
    }
}
