import Models
import Plans

/// One pipeline over unequal devices: modules of layers distributed within memories, prompts cut into slices that flow through it (HPipe).
///
/// Beyond the paper: device orders are searched, devices may be left out, modules and slices are chosen together, the makespan is exact,
/// and a batch may also be parted into groups of sequences.
struct HPipeStrategy {
    let problem: Problem
    let deadline: Deadline
    /// Whether a batch may go in groups of sequences besides slices of tokens; the paper cuts along tokens alone.
    var takesGroups = true
    /// Work of one search, in evaluated (stage, slice) pairs, and of the proof after it: results do not depend on the machine's speed.
    var searchWork = 6_000_000
    var proofWork = 1_500_000

    /// Sequences of devices that are gone through, times modules squared: beyond it orders are sampled.
    static let orderWork = 60_000_000

    func search() -> [Evaluation] {
        if !problem.pins.isEmpty {
            return PinnedPipelines(problem: problem).search(.hpipe, orders: [problem.mainDevices, problem.mainDevices.reversed()])
        }
        guard let costs = PipelineCosts(problem: problem, devices: problem.mainDevices) else { return [] }
        let found =
            switch problem.objective {
            case .timeToFirstToken: firstToken(costs)
            case .latency: decodeRound(costs)
            case .throughput, .cost, .slo: tradeOff(costs)
            }
        if !found.isEmpty { return found }
        // Nothing fits: a plan that says what is missing.
        return MemoryStrategy(problem: problem).search().map { evaluation in
            var evaluation = evaluation
            evaluation.strategy = Strategy.hpipe.rawValue
            return evaluation
        }
    }

    /// Whether every order of devices is gone through.
    static func takesEveryOrder(_ costs: PipelineCosts) -> Bool {
        let limit = orderWork / max(1, costs.moduleCount * costs.moduleCount)
        return PipelineOrders.count(costs.classes.map(\.devices.count), limit: limit) <= limit
    }

    static func note(_ problem: Problem, _ stages: [StageDraft]) -> String {
        func count(_ stage: StageDraft) -> String {
            let modules = 2 * stage.layers.count - (stage.startsAtFeedForward ? 1 : 0) - (stage.endsAfterAttention ? 1 : 0)
            return "\(modules / 2)" + (modules % 2 == 1 ? ".5" : "")
        }
        let parts = stages.prefix(12).map { "\(problem.hardware.devices[$0.plans[0].attention[0].device].label) \(count($0))" }
        return "layers " + parts.joined(separator: ", ") + (stages.count > 12 ? ", ..." : "")
    }
}
