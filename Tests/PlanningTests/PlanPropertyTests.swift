import JSON
import Models
import Plans
import Testing

@testable import Planning

/// What holds for every plan, over random hardware, models and workloads: a few hundred in every run, `MOTLEY_PLANS=5000` for as many in
/// all.
struct PlanPropertyTests {
    static let parts = 8

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

    @Test(arguments: 0..<parts)
    func plansAreWholeFitAndAutoIsNeverWorse(part: Int) throws {
        var random = SplitMix(seed: UInt64(100 + part))
        var planned = 0
        for number in 0..<max(1, Fixtures.count(240) / Self.parts) {
            let scenario = Self.scenario(&random)
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
