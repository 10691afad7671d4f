import Models
import Plans

/// One pipeline over unequal devices: layers by dynamic programming within memories, prompts cut into slices that flow through it (HPipe).
///
/// Beyond the paper: device orders are searched, devices may be left out, layers and slices are chosen together (every trade-off between sum and bottleneck gets its own
/// slices), and the makespan is exact.
struct HPipeStrategy {
    let problem: Problem
    let deadline: Deadline

    func search() -> [Evaluation] {
        let tables = NodeTables(problem: problem)
        let sequences = Double(problem.togetherSequences)
        var found: [Evaluation] = []
        var seen: Set<[Int]> = []
        let cuts = problem.objective == .timeToFirstToken && problem.workload.meanPrompt >= 64 ? [1, 4, 16] : [1]
        let kept = problem.objective == .throughput ? 8 : 6
        for order in Self.orders(problem) where !deadline.passed {
            for cut in cuts {
                let load = problem.decisiveLoad(slices: cut)
                for roomy in [1.0, 4.0] {
                    let nodes = tables.nodes(
                        order.map { [$0] }, load: load, sequences: problem.workload.batch == nil || roomy > 1 ? sequences * roomy : sequences)
                    for split in LayerSplit.tradeOff(nodes.map(\.seconds), layers: problem.shape.layerCount, limit: kept) {
                        let stages = tables.stages(nodes, split.counts)
                        guard seen.insert(stages.flatMap { [$0.plans[0].attention[0].device, $0.layers.count] }).inserted else { continue }
                        guard let whole = problem.finish([stages], strategy: .hpipe, note: Self.note(problem, stages)) else { continue }
                        found.append(whole)
                    }
                    // More room only matters where the number of sequences is free.
                    if problem.objective == .latency || problem.objective == .timeToFirstToken { break }
                }
            }
        }
        // Slices for the best by an optimistic measure: the busiest stage and the sum, whichever is larger with perfect slicing.
        guard problem.objective == .timeToFirstToken || problem.workload.batch == nil else { return found }
        let promising = found.filter(\.fits).sorted { Self.floor($0, problem) < Self.floor($1, problem) }.prefix(8)
        for evaluation in promising where !deadline.passed {
            if let table = problem.sliceTable(evaluation.plan) {
                var plan = evaluation.plan
                plan.replicas[0].sliceTables = [table]
                if let sliced = try? problem.evaluate(
                    plan, strategy: Strategy.hpipe.rawValue, note: evaluation.note + ", \(table.slices.count) slices")
                {
                    found.append(sliced)
                }
            }
        }
        return found
    }

    /// A lower bound on the sliced time: the busiest stage's whole prompt.
    static func floor(_ evaluation: Evaluation, _ problem: Problem) -> Double {
        guard let model = try? ReplicaModel(evaluation.plan.replicas[0], hardware: problem.hardware, shape: problem.shape) else { return .infinity }
        let load = StepLoad.prefill(sequences: Double(problem.togetherSequences), tokens: problem.workload.meanPrompt)
        return model.period(load) + model.seconds(load) / 16
    }

    static func note(_ problem: Problem, _ stages: [StageDraft]) -> String {
        let parts = stages.prefix(12).map { "\(problem.hardware.devices[$0.plans[0].attention[0].device].label) \($0.layers.count)" }
        return "layers " + parts.joined(separator: ", ") + (stages.count > 12 ? ", ..." : "")
    }

    /// Orders of devices worth trying: machines in every order where there are few, devices of a machine fastest first and last.
    static func orders(_ problem: Problem) -> [[Int]] {
        let devices = problem.mainDevices
        let byMachine = Dictionary(grouping: devices) { problem.hardware.devices[$0].machine }
        let machines = byMachine.keys.sorted()
        var result: [[Int]] = []
        for order in permutations(machines, limit: 24) {
            for fastFirst in [true, false] {
                let list = order.flatMap { machine in
                    (byMachine[machine] ?? []).sorted { a, b in
                        let (x, y) = (problem.hardware.devices[a].profile.readBytesPerSecond, problem.hardware.devices[b].profile.readBytesPerSecond)
                        return x == y ? a < b : fastFirst ? x > y : x < y
                    }
                }
                if !result.contains(list) { result.append(list) }
            }
        }
        return result
    }

    static func permutations(_ values: [Int], limit: Int) -> [[Int]] {
        guard values.count > 1 else { return [values] }
        guard values.count <= 4 else { return [values, values.reversed()] }
        var result: [[Int]] = []
        for (index, value) in values.enumerated() {
            var rest = values
            rest.remove(at: index)
            for tail in permutations(rest, limit: limit) where result.count < limit { result.append([value] + tail) }
        }
        return result
    }
}
