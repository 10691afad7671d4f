import Plans

/// What the searches over pipelines minimise, by objective: weighted sums of step loads.
struct Criteria {
    /// What a lone request takes, or what of it the objective counts; or seconds a stage works per request under load.
    enum Measure { case lone, work }

    typealias Weighted = (load: StepLoad, weight: Double)

    let loneLoads: [Weighted]
    let workLoads: [Weighted]
    /// Sequences replicas must have room for: from few to many.
    let levels: [Double]
    /// Whether replicas serve many requests, so that more than the lone request's time counts.
    let countsLoad: Bool
    private let problem: Problem

    init(_ problem: Problem, sequences: Double) {
        self.problem = problem
        let prompt = problem.workload.meanPrompt, output = problem.workload.meanOutput
        let context = prompt + output / 2, together = Double(problem.togetherSequences)
        switch problem.objective {
        case .latency:
            loneLoads = [(.decode(sequences: together, context: context), 1), (.prefill(sequences: together, tokens: prompt), 1e-6)]
            countsLoad = false
        case .timeToFirstToken:
            loneLoads = [(.prefill(sequences: together, tokens: prompt), 1), (.decode(sequences: together, context: context), 1e-6)]
            countsLoad = false
        case .throughput, .slo, .cost:
            loneLoads = [(.decode(sequences: 1, context: context), output), (.prefill(sequences: 1, tokens: prompt), 1)]
            countsLoad = true
        }
        let busy = min(16, Double(problem.mostSequences))
        workLoads = [(.decode(sequences: busy, context: context), output / busy), (.prefill(sequences: 1, tokens: prompt), 1)]
        let most = Double(min(problem.workload.batch ?? problem.mostSequences, problem.mostSequences))
        levels = countsLoad ? [sequences] + [32, 128].filter { $0 > sequences && $0 <= most } : [sequences]
    }

    func loads(_ measure: Measure) -> [Weighted] { measure == .lone ? loneLoads : workLoads }

    /// Seconds of a stage: fixed, per layer, and what the last one pays for the output matrix.
    func cost(_ group: TensorGroup, _ measure: Measure) -> (fixed: Double, each: Double, output: Double) {
        var result = (fixed: 0.0, each: 0.0, output: 0.0)
        for (load, weight) in loads(measure) {
            let seconds = group.seconds(load)
            result.fixed += weight * group.overhead
            result.each += weight * seconds.layer
            result.output += weight * seconds.output
        }
        return result
    }

    /// Choices with their servers and rates: those that are best in some respect, the fastest for a lone request first.
    func finished(_ found: [ReplicaChoice]) -> [ReplicaChoice] {
        var seen: Set<[Int]> = []
        var ready: [ReplicaChoice] = []
        let prompt = problem.workload.meanPrompt, output = problem.workload.meanOutput
        for candidate in found where candidate.room >= 1 && seen.insert(candidate.key).inserted {
            var choice = candidate
            let most = min(problem.workload.batch ?? problem.mostSequences, problem.mostSequences, choice.room)
            let server = QueueModel.Server(choice, prompt: prompt, output: output, mostSequences: most)
            choice.server = server
            choice.total = server.firstTokenPerToken * prompt + max(0, output - 1) * server.rounds[0]
            choice.sustained = [1, 0.6].map { server.capacity(prompt: prompt, output: output, limits: problem.limits, slack: $0) }
            choice.sustained.append(server.capacity(prompt: prompt, output: output, limits: .init()))
            ready.append(choice)
        }
        guard let first = ready.min(by: { $0.total < $1.total }) else { return [] }
        var kept = [first]
        for measure in 0..<3 {
            guard let best = ready.max(by: { ($0.sustained[measure], -$0.total) < ($1.sustained[measure], -$1.total) }) else { continue }
            // A hair more is not another choice.
            if !kept.contains(where: { $0.key == best.key || $0.sustained[measure] >= best.sustained[measure] * 0.999 }) {
                kept.append(best)
            }
        }
        guard case .slo = problem.objective, problem.workload.batch == nil else { return kept }
        for index in kept.indices {
            kept[index].sustained[0] = attained(kept[index])
            // Fewer at once may bring more of them home in time: the others wait instead of slowing all down.
            guard let server = kept[index].server else { continue }
            let most = server.sequencesInTime(prompt: prompt, output: output, limits: problem.limits)
            guard most >= 1, most < server.mostSequences else { continue }
            for share in [1, 0.6] {
                let count = max(1, Int(Double(most) * share))
                var capped = kept[index]
                capped.server = QueueModel.Server(capped, prompt: prompt, output: output, mostSequences: count)
                capped.sustained[0] = attained(capped)
                capped.cap = share
                kept.append(capped)
                if count == 1 { break }
            }
        }
        return kept
    }

    /// Requests per second of which a replica alone has nine in ten in time: by bisection over the queue model, some requests of the
    /// workload coming faster or slower.
    private func attained(_ choice: ReplicaChoice) -> Double {
        let most = choice.sustained[2]
        guard let server = choice.server, most > 0, problem.requests.count > 1 else { return 0 }
        let requests = Array(problem.requests.prefix(120))
        let span = requests[requests.count - 1].arrival - requests[0].arrival
        guard span > 0 else { return choice.sustained[0] }
        func holds(_ rate: Double) -> Bool {
            let stretch = Double(requests.count) / rate / span
            let played = requests.map {
                Workload.Request(arrival: $0.arrival * stretch, promptTokens: $0.promptTokens, outputTokens: $0.outputTokens)
            }
            return QueueModel.run([server], played, patience: (problem.limits, requests.count / 10)).attainment(problem.limits) >= 0.9
        }
        guard holds(most / 64) else { return 0 }
        var low = most / 64, high = most * 1.1
        for _ in 0..<6 {
            let middle = (low * high).squareRoot()
            if holds(middle) { low = middle } else { high = middle }
        }
        return low
    }
}
