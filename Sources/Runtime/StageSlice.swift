import Checkpoints
public import Models
public import Plans

/// What one executor runs of a model: neighbouring modules and the model's ends, cut into shards. The whole model is one slice.
///
/// Invariant: it keeps what `PlanCheck` checks, and asks for nothing that this executor cannot do.
public struct StageSlice: Sendable {
    public let model: ModelSpec
    public let stage: Stage
    /// The plan's memories that are disks.
    let disks: Set<MemoryID>
    /// Formats of all matrices of the model and the plan: they decide where these may be cut (`CutGrain`).
    let formats: [TensorFormat]

    /// Whether a shard is read each time it is used.
    func isOnDisk(_ shard: Shard) -> Bool { disks.contains(shard.home) }

    /// Placements of layers and output in the order of use.
    var modules: [ModulePlacement] { stage.placements }

    /// Columns of the chunks in which attention's output matrix is summed: between two cuts that are possible.
    func chunk(of attention: AttentionSpec) -> Int {
        let group = attention.groupSize * attention.headSize
        return group * CutGrain.attention(keyValueHeads: attention.keyValueHeadCount, groupColumns: group, formats: formats)
    }

    /// The same of a feed-forward's second matrix.
    func chunk(of feedForward: FeedForwardSpec) -> Int { CutGrain.feedForward(size: feedForward.size, formats: formats) }

    /// Layers that attend here, and therefore have keys and values here.
    var attention: [(layer: Int, spec: AttentionSpec)] {
        modules.compactMap { placement in
            guard case .attention(let layer) = placement.module else { return nil }
            return (layer, model.layers[layer].attention)
        }
    }
}

extension StageSlice {
    /// The stages of a plan of one replica, in order.
    ///
    /// - Throws: `RuntimeError.invalidPlan` for a plan that is not one of this model, `.unsupported` for what this executor cannot run
    ///   yet, by name.
    public static func all(of plan: Plan, model: ModelSpec) throws(RuntimeError) -> [StageSlice] {
        guard plan.version == Plan.currentVersion else { throw .unsupported("plan version \(plan.version)") }
        guard let replica = plan.replicas.first, plan.replicas.count == 1, !replica.stages.isEmpty else {
            throw .unsupported("a plan of several replicas")
        }
        guard let device = plan.devices.first, plan.devices.count == 1, device.kind == .cpu else {
            throw .unsupported("devices other than one CPU")
        }
        var expected: [Module: Int] = [.embedding: model.vocabularySize, .output: model.vocabularySize]
        for (index, layer) in model.layers.enumerated() {
            expected[.attention(layer: index)] = layer.attention.keyValueHeadCount
            expected[.feedForward(layer: index)] = layer.feedForward.size
        }
        for stage in replica.stages { try check(stage, plan: plan, device: device, expected: &expected) }
        if let missing = expected.keys.first { throw .invalidPlan("module \(missing) is placed nowhere") }
        let disks = Set(plan.memories.filter { $0.kind == .disk }.map(\.id))
        let shards = replica.stages.flatMap(\.placements).flatMap(\.shards)
        let formats = Set(model.linears.map(\.weight.format) + shards.compactMap(\.format)).sorted { $0.rawValue < $1.rawValue }
        return replica.stages.map { StageSlice(model: model, stage: $0, disks: disks, formats: formats) }
    }

    private static func check(_ stage: Stage, plan: Plan, device: PlannedDevice, expected: inout [Module: Int]) throws(RuntimeError) {
        let host = Set(plan.memories.filter { $0.kind == .host && $0.machine == stage.machine }.map(\.id))
        let disk = Set(plan.memories.filter { $0.kind == .disk && $0.machine == stage.machine }.map(\.id))
        for placement in stage.placements {
            guard let units = expected.removeValue(forKey: placement.module) else {
                throw .invalidPlan("module \(placement.module) is placed twice or does not exist")
            }
            var next = 0
            for shard in placement.shards {
                guard shard.range.lowerBound == next, !shard.range.isEmpty else {
                    throw .invalidPlan("the shards of \(placement.module) do not cover it once and in order")
                }
                next = shard.range.upperBound
                let isHere = host.contains(shard.home) || disk.contains(shard.home) && placement.module != .embedding
                guard isHere, shard.format == nil, shard.computers.allSatisfy({ $0.device == device.id }) else {
                    throw .unsupported("a shard of \(placement.module) outside host memory and disk, in another format or on another device")
                }
            }
            guard next == units else { throw .invalidPlan("the shards of \(placement.module) cover \(next) of \(units) units") }
        }
        guard stage.keyValue.count <= 1, stage.keyValue.allSatisfy({ host.contains($0.memory) && $0.device == device.id }) else {
            throw .unsupported("a KV cache that is divided or outside host memory")
        }
    }
}
