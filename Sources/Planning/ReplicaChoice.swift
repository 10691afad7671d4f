import Models
import Plans

/// A pipeline for a set of devices, which are named by their position in the set: alike sets share it.
struct ReplicaChoice {
    struct Stage {
        var group: TensorGroup
        /// Devices by position in the set's list of pools.
        var takes: [(position: Int, count: Int)]
        var layers: Int
        var ends: TensorGroup.Ends
    }

    var stages: [Stage]
    /// From each stage to the next.
    var links: [BoundaryLink]
    var problem: Problem
    /// Seconds of what the objective counts of a lone request.
    var lone: Double
    /// Sequences it has room for.
    var room: Int
    var server: QueueModel.Server?
    /// Share of the sequences with which a request of mean length is in time that it runs at most; nil: all it has room for.
    var cap: Double?
    /// Requests per second within the limits, within tighter ones, and without limits.
    var sustained: [Double] = []
    /// Seconds of a lone request from the first prompt token to the last output token.
    var total = Double.infinity

    init(stages: [Stage], links: [BoundaryLink], problem: Problem, lone: Double) {
        self.stages = stages
        self.links = links
        self.problem = problem
        self.lone = lone
        room = stages.map { $0.group.room(layers: $0.layers, ends: $0.ends) }.min() ?? 0
    }

    var usedDevices: Int { stages.reduce(0) { $0 + $1.takes.reduce(0) { $0 + $1.count } } }

    /// What tells two choices apart.
    var key: [Int] { stages.flatMap { stage in stage.takes.flatMap { [$0.position, $0.count] } + [-1, stage.layers] } }

    /// Those that no other one beats in a lone request's time alone.
    static func front(_ choices: [ReplicaChoice], limit: Int) -> [ReplicaChoice] {
        Array(choices.sorted { $0.lone < $1.lone }.prefix(limit))
    }
}

extension ReplicaChoice: PipelineTimes {
    var stageCount: Int { stages.count }
    var plannedMicroBatches: Int {
        problem.block(sequences: max(1, min(room, problem.mostSequences)), stages: stages.count).microBatchCount
    }

    func stageSeconds(_ stage: Int, _ load: StepLoad) -> Double {
        let own = stages[stage]
        return own.group.seconds(load, layers: own.layers, last: own.ends.contains(.last))
    }

    func hopSeconds(_ stage: Int, tokens: Double) -> Double { links[stage].seconds(elements: tokens * Double(problem.shape.hiddenSize)) }

    func promptSlices(_ tokens: Double) -> [Double] {
        let count = max(1, (tokens / ReplicaModel.longestStep).rounded(.up))
        return Array(repeating: tokens / count, count: Int(count))
    }
}

/// The pipelines of a set of devices up to renaming of like machines.
final class ReplicaShape {
    let id: Int
    /// The fastest for a lone request first.
    let choices: [ReplicaChoice]

    init(id: Int, choices: [ReplicaChoice]) {
        self.id = id
        self.choices = choices
    }
}

/// A shape on pools: its positions' meaning.
struct LocatedShape {
    var shape: ReplicaShape
    var pools: [Int]

    var choices: [ReplicaChoice] { shape.choices }

    /// Devices a choice uses, by pool.
    func used(_ choice: Int, pools count: Int) -> [Int] {
        var result = Array(repeating: 0, count: count)
        for stage in shape.choices[choice].stages { for take in stage.takes { result[pools[take.position]] += take.count } }
        return result
    }
}
