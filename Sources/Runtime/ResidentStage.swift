import Models
import Plans

/// What this executor can run of a plan: one stage on one CPU with everything in that machine's host memory. Anything else is refused by name.
struct ResidentStage {
    var threads: Int
    var keyValueFormat: KeyValueFormat
    var keyValueBlocks: Int

    init(plan: Plan, model: ModelSpec) throws {
        guard plan.version == Plan.currentVersion else { throw RuntimeError.unsupported("plan version \(plan.version)") }
        guard let replica = plan.replicas.first, plan.replicas.count == 1, let stage = replica.stages.first, replica.stages.count == 1 else {
            throw RuntimeError.unsupported("a plan of several replicas or stages")
        }
        guard stage.layers == 0..<model.layers.count, stage.hasEmbedding, stage.hasOutput else {
            throw RuntimeError.invalidPlan("its stage holds layers \(stage.layers), the model has \(model.layers.count)")
        }
        guard let device = plan.devices.first, plan.devices.count == 1, device.kind == .cpu else {
            throw RuntimeError.unsupported("devices other than one CPU")
        }
        let host = Set(plan.memories.filter { $0.kind == .host && $0.machine == stage.machine }.map(\.id))
        var expected: [Module: Int] = [.embedding: model.vocabularySize, .output: model.vocabularySize]
        for (index, layer) in model.layers.enumerated() {
            expected[.attention(layer: index)] = layer.attention.keyValueHeadCount
            expected[.feedForward(layer: index)] = layer.feedForward.size
        }
        for placement in stage.placements {
            guard let units = expected.removeValue(forKey: placement.module) else {
                throw RuntimeError.invalidPlan("module \(placement.module) is placed twice or does not exist")
            }
            var next = 0
            for shard in placement.shards.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
                guard shard.range.lowerBound == next else { throw RuntimeError.invalidPlan("the shards of \(placement.module) do not cover it once") }
                next = shard.range.upperBound
                guard host.contains(shard.home), shard.format == nil, shard.computers.allSatisfy({ $0.device == device.id }) else {
                    throw RuntimeError.unsupported("a shard of \(placement.module) outside host memory, in another format or on another device")
                }
            }
            guard next == units else { throw RuntimeError.invalidPlan("the shards of \(placement.module) cover \(next) of \(units) units") }
        }
        if let missing = expected.keys.first { throw RuntimeError.invalidPlan("module \(missing) is placed nowhere") }
        guard let share = stage.keyValue.first, replica.schedule.pools.count == 1,
            stage.keyValue.allSatisfy({ host.contains($0.memory) && $0.format == share.format && $0.computers.allSatisfy { $0.device == device.id } })
        else {
            throw RuntimeError.unsupported("a KV cache that is divided, outside host memory or in several formats")
        }
        threads = device.threads ?? 1
        keyValueFormat = share.format
        keyValueBlocks = replica.schedule.pools[0]
    }
}
