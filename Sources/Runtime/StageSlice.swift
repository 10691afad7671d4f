public import Models
public import Plans

/// What one executor runs of a model: neighbouring modules and the model's ends, cut into shards. The whole model is one slice.
///
/// Invariant: it keeps what `PlanCheck` checks, and asks for nothing that this executor cannot do.
public struct StageSlice: Sendable {
    public let model: ModelSpec
    public let stage: Stage

    /// Placements of layers and output in the order of use.
    var modules: [ModulePlacement] { stage.placements }

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
        return replica.stages.map { StageSlice(model: model, stage: $0) }
    }

    private static func check(_ stage: Stage, plan: Plan, device: PlannedDevice, expected: inout [Module: Int]) throws(RuntimeError) {
        let host = Set(plan.memories.filter { $0.kind == .host && $0.machine == stage.machine }.map(\.id))
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
                guard host.contains(shard.home), shard.format == nil, shard.computers.allSatisfy({ $0.device == device.id }) else {
                    throw .unsupported("a shard of \(placement.module) outside host memory, in another format or on another device")
                }
            }
            guard next == units else { throw .invalidPlan("the shards of \(placement.module) cover \(next) of \(units) units") }
        }
        guard stage.keyValue.count <= 1, stage.keyValue.allSatisfy({ host.contains($0.memory) && $0.device == device.id }) else {
            throw .unsupported("a KV cache that is divided or outside host memory")
        }
    }
}
