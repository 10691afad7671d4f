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

    /// Whether a shard is read each time it is used.
    func isOnDisk(_ shard: Shard) -> Bool { disks.contains(shard.home) }

    /// The formats that decide where matrices are cut into chunks: those of the whole model, whatever this slice holds of it.
    let formats: [TensorFormat]

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
    /// - Throws: `RuntimeError.invalidPlan` for a plan that `PlanCheck` finds fault with or that is not one of this model, `.unsupported`
    ///   for what this executor cannot run yet, by name.
    public static func all(of plan: Plan, model: ModelSpec) throws(RuntimeError) -> [StageSlice] {
        let shape = ModelShape(model)
        let problems = PlanCheck.problems(plan, shape: shape, inventory: plan.inventory)
        if let first = problems.first {
            throw .invalidPlan(problems.count == 1 ? first : "\(first); and \(problems.count - 1) more")
        }
        guard let replica = plan.replicas.first, plan.replicas.count == 1 else { throw .unsupported("a plan of several replicas") }
        guard let device = plan.devices.first, plan.devices.count == 1, device.kind == .cpu else {
            throw .unsupported("devices other than one CPU")
        }
        if replica.schedule.pools.count > 1 { throw .unsupported("keys and values of different sequences in different memories") }
        if replica.schedule.block.microBatchCount > 1 { throw .unsupported("blocks of several micro-batches") }
        for stage in replica.stages { try check(stage, device: device, memories: plan.memories) }
        let disks = Set(plan.memories.filter { $0.kind == .disk }.map(\.id))
        return replica.stages.map { StageSlice(model: model, stage: $0, disks: disks, formats: shape.matrixFormats) }
    }

    /// Refuses by name what one processor, its memory and disks do not do.
    private static func check(_ stage: Stage, device: PlannedDevice, memories: [PlannedMemory]) throws(RuntimeError) {
        let disks = Set(memories.filter { $0.kind == .disk }.map(\.id))
        for placement in stage.placements {
            if case .shared = placement.module { throw .unsupported("mixtures of experts") }
            for shard in placement.shards {
                if shard.format != nil { throw .unsupported("\(placement.module) in another format than the checkpoint's") }
                if shard.home == device.memory { continue }
                guard disks.contains(shard.home), placement.module != .embedding, shard.layout == .checkpoint else {
                    throw .unsupported("\(placement.module) neither in host memory nor as the checkpoint's bytes on disk")
                }
            }
        }
        for share in stage.keyValue where share.memory != device.memory { throw .unsupported("keys and values outside host memory") }
        if stage.hiddenStates != device.memory { throw .unsupported("hidden states outside host memory") }
    }
}
