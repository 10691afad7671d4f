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

    public func uses(of plan: Plan) -> [Int: Use] {
        var uses: [Int: Use] = [:]
        for replica in plan.replicas {
            let tokens = Self.stepTokens(replica.block, promptTokens: workload.meanPrompt)
            let sequences = Double(replica.block.microBatchSize)
            for stage in replica.stages { add(stage, of: replica, tokens: tokens, sequences: sequences, to: &uses) }
        }
        return uses
    }

    private func add(_ stage: Stage, of replica: Replica, tokens: Double, sequences: Double, to uses: inout [Int: Use]) {
        var computing: Set<Int> = [], streaming: Set<Int> = []
        for placement in stage.placements {
            let elements: Double, units: Int
            switch placement.module {
            case .embedding: (elements, units) = (Double(shape.embeddingElements), shape.vocabularySize)
            case .output:
                // A tied table is stored once where both ends are on one machine; replicas of it are stored where they are used.
                elements = shape.tied && stage.hasEmbedding ? 0 : Double(shape.outputElements)
                units = shape.vocabularySize
            case .attention(let layer):
                guard layer < shape.layerCount else { continue }
                let found = shape.layer(layer)
                (elements, units) = (Double(found.attention.elements + found.normElements), found.attention.keyValueHeadCount)
            case .feedForward(let layer):
                guard layer < shape.layerCount else { continue }
                let found = shape.layer(layer).feedForward
                (elements, units) = (Double(found.elements), found.units)
            }
            for shard in placement.shards {
                let share = Double(shard.range.count) / Double(max(1, units))
                uses[shard.home.rawValue, default: Use()].weights += elements * share * (shard.format?.bytesPerElement ?? shape.bytesPerElement)
                for computer in shard.computers where hardware.devices.indices.contains(computer.device.rawValue) {
                    computing.insert(computer.device.rawValue)
                    if hardware.devices[computer.device.rawValue].memory != shard.home.rawValue { streaming.insert(computer.device.rawValue) }
                }
            }
        }
        let attentionLayers = stage.attentionLayers
        for share in stage.keyValue {
            var bytes = 0.0
            var next = 0
            for run in shape.runs {
                let count = attentionLayers.clamped(to: next..<next + run.count).count
                next += run.count
                let heads = Double(max(1, run.layer.attention.keyValueHeadCount))
                bytes += Double(count) * Double(run.layer.attention.keyValueElements) * Double(share.heads.count) / heads
            }
            uses[share.memory.rawValue, default: Use()].keyValue += bytes * share.format.bytesPerElement * Double(share.capacityTokens)
            computing.insert(share.device.rawValue)
            if let bulk = share.bulk { computing.insert(bulk.device.rawValue) }
        }
        for device in computing where hardware.devices.indices.contains(device) {
            uses[hardware.devices[device].memory, default: Use()].working += Self.working(
                shape, tokens: tokens, sequences: sequences, logits: stage.hasOutput)
        }
        for device in streaming { uses[hardware.devices[device].memory, default: Use()].staging += Double(stage.streamingWindow) }
        if replica.block.microBatchCount > 1 {
            let prompt = stage.layers.isEmpty ? 0 : workload.meanPrompt
            uses[stage.hiddenStates.rawValue, default: Use()].hidden +=
                Double(replica.block.microBatchSize * replica.block.microBatchCount) * prompt * Double(shape.hiddenSize) * StageModel.hiddenBytes
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
