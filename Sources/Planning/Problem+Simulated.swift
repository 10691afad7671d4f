import Plans

extension Problem {
    /// The scored requests on a plan, step by step with the engine's scheduler: what `motley simulate` does. nil where the plan cannot be
    /// simulated.
    ///
    /// Of long outputs fewer requests are simulated, so that this takes some ten milliseconds.
    func simulated(_ plan: Plan) -> QueueModel.Outcome? {
        var tokens = 0
        let count = requests.firstIndex { request in
            tokens += request.outputTokens
            return tokens > Self.simulatedTokens
        }
        let chosen = Array(requests.prefix(max(Self.leastSimulated, count ?? requests.count)))
        let scenario = Scenario(
            hardware: hardware.profile, model: shape, workload: workload, objective: objective, constraints: constraints)
        let evaluation = Evaluation(plan: plan, prediction: Prediction(), score: 0, overflows: [], strategy: "", note: "")
        guard var simulator = try? Simulator(scenario, problem: self, plan: evaluation, requests: chosen) else { return nil }
        let report = simulator.run()
        return QueueModel.Outcome(firstToken: report.firstToken, finished: report.total, requests: chosen, duration: report.duration)
    }

    static let simulatedTokens = 20_000
    static let leastSimulated = 100

    /// The same problem, its plans evaluated step by step.
    var simulating: Problem {
        var problem = self
        problem.simulatesSteps = true
        return problem
    }

    /// The same problem, its plans evaluated quickly.
    var quick: Problem {
        var problem = self
        problem.simulatesSteps = false
        return problem
    }

    /// Whether plans are judged by requests over time.
    var countsArrivals: Bool { workload.batch == nil || objective.countsRequests }

    /// Plans as a search found them, of which contenders that fit are evaluated step by step; those come first.
    ///
    /// - Parameter contenders: indices into `found`. What the queue model, which sees fewer delays than there are, thinks a quarter worse
    ///   than what the steps already gave to another is not simulated.
    func decided(_ found: [Evaluation], contenders: [Int]) -> [Evaluation] {
        guard simulatesSteps, countsArrivals else { return Strategy.ranked(found) }
        var result = found
        var least = Double.infinity
        for index in contenders.sorted(by: { (found[$0].score, $0) < (found[$1].score, $1) })
        where found[index].fits && !found[index].isSimulated {
            guard found[index].score <= least * 1.25 else { break }
            // What another strategy found as well is known.
            if let same = result.first(where: { $0.isSimulated && $0.plan.replicas == found[index].plan.replicas }) {
                result[index].prediction = same.prediction
                result[index].plan.prediction = same.prediction
                result[index].score = same.score
                result[index].isSimulated = true
            } else if let again = try? evaluate(found[index].plan, strategy: found[index].strategy, note: found[index].note) {
                result[index] = again
            }
            least = min(least, result[index].score)
        }
        return Strategy.ranked(result)
    }
}
