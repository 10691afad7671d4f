import Models
import Plans

/// Everything together: every strategy's plans, and plans that mix them. Never worse than any strategy, since theirs are among the
/// candidates.
///
/// Mixed are: pipelines of which one stage shares its modules between GPU and CPU while the others hold theirs (HeteGen inside HPipe);
/// processors as stages of their own; token slices and micro-batches on any pipeline (HPipe on HexGen's layouts); pipelines that keep the
/// user's pins.
struct AutoStrategy {
    let problem: Problem
    let deadline: Deadline

    func search(warm: Evaluation?) -> [Evaluation] {
        var found: [Evaluation] = [], contenders: [Int] = []
        // The same that each strategy would have simulated step by step, so that none can be better alone.
        func add(_ more: [Evaluation], _ count: Int) {
            contenders.append(contentsOf: found.count..<found.count + min(count, more.count))
            found += more
        }
        func search(_ strategy: Strategy) {
            let own = strategy.search(problem, deadline: deadline, warm: warm)
            add(own, strategy.contenders(warm != nil, of: own))
        }
        let isLarge = problem.hardware.gpus.count > Self.alwaysWhole
        if let kept = warm.flatMap(problem.kept) { add([kept], 1) }
        // Re-planning a large pool: what the old plan was not made by seldom wins and is left out, as long as something fits.
        var isShort = false
        if warm != nil && isLarge {
            search(.hexgen)
            isShort = found.contains { $0.fits && $0.score.isFinite }
        }
        for strategy in [Strategy.even, .memory, .hetegen, .hpipe, .flexgen] where !isShort || warm?.strategy == strategy.rawValue {
            search(strategy)
        }
        if warm == nil || !isLarge { search(.hexgen) }
        var own: [Evaluation] = []
        if !isShort {
            own += processors()
            if problem.hardware.gpus.count > 1, !isLarge { own += offloadedPipelines() }
        }
        if !problem.pins.isEmpty {
            let hardware = problem.hardware
            own += PinnedPipelines(problem: problem).search(
                .auto, orders: [hardware.gpus + hardware.usable.filter { hardware.devices[$0].isCPU }])
        }
        own += Strategy.ranked(found + own).prefix(isShort ? 2 : 6).flatMap(flowing)
        add(Strategy.ranked(own), Strategy.auto.contenders(warm != nil, of: own))
        return problem.simulating.decided(found, contenders: contenders)
    }

    /// Up to so many GPUs every strategy is searched even where a plan to start from is given.
    static let alwaysWhole = 16

    // MARK: Processors as stages

    private func processors() -> [Evaluation] {
        let hardware = problem.hardware
        let cpus = hardware.usable.filter { hardware.devices[$0].isCPU }
        guard !cpus.isEmpty else { return [] }
        let tables = NodeTables(problem: problem)
        var orders: [[Int]] = cpus.count == 1 ? [cpus] : [cpus, [cpus[0]]]
        if !hardware.gpus.isEmpty, hardware.usable.count <= 24 {
            // Machine by machine, the processor after its GPUs, or all processors last.
            let machines = hardware.profile.machines.indices
            orders.append(
                machines.flatMap { machine in
                    hardware.gpus.filter { hardware.devices[$0].machine == machine }
                        + cpus.filter { hardware.devices[$0].machine == machine }
                })
            orders.append(hardware.gpus + cpus)
        }
        var found: [Evaluation] = []
        for order in orders where !deadline.passed {
            let nodes = tables.nodes(order.map { [$0] }, load: problem.decisiveLoad(), sequences: Double(problem.togetherSequences))
            for split in LayerSplit.tradeOff(nodes.map(\.seconds), layers: problem.shape.layerCount, limit: 4) {
                let stages = tables.stages(nodes, split.counts)
                if let evaluation = problem.finish([stages], strategy: .auto, note: HPipeStrategy.note(problem, stages)) {
                    found.append(evaluation)
                }
            }
        }
        return found
    }

    // MARK: One stage offloads, the others hold their layers

    private func offloadedPipelines() -> [Evaluation] {
        let hardware = problem.hardware
        let tables = NodeTables(problem: problem)
        let sequences = Double(problem.togetherSequences)
        let count = problem.shape.layerCount
        // Only where not everything fits on GPUs is there something to offload.
        let capacities = Dictionary(
            uniqueKeysWithValues: hardware.gpus.map { ($0, tables.layerCapacity([$0], sequences: sequences, ends: 0)) })
        guard capacities.values.reduce(0, +) < count else { return [] }
        var found: [Evaluation] = []
        var tried: [[String]] = []
        for primary in hardware.gpus where !deadline.passed {
            let others = hardware.gpus.filter { $0 != primary }
            let kind = [hardware.devices[primary].profile.name, String(hardware.devices[primary].machine)]
            guard !tried.contains(kind) else { continue }
            tried.append(kind)
            var counts: [Int] = []
            var left = count - 1
            for other in others {
                let first = counts.isEmpty ? tables.embeddingBytes : 0
                let most = min(left, tables.layerCapacity([other], sequences: sequences, ends: first))
                counts.append(most)
                left -= most
            }
            let held = counts.reduce(0, +)
            guard held > 0 else { continue }
            var next = 0
            var stages: [StageDraft] = []
            for (other, layers) in zip(others, counts) where layers > 0 {
                stages.append(problem.residentStage([other], layers: next..<next + layers))
                next += layers
            }
            let note = HPipeStrategy.note(problem, stages) + "; rest on "
            found += HeteGenStrategy(problem: problem, deadline: deadline).evaluations(
                gpu: primary, before: stages, layers: next..<count, strategy: .auto
            ) {
                note + HeteGenStrategy.note($0, problem)
            }
        }
        return found
    }

    // MARK: Slices and micro-batches on what was found

    private func flowing(_ evaluation: Evaluation) -> [Evaluation] {
        guard evaluation.plan.replicas.contains(where: { $0.stages.count > 1 }), !deadline.passed else { return [] }
        var found: [Evaluation] = []
        func note(_ plan: Plan, _ what: String) {
            guard let next = try? problem.evaluate(plan, strategy: Strategy.auto.rawValue, note: "\(evaluation.note), \(what)") else {
                return
            }
            found.append(next)
        }
        if problem.objective == .timeToFirstToken || problem.workload.batch == nil {
            var plan = evaluation.plan
            for index in plan.replicas.indices.prefix(8) where plan.replicas[index].schedule.sliceTables.isEmpty {
                let tables = problem.sliceTables(plan, replica: index)
                if !tables.isEmpty { plan = problem.changed(plan, replica: index, sliceTables: tables) }
            }
            if plan.replicas != evaluation.plan.replicas { note(plan, "prompts in slices") }
        }
        if problem.objective == .timeToFirstToken || problem.objective == .latency {
            for replica in evaluation.plan.replicas.indices.prefix(1) {
                let schedule = evaluation.plan.replicas[replica].schedule, sequences = schedule.block.sequences
                for count in [2, 3, 4, 6, 8, 12, 16] where count <= sequences && sequences % count == 0 {
                    for sliced in [true, false] where sliced || !schedule.sliceTables.isEmpty {
                        let plan = problem.changed(
                            evaluation.plan, replica: replica,
                            block: BlockGeometry(microBatchSize: sequences / count, microBatchCount: count), sliceTables: sliced ? nil : [])
                        note(plan, "\(count) micro-batches")
                    }
                }
            }
        }
        return found
    }
}
