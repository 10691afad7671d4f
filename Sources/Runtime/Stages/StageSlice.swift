import Checkpoints
import Devices
public import Models
public import Plans

/// What one executor runs of a model: neighbouring modules and the model's ends, cut into shards. The whole model is one slice.
///
/// Invariant: it keeps what `PlanCheck` checks, and asks for nothing that this executor cannot do.
public struct StageSlice: Sendable {
    public let model: ModelSpec
    /// As the plan has it, but that shards which are streamed are cut until they fit into a slab.
    public let stage: Stage
    let devices: [DeviceID: PlannedDevice]
    /// The plan's memories that are disks.
    let disks: Set<MemoryID>
    /// The formats that decide where matrices are cut into chunks: those of the whole model, whatever this slice holds of it.
    let formats: [TensorFormat]
    let variants: StepVariants

    /// Placements of layers and output in the order of use.
    var modules: [ModulePlacement] { stage.placements }

    /// Layers that attend here, and therefore have keys and values here.
    var attention: [(layer: Int, spec: AttentionSpec)] {
        modules.compactMap { placement in
            guard case .attention(let layer) = placement.module else { return nil }
            return (layer, model.layers[layer].attention)
        }
    }

    func isOnDisk(_ shard: Shard) -> Bool { disks.contains(shard.home) }

    /// The memory that a device computes from.
    func memory(of device: DeviceID) -> MemoryID { devices[device]?.memory ?? stage.hiddenStates }

    /// Whether a device multiplies a shard from a copy that is brought to it.
    func isStreamed(_ shard: Shard, to device: DeviceID) -> Bool { shard.home != memory(of: device) }

    /// The variants in which a device multiplies a shard.
    func uses(of shard: Shard, of module: Module, by device: DeviceID) -> VariantSet {
        variants.set { variants.device(shard.computers, of: module, in: $0) == device }
    }

    /// Whether, in some variant, some heads of a layer are attended to by another device than the one that projects them. The whole layer
    /// then runs in three parts: projections, attention, results.
    func isSplit(layer: Int) -> Bool {
        guard let placement = modules.first(where: { $0.module == .attention(layer: layer) }) else { return false }
        for variant in 0..<variants.count {
            for shard in placement.shards {
                let device = variants.device(shard.computers, of: placement.module, in: variant)
                for share in stage.keyValue where share.layers.contains(layer) && share.heads.overlaps(shard.range) {
                    if share.memory != memory(of: device) { return true }
                    if variants.device(share.computers, of: nil, in: variant) != device { return true }
                }
            }
        }
        return false
    }

    /// Whether a share's keys and values are brought to whoever attends to them, in some variant.
    func isStaged(_ share: KeyValueShare) -> Bool { share.computers.contains { memory(of: $0.device) != share.memory } }

    /// Whether several devices attend to the same keys and values, or one where they live and elsewhere: then each step waits for the one
    /// before.
    var hasSeveralAttending: Bool {
        stage.keyValue.contains { share in isStaged(share) && Set(share.computers.map(\.device)).count > 1 }
    }

    /// The matrices of a shard that are used together, in the order of use among the module's: several lists where it is split.
    func rounds(of module: Module, _ range: Range<Int>) -> [[LinearPart]] {
        let parts = parts(of: module, range)
        guard case .attention(let layer) = module, isSplit(layer: layer) else { return [parts] }
        return [Array(parts.dropLast()), Array(parts.suffix(1))]
    }

    /// Devices that multiply or attend in it, or look embeddings up, ascending.
    var allDevices: [DeviceID] {
        var found = stage.devices
        for placement in modules where placement.module == .embedding {
            if let device = placement.shards.first?.computers.first?.device { found.insert(device) }
        }
        return found.sorted { $0.rawValue < $1.rawValue }
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
        if plan.machines.count > 1 { throw .unsupported("a plan of several machines") }
        let variants = try StepVariants(replica)
        let disks = Set(plan.memories.filter { $0.kind == .disk }.map(\.id))
        let devices = Dictionary(plan.devices.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var slices: [StageSlice] = []
        for stage in replica.stages {
            let slice = StageSlice(
                model: model, stage: stage, devices: devices, disks: disks, formats: shape.matrixFormats, variants: variants)
            try slice.check()
            slices.append(try slice.cutToSlabs(shape))
        }
        return slices
    }

    /// Refuses by name what cannot be done.
    private func check() throws(RuntimeError) {
        for placement in modules {
            if case .shared = placement.module { throw .unsupported("mixtures of experts") }
            for shard in placement.shards {
                if shard.format != nil { throw .unsupported("\(placement.module) in another format than the checkpoint's") }
                if isOnDisk(shard), shard.layout != .checkpoint { throw .unsupported("\(placement.module) in a store of shards") }
                if isOnDisk(shard), placement.module == .embedding { throw .unsupported("the embedding on disk") }
            }
        }
        if disks.contains(stage.hiddenStates) { throw .unsupported("hidden states on disk") }
    }

    /// The same with each streamed shard in parts that fit into a slab of everyone who streams it, as far as the grain allows.
    ///
    /// Sums over cuts are exact: the bits are the same.
    private func cutToSlabs(_ shape: ModelShape) throws(RuntimeError) -> StageSlice {
        var slabs: [DeviceID: Int] = [:]
        for stream in stage.streams { slabs[stream.device] = stream.slabBytes }
        var stage = stage
        for index in stage.placements.indices {
            let placement = stage.placements[index], grain = shape.grain(of: placement.module, formats: formats)
            guard placement.module != .embedding, placement.module != .output else { continue }
            var shards: [Shard] = []
            for shard in placement.shards {
                let slab = shard.computers.compactMap { isStreamed(shard, to: $0.device) ? slabs[$0.device] : nil }.min()
                guard let slab else {
                    shards.append(shard)
                    continue
                }
                let bytes = try packedBytes(placement.module, shard.range)
                var parts = max(1, min((bytes + max(1, slab) - 1) / max(1, slab), (shard.range.count + grain - 1) / grain))
                // Cuts fall on multiples of the grain: the largest part may be a grain more than its share.
                while parts < (shard.range.count + grain - 1) / grain, try largest(placement.module, shard.range, parts, grain) > slab {
                    parts += 1
                }
                shards += Self.cut(shard.range, into: parts, grain: grain).map { range in
                    var part = shard
                    part.range = range
                    return part
                }
            }
            stage.placements[index].shards = shards
        }
        return StageSlice(model: model, stage: stage, devices: devices, disks: disks, formats: formats, variants: variants)
    }

    private func largest(_ module: Module, _ range: Range<Int>, _ parts: Int, _ grain: Int) throws(RuntimeError) -> Int {
        var largest = 0
        for part in Self.cut(range, into: parts, grain: grain) { largest = max(largest, try packedBytes(module, part)) }
        return largest
    }

    /// Nearly equal parts between multiples of the grain.
    private static func cut(_ range: Range<Int>, into parts: Int, grain: Int) -> [Range<Int>] {
        let first = range.lowerBound / grain, grains = (range.upperBound + grain - 1) / grain - first
        return (0..<parts).compactMap { part in
            let start = (first + grains * part / parts) * grain, end = (first + grains * (part + 1) / parts) * grain
            let cut = max(range.lowerBound, start)..<max(range.lowerBound, min(range.upperBound, end))
            return cut.isEmpty ? nil : cut
        }
    }

    /// Bytes of a shard's matrices as a window holds them.
    private func packedBytes(_ module: Module, _ range: Range<Int>) throws(RuntimeError) -> Int {
        try StreamPiece.byteCount(parts(of: module, range))
    }

    /// The matrices of a shard in the order of use; none for the model's ends.
    func parts(of module: Module, _ range: Range<Int>) -> [LinearPart] {
        switch module {
        case .attention(let layer):
            let parts = model.layers[layer].attention.parts(of: range, formats: formats)
            return [parts.query, parts.key, parts.value, parts.output]
        case .feedForward(let layer):
            let parts = model.layers[layer].feedForward.parts(of: range, formats: formats)
            return parts.inner + [parts.down]
        case .embedding, .shared, .output: return []
        }
    }
}
