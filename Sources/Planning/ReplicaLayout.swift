import Models
import Plans

/// A replica in the compressed form of its stages (`StageLayout`), before its schedule is made.
struct ReplicaLayout {
    var stages: [StageLayout]
    var block: BlockGeometry
    var sliceTables: [SliceTable]

    init(stages: [StageLayout], block: BlockGeometry, sliceTables: [SliceTable]) {
        self.stages = stages
        self.block = block
        self.sliceTables = sliceTables
    }

    init(_ replica: Replica, shape: ModelShape) throws(PlanProblem) {
        var stages: [StageLayout] = []
        for stage in replica.stages { stages.append(try StageLayout(stage, shape: shape, pools: replica.schedule.pools)) }
        self.init(stages: stages, block: replica.schedule.block, sliceTables: replica.schedule.sliceTables)
    }

    /// KV blocks by pool; the same in all stages.
    var pools: [Int] { stages.first?.pools ?? [] }
}
