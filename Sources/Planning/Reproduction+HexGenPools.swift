import Models
import Plans

/// HexGen's pools against 16 A100 (arXiv 2311.11514): attainment over deadlines and rates, played step by step.
extension Reproduction {
    /// Plans found for a pool at several rates, and what they reach.
    struct PoolResult {
        var scenario: Scenario
        var batching: Bool
        var plans: [(rate: Double, plan: Evaluation)] = []

        func problem(rate: Double) -> Problem? {
            var other = scenario
            other.workload.demand = .rate(rate)
            guard var problem = try? Problem(other) else { return nil }
            if !batching { problem.mostSequences = 1 }
            return problem
        }

        /// Seconds that a share of the requests at a rate takes at most, under the plan that is best for it.
        func deadline(share: Double, rate: Double) -> Double { totals(rate: rate).map { Self.quantile($0, share) }.min() ?? .infinity }

        func attainment(rate: Double, deadline: Double) -> Double {
            totals(rate: rate).map { totals in Double(totals.count { $0 <= deadline * (1 + 1e-12) }) / Double(max(1, totals.count)) }.max()
                ?? 0
        }

        /// Highest rate at which a share of the requests is within a deadline.
        func rate(share: Double, deadline: Double) -> Double {
            var best = 0.0
            for (_, plan) in plans {
                var low = best, high = best > 0 ? best * 2 : 256
                func attains(_ rate: Double) -> Bool {
                    guard let totals = played(plan, rate: rate) else { return false }
                    return Self.quantile(totals, share) <= deadline
                }
                guard best == 0 || attains(best * 1.01) else { continue }
                for _ in 0..<9 {
                    let middle = (low + high) / 2
                    if attains(middle) { low = middle } else { high = middle }
                }
                best = max(best, low)
            }
            return best
        }

        private func totals(rate: Double) -> [[Double]] { plans.compactMap { played($0.plan, rate: rate) } }

        /// What was played, by plan and rate.
        final class Memory {
            var totals: [String: [Double]?] = [:]
        }
        let memory = Memory()

        func played(_ plan: Evaluation, rate: Double) -> [Double]? {
            guard rate > 0, let index = plans.firstIndex(where: { $0.plan.plan.replicas == plan.plan.replicas }) else { return nil }
            let key = "\(index) \(rate)"
            if let known = memory.totals[key] { return known }
            let totals = problem(rate: rate)?.simulated(plan.plan)?.finished
            memory.totals[key] = totals
            return totals
        }

        static func quantile(_ values: [Double], _ share: Double) -> Double {
            let sorted = values.sorted()
            return sorted.isEmpty ? .infinity : sorted[min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
        }
    }

    private func pool(_ name: String, batching: Bool, rates: [Double]) throws -> PoolResult {
        var result = PoolResult(scenario: try scenarios(name), batching: batching)
        for rate in rates {
            guard let problem = result.problem(rate: rate), let plan = try? Planner(problem).plan(.hexgen, timeLimit: timeLimit).best else {
                continue
            }
            if !result.plans.contains(where: { $0.plan.plan.replicas == plan.plan.replicas }) { result.plans.append((rate, plan)) }
            if (plan.prediction.sloAttainment ?? 0) < 0.2 { break }
        }
        return result
    }

    /// Like `pool`, but every replica has the same number of stages of the same degree with the same layers; the best of them at each rate.
    private func symmetric(_ name: String, batching: Bool, rates: [Double], degrees: [Int] = [1, 2, 4, 8]) throws -> PoolResult {
        var result = PoolResult(scenario: try scenarios(name), batching: batching)
        guard let problem = result.problem(rate: 2)?.quick else { return result }
        let pools = DevicePool.all(problem), layers = problem.shape.layerCount
        var plans: [Evaluation] = []
        for degree in degrees {
            let groups = pools.flatMap { pool in
                (0..<pool.devices.count / degree).map { Array(pool.devices[$0 * degree..<($0 + 1) * degree]) }
            }
            for stages in [1, 2, 4, 5, 8, 10, 16, 20] where layers % stages == 0 && stages <= groups.count {
                let replicas = (0..<groups.count / stages).map { replica in
                    (0..<stages).map { stage in
                        problem.residentStage(
                            groups[replica * stages + stage], layers: stage * (layers / stages)..<(stage + 1) * (layers / stages))
                    }
                }
                for most in batching ? [256, 64, 24] : [1] {
                    let note = "\(replicas.count) x (TP \(degree), PP \(stages))"
                    let sequences = Array(repeating: most, count: replicas.count)
                    guard let plan = problem.finish(replicas, most: sequences, strategy: .hexgen, note: note), plan.fits else { continue }
                    plans.append(plan)
                }
            }
        }
        for rate in rates {
            guard let other = result.problem(rate: rate)?.quick else { continue }
            let scores = plans.map { (try? other.evaluate($0.plan))?.score ?? .infinity }
            guard let best = plans.indices.min(by: { scores[$0] < scores[$1] }) else { continue }
            if !result.plans.contains(where: { $0.plan.plan.replicas == plans[best].plan.replicas }) {
                result.plans.append((rate, plans[best]))
            }
        }
        return result
    }

    func hexGenPools() throws -> String {
        var text = """
            ## HexGen: pools against 16 A100 (Llama-2-70B, prompt 128, 32 tokens)

            Requests played step by step (400 Poisson arrivals). Deadlines are multiples of what a lone request takes on 8 A100. Plans were
            searched at several rates; each figure is the best of them. Without batching a replica runs one request at a time, as the
            paper's figures are made; with it the engine's scheduler batches continuously.


            """
        let names = [("hexgen-homogeneous", "16 x A100"), ("hexgen-full", "full price, 58 GPUs"), ("hexgen-half", "half price, 30 GPUs")]
        for batching in [false, true] {
            let rates = batching ? [2.0, 10, 30, 60] : [0.5, 2, 5, 9]
            var pools: [(String, PoolResult)] = []
            for (name, label) in names { pools.append((label, try pool(name, batching: batching, rates: rates))) }
            let unit = Problem.referenceSeconds(
                device: "A100-40GB", count: 8, shape: pools[0].1.scenario.model, workload: pools[0].1.scenario.workload)
            pools.append(("full price, one TP degree, equal stages", try symmetric("hexgen-full", batching: batching, rates: rates)))
            pools.append(("half price, one TP degree, equal stages", try symmetric("hexgen-half", batching: batching, rates: rates)))
            pools.append(
                (
                    "half price, even pipelines of single GPUs (as Petals)",
                    try symmetric("hexgen-half", batching: batching, rates: rates, degrees: [1])
                ))
            let fixedRate = batching ? 10.0 : 2.0, scales = [1.0, 1.5, 2, 3, 5, 8, 12]
            let curveRates = batching ? [2.0, 5, 10, 20, 40, 80] : [0.25, 0.5, 1, 2, 4, 8]
            text += "### \(batching ? "With continuous batching" : "Without batching")\n\n"
            text +=
                "Share in time at \(Text.digits(fixedRate)) requests/s, by SLO scale:\n\n" + head(["pool"] + scales.map { Text.digits($0) })
            for (label, pool) in pools {
                text += row([label] + scales.map { Text.percent(pool.attainment(rate: fixedRate, deadline: $0 * unit)) })
            }
            text += "\nShare in time at SLO scale 5, by requests/s:\n\n" + head(["pool"] + curveRates.map { Text.digits($0) })
            for (label, pool) in pools {
                text += row([label] + curveRates.map { Text.percent(pool.attainment(rate: $0, deadline: 5 * unit)) })
            }
            text += "\n"
            text += head([
                "pool", "rate at scale 5, 90 %", "99 %", "deadline at \(Text.digits(fixedRate)) requests/s, 90 %", "99 %", "a plan",
            ])
            var figures: [[Double]] = []
            for (label, pool) in pools {
                let own =
                    [0.9, 0.99].map { pool.rate(share: $0, deadline: 5 * unit) }
                    + [0.9, 0.99].map { pool.deadline(share: $0, rate: fixedRate) }
                figures.append(own)
                text += row(
                    [label] + own.prefix(2).map { Text.digits($0) } + own.suffix(2).map { $0.isFinite ? Text.seconds($0) : "-" } + [
                        pool.plans.first?.plan.note ?? "does not fit"
                    ])
            }
            func ratio(_ a: Int, _ b: Int, _ figure: Int) -> String {
                let value = figure < 2 ? figures[a][figure] / figures[b][figure] : figures[b][figure] / figures[a][figure]
                // Beyond its capacity a pool has no deadline.
                return value.isFinite && (figure < 2 || figures[b][figure] < 12 * unit) ? "\(Text.fixed(value, 2))x" : "it is saturated"
            }
            text += "\n" + head(["ratio", "rate, 90 %", "rate, 99 %", "deadline, 90 %", "deadline, 99 %", "published"])
            for (label, a, b, published) in [
                ("full price / 16 A100", 1, 0, "rate up to 4x (2x on average), deadline up to 2.3x (1.5x)"),
                ("half price / 16 A100", 2, 0, "-"),
                ("full price, asymmetric / symmetric", 1, 3, "1.8x deadline, 2x rate"), ("half price, asymmetric / symmetric", 2, 4, "-"),
                ("half price / even pipelines", 2, 5, "Petals: 10x rate, 3.5x deadline"),
            ] { text += row([label] + (0..<4).map { ratio(a, b, $0) } + [published]) }
            text += "\n"
        }
        text += try lostDevices()
        return text + """
            Request by request the full-price pool reaches what its bytes per second allow over 16 A100 (1.99x in sum), less what slow links
            and tensor parallelism over PCIe cost; the published 4x needs a weaker baseline than the best layout of the A100s (2 replicas of
            TP 8 on NVLink), or fixed costs per layer that favour more and smaller replicas. With continuous batching the A100s win
            outright: a batch reads the weights once for all its sequences, so bandwidth per request no longer counts, and what does,
            exchanges over fast links and operations per second, they have. The gain over symmetric layouts is what unequal machines force
            on equal ones: cards that do not make up a whole group are lost, and all stages go at the pace of the slowest. It is small here,
            because most of these machines hold eight equal cards and TP 8 in each is near the best; what the published 1.8x was compared
            with is not known here. Under overload the search's plans and the best symmetric one differ by less than what the queue model,
            which searches use, errs. Even pipelines of single GPUs take longer for a lone request than the deadline allows, so their ratio
            is not a number; Petals also routes around slow servers and computes in 8-bit.


            """
    }

    private func lostDevices() throws -> String {
        var text =
            "### Four GPUs lost\n\n"
            + "Full price, SLO scale 5; lost are two RTX 3090 Ti, an A6000 and an A40. "
            + "Searched again from the old plan (published: in under 30 s).\n\n"
        text += head([
            "requests/s", "share in time before", "old plan without its broken replicas", "planned again", "seconds to plan, first",
            "again",
        ])
        for rate in [2.0, 30, 50] {
            var scenario = try scenarios("hexgen-full")
            scenario.workload.demand = .rate(rate)
            let before = try Planner(Problem(scenario)).plan(.hexgen, timeLimit: timeLimit)
            scenario.constraints.excluded = ["iceland-8-0/gpu0", "iceland-8-0/gpu1", "illinois-a6000-0/gpu3", "illinois-a40/gpu0"]
            let problem = try Problem(scenario)
            var left = before.best.plan
            let gone = problem.hardware.devices.indices.filter { problem.hardware.devices[$0].excluded }
            left.replicas.removeAll { replica in replica.stages.contains { stage in stage.devices.contains { gone.contains($0.rawValue) } }
            }
            let after = try Planner(problem).plan(.hexgen, timeLimit: timeLimit, warm: before.best)
            func share(_ evaluation: Evaluation?) -> String { evaluation?.prediction.sloAttainment.map { Text.percent($0) } ?? "-" }
            text += row([
                Text.digits(rate), share(before.best), share(try? problem.evaluate(left)), share(after.best),
                Text.seconds(before.planningSeconds),
                Text.seconds(after.planningSeconds),
            ])
        }
        return text + "\n"
    }
}
