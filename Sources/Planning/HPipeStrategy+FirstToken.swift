import Plans

/// Time to the first tokens: orders, modules, groups and slices together.
extension HPipeStrategy {
    /// Pipelines that are polished and evaluated as plans.
    static let kept = 4

    struct Outcome {
        /// Best first; `pipeline` of the second is of the candidate's groups.
        var found: [(pipeline: SlicedPipeline, candidate: SlicedPipeline.Candidate)]
        /// No pipeline can be faster.
        var floor: Double

        /// How far the best may be above the optimum, as a share of it; 0: proven.
        var gap: Double { found.first.map { max(0, $0.candidate.seconds / max(floor, 1e-300) - 1) } ?? 0 }
    }

    func firstToken(_ costs: PipelineCosts) -> [Evaluation] {
        let outcome = joint(costs)
        var evaluations: [Evaluation] = []
        for (index, found) in outcome.found.enumerated() {
            let (pipeline, candidate) = found
            let stages = costs.stages(candidate.order, candidate.bounds)
            var note = Self.note(problem, stages)
            if pipeline.groups > 1 { note += ", \(pipeline.groups) micro-batches" }
            if candidate.slices.count > 1 { note += ", \(candidate.slices.count) slices" }
            if index == 0 { note += outcome.gap < 1e-9 ? " (proven best)" : " (at most \(Text.percent(outcome.gap)) above the optimum)" }
            let slices = Problem.tokens(candidate.slices, tile: pipeline.tile, prompt: pipeline.prompt)
            let tables = slices.count > 1 ? [SliceTable(promptTokens: pipeline.prompt, slices: slices)] : []
            guard problem.workload.batch != nil else {
                if let whole = problem.finish([stages], slices: [tables], strategy: .hpipe, note: note) { evaluations.append(whole) }
                continue
            }
            let together = problem.togetherSequences
            let block = BlockGeometry(microBatchSize: (together + pipeline.groups - 1) / pipeline.groups, microBatchCount: pipeline.groups)
            let plan = problem.realiser.plan([ReplicaDraft(stages: stages, block: block, slices: tables, sequences: together)])
            if let evaluation = try? problem.evaluate(plan, strategy: Strategy.hpipe.rawValue, note: note) {
                evaluations.append(evaluation)
            }
        }
        // Where prompts differ in length, every length gets its slices.
        if problem.slicedLengths.count > 1, let best = Strategy.ranked(evaluations).first, best.fits {
            let own = best.plan.replicas[0].schedule.sliceTables.filter { problem.slicedLengths.contains($0.promptTokens) }
            let others = problem.slicedLengths.filter { length in !own.contains { $0.promptTokens == length } }
            let plan = problem.changed(best.plan, replica: 0, sliceTables: own + problem.sliceTables(best.plan, lengths: others))
            // First, so that it is taken where it is as good.
            if let sliced = try? problem.evaluate(plan, strategy: Strategy.hpipe.rawValue, note: best.note) {
                evaluations.insert(sliced, at: 0)
            }
        }
        return evaluations
    }

    /// Parts a batch may go in: its divisors up to 16, and all sequences by themselves.
    static func groupings(_ batch: Int) -> [Int] {
        (1...max(1, batch)).filter { batch % $0 == 0 && ($0 <= 16 || $0 == batch) && $0 <= 64 }
    }

    /// The search itself.
    ///
    /// Orders come by lower bound; each gets local moves from the distribution that attains its bound, as long as its bound is below the
    /// best known. What is left is finished by going through all distributions, as far as the work for it lasts.
    func joint(_ costs: PipelineCosts) -> Outcome {
        let prompt = max(1, Int(problem.workload.meanPrompt.rounded()))
        let pipelines = (takesGroups ? Self.groupings(problem.togetherSequences) : [1]).map {
            SlicedPipeline(costs: costs, groups: $0, prompt: prompt, mostTiles: $0 == 1 ? 32 : 16)
        }
        let least = pipelines.map { $0.least() }
        var queue: [(bound: Double, pipeline: Int, order: [Int])] = []
        let every = Self.takesEveryOrder(costs)
        for (index, pipeline) in pipelines.enumerated() {
            if every {
                PipelineOrders.suffixes(costs.classes.map(\.devices.count), longest: costs.moduleCount) { state, device, order in
                    let longer = pipeline.suffix(device, before: state, least[index])
                    if longer.bound[0].isFinite { queue.append((longer.bound[0], index, order)) }
                    return longer
                }
            } else {
                for order in PipelineOrders.sample(costs) where order.count <= costs.moduleCount {
                    if let bound = pipeline.bound(order, least[index]) { queue.append((bound.seconds, index, order)) }
                }
            }
        }
        queue.sort { ($0.bound, $0.pipeline, $0.order.count) < ($1.bound, $1.pipeline, $1.order.count) }

        var found: [(pipeline: SlicedPipeline, candidate: SlicedPipeline.Candidate)] = []
        var best = Double.infinity
        func note(_ pipeline: SlicedPipeline, _ candidate: SlicedPipeline.Candidate) {
            if let same = found.firstIndex(where: { $0.candidate.order == candidate.order && $0.pipeline === pipeline }) {
                if candidate.seconds < found[same].candidate.seconds { found[same].candidate = candidate }
            } else {
                found.append((pipeline, candidate))
            }
            best = min(best, candidate.seconds)
        }
        var work: Int { pipelines.reduce(0) { $0 + $1.work } }
        // Anything unexplored may be as fast as its bound.
        var floor = every ? Double.infinity : 0
        var open: [(bound: Double, pipeline: Int, order: [Int])] = []
        for entry in queue where entry.bound < best * (1 - 1e-12) {
            open.append(entry)
            guard work < searchWork, !deadline.passed else { continue }
            let pipeline = pipelines[entry.pipeline]
            guard let start = pipeline.bound(entry.order, least[entry.pipeline]),
                let candidate = pipeline.uniform(entry.order, start.bounds, most: 16)
            else { continue }
            note(pipeline, pipeline.improved(candidate, limit: searchWork / 20))
        }
        // Slices of the best in full, and moves again.
        found.sort { $0.candidate.seconds < $1.candidate.seconds }
        for index in found.indices.prefix(Self.kept) where !deadline.passed {
            for _ in 0..<4 {
                let pipeline = found[index].pipeline, before = found[index].candidate
                let polished = pipeline.improved(pipeline.sliced(before, labels: 60).candidate, limit: searchWork / 20)
                guard polished.seconds < before.seconds * (1 - 1e-12) else { break }
                found[index].candidate = polished
            }
        }
        found.sort { $0.candidate.seconds < $1.candidate.seconds }
        guard var leader = found.first else { return Outcome(found: [], floor: 0) }
        // The proof, order by order, as long as its work lasts.
        let end = work + proofWork
        for entry in open where entry.bound < leader.candidate.seconds * (1 - 1e-12) {
            guard work < end, !deadline.passed else {
                floor = min(floor, entry.bound)
                continue
            }
            let pipeline = pipelines[entry.pipeline]
            var candidate = leader.candidate
            floor = min(
                floor, max(entry.bound, pipeline.finish(entry.order, least[entry.pipeline], best: &candidate, limit: max(1000, end - work)))
            )
            if candidate.seconds < leader.candidate.seconds {
                leader = (pipeline, candidate)
                found.insert(leader, at: 0)
            }
        }
        return Outcome(found: Array(found.prefix(Self.kept)), floor: min(floor, leader.candidate.seconds))
    }
}
