import Plans

/// Objectives that decoding decides: exact rounds where sequences are given, the trade-off between sum and bottleneck where their number is
/// free.
extension HPipeStrategy {
    /// Time per output token: of all orders and distributions the one whose round is shortest.
    func decodeRound(_ costs: PipelineCosts) -> [Evaluation] {
        let batch = problem.togetherSequences
        let context = problem.workload.meanPrompt + problem.workload.meanOutput / 2
        let devices = costs.classes.reduce(0) { $0 + $1.devices.count }
        let rooms = costs.classes.indices.map { costs.room($0, size: batch, batches: 1) }
        // A pipeline of n stages decodes in n micro-batches, so that the costs depend on the number of stages.
        func split(_ stages: Int) -> ModuleSplit {
            let load = StepLoad.decode(sequences: Double(batch), context: context, microBatches: max(1, min(stages, batch)))
            return ModuleSplit(costs: costs, busy: load, passing: stages == 1 ? load : load.oneMicroBatch, rooms: rooms)
        }
        var queue: [(bound: Double, order: [Int])] = []
        var splits: [Int: ModuleSplit] = [:]
        if Self.takesEveryOrder(costs) {
            for stages in 1...min(devices, costs.moduleCount) {
                // With one sequence nothing depends on the number of stages: one pass over all orders will do.
                if batch == 1 && stages > 1 { break }
                let each = split(stages)
                PipelineOrders.suffixes(costs.classes.map(\.devices.count), longest: batch == 1 ? costs.moduleCount : stages) {
                    state, device, order in
                    let longer = each.suffix(device, before: state)
                    if batch == 1 || order.count == stages {
                        let bound = max(longer.sum[0], batch == 1 ? 0 : longer.bottleneck[0])
                        if bound.isFinite { queue.append((bound, order)) }
                    }
                    return longer
                }
                splits[stages] = each
            }
        } else {
            for order in PipelineOrders.sample(costs) where order.count <= costs.moduleCount {
                let count = batch == 1 ? 1 : order.count
                let each = splits[count] ?? split(count)
                splits[count] = each
                if let found = each.leastSum(order) {
                    queue.append((batch == 1 ? found.sum : max(found.sum, each.leastBottleneck(order)), order))
                }
            }
        }
        queue.sort { ($0.bound, $0.order.count) < ($1.bound, $1.order.count) }
        var found: [(split: ModuleSplit.Split, order: [Int])] = []
        var best = Double.infinity
        for entry in queue.prefix(200) where entry.bound < best || found.count < 3 {
            guard !deadline.passed, let each = splits[batch == 1 ? 1 : entry.order.count] else { continue }
            guard let result = batch == 1 ? each.leastSum(entry.order) : each.leastRound(entry.order) else { continue }
            found.append((result, entry.order))
            best = min(best, batch == 1 ? result.sum : result.round)
        }
        found.sort { (batch == 1 ? $0.split.sum : $0.split.round) < (batch == 1 ? $1.split.sum : $1.split.round) }
        return found.prefix(3).compactMap { result in
            let stages = costs.stages(result.order, result.split.bounds)
            return problem.finish([stages], strategy: .hpipe, note: Self.note(problem, stages))
        }
    }

    /// Throughput, cost and service levels: distributions along the trade-off between sum and bottleneck, with room for as many sequences
    /// as there are and for more.
    func tradeOff(_ costs: PipelineCosts) -> [Evaluation] {
        let load = problem.decisiveLoad()
        var orders = PipelineOrders.sample(costs)
        let sizes = costs.classes.map(\.devices.count)
        var found: [(split: ModuleSplit.Split, order: [Int])] = []
        for roomy in [1.0, 4.0, 16.0] where !deadline.passed {
            let sequences = roomy == 1 && problem.workload.batch != nil ? Int(load.sequences) : Int(load.sequences * roomy)
            let rooms = costs.classes.indices.map { costs.room($0, size: max(1, sequences), batches: 1) }
            let split = ModuleSplit(costs: costs, busy: load, passing: load, rooms: rooms)
            if roomy == 1, PipelineOrders.count(sizes, limit: 2000) <= 2000 {
                // The orders with the least bottlenecks, and those with the least sums.
                var all: [(sum: Double, bottleneck: Double, order: [Int])] = []
                PipelineOrders.suffixes(sizes, longest: costs.moduleCount) { state, device, order in
                    let longer = split.suffix(device, before: state)
                    if longer.sum[0].isFinite { all.append((longer.sum[0], longer.bottleneck[0], order)) }
                    return longer
                }
                let byBottleneck = all.sorted { ($0.bottleneck, $0.sum) < ($1.bottleneck, $1.sum) }.prefix(8).map(\.order)
                let bySum = all.sorted { ($0.sum, $0.bottleneck) < ($1.sum, $1.bottleneck) }.prefix(3).map(\.order)
                orders = byBottleneck + bySum + orders.prefix(6)
            }
            for order in orders where order.count <= costs.moduleCount {
                for each in split.tradeOff(order, limit: 4)
                where !found.contains(where: { $0.order == order && $0.split.bounds == each.bounds }) {
                    found.append((each, order))
                }
            }
        }
        let quick = found.sorted { ($0.split.bottleneck, $0.split.sum) < ($1.split.bottleneck, $1.split.sum) }.prefix(14)
        let short = found.sorted { ($0.split.sum, $0.split.bottleneck) < ($1.split.sum, $1.split.bottleneck) }.prefix(6)
        var evaluations: [Evaluation] = []
        var seen: [ArraySlice<Int>] = []
        for result in quick + short where !deadline.passed {
            let key = (result.order + [-1] + result.split.bounds)[...]
            guard !seen.contains(key) else { continue }
            seen.append(key)
            let stages = costs.stages(result.order, result.split.bounds)
            if let whole = problem.finish([stages], strategy: .hpipe, note: Self.note(problem, stages)) { evaluations.append(whole) }
        }
        guard problem.workload.batch == nil else { return evaluations }
        // Requests over time: prompts in slices for the best.
        for evaluation in Strategy.ranked(evaluations).filter(\.fits).prefix(3) where !deadline.passed {
            let tables = problem.sliceTables(evaluation.plan)
            guard !tables.isEmpty else { continue }
            let plan = problem.changed(evaluation.plan, replica: 0, sliceTables: tables)
            if let sliced = try? problem.evaluate(plan, strategy: Strategy.hpipe.rawValue, note: evaluation.note + ", prompts in slices") {
                evaluations.append(sliced)
            }
        }
        return evaluations
    }
}
