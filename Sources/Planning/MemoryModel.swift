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
            Double(layer?.attention.headCount ?? 0) * Double(layer?.attention.keySize ?? 0)
                + Double(layer?.attention.keyValueElements ?? 0),
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
        var weights = WeightCount(shape: shape, sharesPlaces: Self.sharePlaces(replicas))
        for replica in replicas {
            let tokens = Self.stepTokens(replica.block, promptTokens: workload.meanPrompt)
            for stage in replica.stages {
                weights.count(stage, hardware)
                add(stage, of: replica, tokens: tokens, to: &uses)
            }
        }
        for (memory, bytes) in weights.bytes { uses[memory, default: Use()].weights += bytes }
        return uses
    }

    /// Whether several replicas have weights in one memory: equal ones are then held once.
    private static func sharePlaces(_ replicas: [ReplicaLayout]) -> Bool {
        guard replicas.count > 1 else { return false }
        var seen: Set<MemoryID> = []
        for replica in replicas {
            var own: Set<MemoryID> = []
            for stage in replica.stages {
                for shard in (stage.embedding ?? []) + (stage.output ?? []) { own.insert(shard.home) }
                for span in stage.spans { for shard in span.placement.shards { own.insert(shard.home) } }
            }
            if !seen.isDisjoint(with: own) { return true }
            seen.formUnion(own)
        }
        return false
    }

    /// Everything but weights.
    private func add(_ stage: StageLayout, of replica: ReplicaLayout, tokens: Double, to uses: inout [Int: Use]) {
        var computing: [Int] = []
        func note(_ computers: [Computer]) {
            for computer in computers where !computing.contains(computer.device.rawValue) { computing.append(computer.device.rawValue) }
        }
        for span in stage.spans {
            for shard in span.placement.shards { note(shard.computers) }
            let attention = shape.runs[span.run].layer.attention
            for place in span.placement.keyValue {
                note(place.computers)
                let blocks = stage.pools.indices.contains(place.pool) ? Double(stage.pools[place.pool]) : 0
                uses[place.memory.rawValue, default: Use()].keyValue +=
                    Double(span.layers.count) * attention.keyValueBlockBytes(heads: place.heads.count, place.format) * blocks
            }
        }
        for shard in stage.output ?? [] { note(shard.computers) }
        let size = Double(replica.block.microBatchSize), count = Double(replica.block.microBatchCount)
        let working = Self.working(shape, tokens: tokens, sequences: size, logits: stage.output != nil)
        for device in computing where hardware.devices.indices.contains(device) {
            uses[hardware.devices[device].memory, default: Use()].working += working
        }
        for stream in stage.streams where hardware.devices.indices.contains(stream.device.rawValue) {
            uses[hardware.devices[stream.device.rawValue].memory, default: Use()].staging += Double(stream.window)
            if stream.bounce > 0, hardware.hosts.indices.contains(stage.machine) {
                uses[hardware.hosts[stage.machine], default: Use()].staging += Double(stream.bounce)
            }
        }
        if count > 1 {
            let prompt = stage.layers.isEmpty ? 0 : workload.meanPrompt
            uses[stage.hiddenStates.rawValue, default: Use()].hidden +=
                size * count * prompt * Double(shape.hiddenSize) * StageModel.hiddenBytes
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
