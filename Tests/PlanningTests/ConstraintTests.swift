import JSON
import Models
import Plans
import Testing

@testable import Planning

/// What the user insists on is kept by every strategy, or refused with a reason; wishes that contradict each other are named.
struct ConstraintTests {
    static func scenario(_ wishes: [String], layers: Int = 12, objective: Objective = .latency) throws -> Scenario {
        var constraints = Constraints()
        for wish in wishes { try constraints.add(wish) }
        let machines = [
            Fixtures.machine(
                "a",
                [
                    Fixtures.cpu(), Fixtures.device(8, bandwidth: 5e11, operations: 5e13),
                    Fixtures.device(6, bandwidth: 3e11, operations: 2e13),
                ],
                disk: 500)
        ]
        return Scenario(
            hardware: Profile(machines: machines), model: Fixtures.small(layers: layers, hidden: 2048),
            workload: Workload(prompt: .fixed(100), output: .fixed(20), demand: .batch(1)), objective: objective, constraints: constraints)
    }

    /// The message of the error that planning ends with.
    static func failure(_ wishes: [String], _ strategy: Strategy = .auto) -> String? {
        do {
            _ = try Planner(Problem(scenario(wishes))).plan(strategy)
            return nil
        } catch { return "\(error)" }
    }

    @Test(arguments: [
        (["pin layers 0-5 = gpu0", "pin layers 5-7 = gpu1"], ["layers 0-5 = gpu0", "layers 5-7 = gpu1", "layer 5"]),
        (["pin layers 0-5 = gpu0", "exclude gpu0"], ["pin layers 0-5 = gpu0", "exclude gpu0"]),
        (["exclude a", "pin layers 0-5 = cpu0"], ["pin layers 0-5 = cpu0", "exclude a"]),
        (["pin layers 0-11 = gpu0", "limit gpu0=500MiB"], ["pin layers 0-11 = gpu0", "limit gpu0=500MiB"]),
        (["limit gpu=5GiB", "limit gpu0=400MiB", "pin layers 0-11 = gpu0"], ["pin layers 0-11 = gpu0", "limit gpu0=400MiB"]),
        (["pin layers 0-3 = gpu0", "pin layers 4-11 = gpu0", "limit gpu0=300MiB"], ["layers 0-3", "layers 4-11", "limit gpu0=300MiB"]),
        (["kv 8bit", "kv 4bit"], ["kv 8bit", "kv 4bit"]),
        (["exclude gpu0", "exclude gpu1", "exclude cpu0"], ["exclude gpu0", "exclude cpu0"]),
        (["exclude a"], ["exclude a"]), (["pin layers 0-12 = gpu0"], ["layers 0-12", "0 to 11"]),
        (["pin layers 3-4 = gpu7"], ["gpu7", "gpu1"]),
        (["limit gpu9=1GiB"], ["gpu9", "gpu1"]), (["exclude b"], ["exclude b"]),
    ])
    func contradictionsNameTheWishes(wishes: [String], named: [String]) throws {
        let message = try #require(Self.failure(wishes))
        for word in named { #expect(message.contains(word), "\(message) lacks \(word)") }
    }

    /// Not contradictions: two limits on one memory (the smaller counts), the same wish twice.
    @Test func limitsAddUpToTheSmaller() throws {
        let problem = try Problem(
            Self.scenario(["limit gpu0=2GiB", "limit gpu0=1GiB", "limit gpu=3GiB", "kv 8bit", "kv q8", "exclude gpu1", "exclude gpu1"]))
        #expect(problem.hardware.memories[1].capacity == 1 << 30 && problem.hardware.memories[2].capacity == 3 << 30)
    }

    @Test(arguments: Strategy.allCases)
    func limitsExclusionsAndFormatsHoldForEveryStrategy(strategy: Strategy) throws {
        for objective in [Objective.latency, .timeToFirstToken, .throughput] {
            let problem = try Problem(Self.scenario(["limit gpu0=900MiB", "exclude gpu1", "kv 8bit"], objective: objective))
            guard let best = try? Planner(problem).plan(strategy).best else {
                // Strategies without offloading cannot hold 1.2 GB of weights in 900 MiB.
                #expect([.even, .memory, .hpipe, .hexgen].contains(strategy))
                continue
            }
            #expect(!best.plan.devices.contains { $0.name.hasPrefix("gpu1") })
            #expect(best.plan.replicas[0].stages.allSatisfy { $0.keyValue.allSatisfy { $0.format == .q8 } })
            #expect(best.prediction.memory.allSatisfy { $0.memory.rawValue != 1 || $0.bytes <= 900 << 20 })
        }
    }

    @Test(arguments: Strategy.allCases, ["pin layers 3-5 = gpu1", "pin layers 2-4 = gpu0", "pin layer 7 = cpu0"])
    func pinsHoldForEveryStrategyOrItSaysWhy(strategy: Strategy, wish: String) throws {
        let problem = try Problem(Self.scenario([wish, "limit gpu0=900MiB"]))
        do {
            let best = try Planner(problem).plan(strategy).best
            try PlanPropertyTests.check(best, problem, "\(strategy)")
        } catch let error as Planner.NothingFits {
            #expect(strategy != .auto && strategy != .hpipe && strategy != .even && strategy != .memory, "\(error)")
            #expect(error.description.contains(wish.dropFirst(4)) && error.description.contains(strategy.rawValue), "\(error)")
        }
    }

    /// HeteGen keeps pins to its GPU and to its processor.
    @Test func sharedStagesKeepPins() throws {
        let problem = try Problem(Self.scenario(["pin layers 0-1 = gpu0", "pin layers 10-11 = cpu0", "limit gpu0=700MiB", "exclude gpu1"]))
        let best = try Planner(problem).plan(.hetegen).best
        try PlanPropertyTests.check(best, problem, "hetegen")
        #expect(best.plan.devices.count == 2)
    }
}
