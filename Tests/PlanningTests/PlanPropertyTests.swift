import JSON
import Models
import Plans
import Testing

@testable import Planning

/// What holds for every plan, over random hardware, models and workloads: a hundred moderate ones in every run, `MOTLEY_PLANS=5000` for as
/// many of any size.
struct PlanPropertyTests {
    static let parts = 7
    /// In a usual run objectives take turns: what they cost differs a hundredfold, and by chance some would hardly come.
    static let turns: [Objective] = [
        .latency, .throughput, .timeToFirstToken, .throughput, .slo(.limits(timeToFirstToken: 2, timePerOutputToken: 0.1)), .latency,
        .throughput, .timeToFirstToken, .cost, .throughput,
    ]

    /// As `Fixtures.random`, most with fewer layers, some with wishes.
    static func scenario(_ random: inout SplitMix) -> Scenario {
        var scenario = Fixtures.random(&random)
        if random.below(4) > 0 {
            for run in scenario.model.runs.indices {
                scenario.model.runs[run].count = min(scenario.model.runs[run].count, 1 + random.below(12))
            }
        }
        if random.below(5) == 0 { scenario.constraints.keyValueFormat = [.q8, .q4][random.below(2)] }
        if random.below(5) == 0, let label = Hardware(scenario.hardware).memories.randomElement(using: &random)?.label {
            try? scenario.constraints.limit("\(label)=\(1 + random.below(12))GiB")
        }
        if random.below(5) == 0, let label = Hardware(scenario.hardware).devices.randomElement(using: &random)?.label {
            if random.below(2) == 0 {
                scenario.constraints.excluded = [label]
            } else {
                let first = random.below(scenario.model.layerCount), last = first + random.below(scenario.model.layerCount - first)
                try? scenario.constraints.pin("layers \(first)-\(last) = \(label)")
            }
        }
        return scenario
    }

    /// As `scenario`, with the objective whose turn it is and no more hardware and layers than a usual run has time for: requests over time
    /// on a dozen devices take as long as all the rest.
    static func moderate(_ number: Int, _ random: inout SplitMix) -> Scenario {
        var scenario = scenario(&random)
        scenario.objective = turns[number % turns.count]
        var most = 6
        if scenario.objective.countsRequests {
            scenario.workload.demand = .rate([0.2, 2][random.below(2)])
            if random.below(3) == 0 { scenario.objective = .slo(.deadline(8)) }
            most = 3
        } else if scenario.workload.batch == nil {
            scenario.workload.demand = .batch([1, 4, 32, 300][random.below(4)])
        }
        for index in scenario.hardware.machines.indices.reversed() {
            while scenario.hardware.machines.reduce(0, { $0 + $1.devices.count }) > most,
                scenario.hardware.machines[index].devices.count > 1
            {
                scenario.hardware.machines[index].devices.removeLast()
            }
        }
        if number % 8 > 0 {
            for run in scenario.model.runs.indices { scenario.model.runs[run].count = min(scenario.model.runs[run].count, 8) }
        }
        let labels = Set(Hardware(scenario.hardware).devices.map(\.label))
        scenario.constraints.excluded.removeAll { !labels.contains($0) }
        scenario.constraints.pins.removeAll { !labels.contains($0.device) || $0.layers.upperBound >= scenario.model.layerCount }
        if case .cost = scenario.objective {
            for machine in scenario.hardware.machines.indices { scenario.hardware.machines[machine].pricePerHour = 1 + random.unit() }
        }
        return scenario
    }

    @Test(arguments: 0..<parts)
    func plansAreWholeFitAndAutoIsNeverWorse(part: Int) throws {
        var random = SplitMix(seed: UInt64(100 + part))
        var planned = 0
        let all = Fixtures.count(0)
        for number in 0..<max(Self.turns.count, all / Self.parts) {
            let scenario = all > 0 ? Self.scenario(&random) : Self.moderate(number + part, &random)
            guard let problem = try? Problem(scenario) else { continue }
            let name = "part \(part), case \(number): \(scenario.model.name), \(scenario.objective.name)"
            let auto = try? Planner(problem).plan(.auto, timeLimit: 60)
            for strategy in Strategy.allCases {
                let found = strategy == .auto ? auto : try? Planner(problem).plan(strategy, timeLimit: 60)
                guard let found else { continue }
                planned += 1
                try Self.check(found.best, problem, "\(name), \(strategy)")
                #expect(auto != nil, "\(name): \(strategy) fits and auto does not")
                // Shares of requests in time are equal; the mean time, a thousandth of a thousandth of the score, is not played for every
                // candidate.
                let slack = scenario.objective.countsRequests ? 1e-5 : 0
                if let auto {
                    #expect(auto.best.score <= found.best.score * (1 + 1e-9) + slack, "\(name): \(strategy) is better than auto")
                }
            }
        }
        #expect(planned > 0)
    }

    /// One plan: whole, within memories, predicted in numbers, wishes kept, and the same when written and read back.
    static func check(_ found: Evaluation, _ problem: Problem, _ name: String) throws {
        let problems = PlanCheck.problems(found.plan, shape: problem.shape, inventory: problem.hardware.inventory)
        #expect(problems.isEmpty, "\(name): \(problems.prefix(3))")
        for use in found.prediction.memory { #expect(use.bytes <= use.capacity ?? Int.max, "\(name)") }
        let prediction = found.prediction
        let numbers = [
            found.score, prediction.throughputTokensPerSecond ?? -1, prediction.timeToFirstTokenSeconds ?? -1,
            prediction.timePerOutputTokenSeconds ?? -1,
        ]
        #expect(numbers.allSatisfy { $0.isFinite && $0 >= 0 }, "\(name): \(numbers)")
        #expect(
            (prediction.prefillSeconds.merging(prediction.decodeSeconds) { $0 + $1 }).values.allSatisfy { $0.isFinite && $0 >= 0 },
            "\(name)")
        for pin in problem.constraints.pins {
            let device = problem.hardware.devices.firstIndex { $0.label == pin.device }
            for placement in found.plan.replicas.flatMap(\.stages).flatMap(\.placements) {
                switch placement.module {
                case .attention(let layer) where pin.layers.contains(layer), .feedForward(let layer) where pin.layers.contains(layer):
                    #expect(
                        placement.shards.allSatisfy { $0.computers.allSatisfy { $0.device.rawValue == device } }, "\(name): \(pin.text)")
                default: break
                }
            }
        }
        let again = try Plan(reading: FieldReader(JSON(parsing: found.plan.json.serialized())))
        #expect(
            again.replicas == found.plan.replicas && again.devices == found.plan.devices && again.memories == found.plan.memories, "\(name)"
        )
        // The prediction is that of the plan as written and read back.
        let evaluated = try problem.evaluate(again)
        #expect(evaluated.fits && abs(evaluated.score - found.score) <= 1e-9 * abs(found.score), "\(name)")
    }
}
