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
    ///
    /// As the executor makes them (`StageBuffers`, `CPUWorkspace`): hidden states, queries, keys, values, attended, two feed-forward rows
    /// and parts of a shared sum of every token; inputs of products in the kernels' form; rows of logits with the hidden states behind
    /// them.
    static func working(_ shape: ModelShape, tokens: Double, sequences: Double, logits: Bool) -> Double {
        let attention = shape.runs.first?.layer.attention, feedForward = shape.runs.first?.layer.feedForward
        let hidden = Double(shape.hiddenSize)
        let queries = Double(attention?.headCount ?? 0) * Double(attention?.keySize ?? 0), keys = Double(attention?.keyValueElements ?? 0)
        let inner = Double(feedForward?.size ?? 0) * Double(feedForward?.expertsPerToken ?? 1)
        let packed = shape.matrixFormats.map(Self.packedBytes).max() ?? 2
        let each = 4 * (hidden + 2 * queries + keys + 2 * inner) + 8 * hidden + packed * max(hidden, queries, inner)
        // Buffers begin on pages, and kernels have some room of their own.
        return tokens * each + Double(1 << 20) + (logits ? sequences * (Double(shape.vocabularySize) + hidden) * 4 : 0)
    }

    /// Bytes of an element of a product's input in the kernels' form.
    private static func packedBytes(_ format: TensorFormat) -> Double {
        switch format {
        case .f32: 4
        case .f16, .bf16: 2
        default: 1.25
        }
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
        // Of layers whose keys and values are brought to be attended to, two at a time have an area there.
        var areas: [StagedWay: Double] = [:]
        func note(_ computers: [Computer]) {
            for computer in computers where !computing.contains(computer.device.rawValue) { computing.append(computer.device.rawValue) }
        }
        for span in stage.spans {
            for shard in span.placement.shards { note(shard.computers) }
            let attention = shape.runs[span.run].layer.attention
            for place in span.placement.keyValue {
                note(place.computers)
                let blocks = stage.pools.indices.contains(place.pool) ? Double(stage.pools[place.pool]) : 0
                let layer = attention.keyValueBlockBytes(heads: place.heads.count, place.format) * blocks
                uses[place.memory.rawValue, default: Use()].keyValue += Double(span.layers.count) * layer
                for computer in place.computers where hardware.devices.indices.contains(computer.device.rawValue) {
                    let memory = hardware.devices[computer.device.rawValue].memory
                    if memory != place.memory.rawValue {
                        let way = StagedWay(from: place.memory.rawValue, to: memory)
                        areas[way] = max(areas[way] ?? 0, layer)
                    }
                }
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
        for (way, bytes) in areas { uses[way.to, default: Use()].staging += Self.stagedLayers * bytes }
        if count > 1 {
            let prompt = stage.layers.isEmpty ? 0 : workload.meanPrompt
            uses[stage.hiddenStates.rawValue, default: Use()].hidden +=
                size * count * prompt * Double(shape.hiddenSize) * StageModel.hiddenBytes
        }
    }

    /// Layers whose keys and values are in areas beside a device at once (`StagedCaches`).
    static let stagedLayers = 2.0

    private struct StagedWay: Hashable {
        var from: Int
        var to: Int
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
