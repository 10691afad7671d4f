import JSON
import Plans
import Testing

@testable import Planning

/// Files from outside, damaged in many ways: errors, never crashes; what is accepted can be planned with or refused.
struct HostileInputTests {
    static let scenario = """
        {"version": 1, "hardware": {"machines": [{"name": "a", "count": 2, "memory": {"capacity": "32GiB"}, "cpu": "EPYC 7742",
        "devices": ["T4", {"name": "own", "memory": {"capacity": "8GiB", "bandwidth": "300GB/s"}, "operations": {"f16": "30TFLOP/s"},
        "rates": {"f16": [[1, 1e11], [64, 9e12]]}}],
        "disks": [{"capacity": "1TB", "read": "2GB/s"}]}], "links": {"default": {"bandwidth": "1Gbit/s", "latency": "1ms"}}},
        "model": "OPT-1.3B", "workload": {"prompt_tokens": 64, "output_tokens": 8, "batch": 2}, "objective": "latency",
        "constraints": ["limit host=20GiB"]}
        """

    /// Replaces, removes or duplicates one value somewhere.
    static func damaged(_ value: JSON, _ random: inout SplitMix) -> JSON {
        let odd: [JSON] = [
            .null, true, 0, -1, 1, 9_223_372_036_854_775_807, -9_223_372_036_854_775_808, 1e308, -1e-300, 0.5, "", "a", "1e999GiB",
            "-3GB/s", "16GiB",
            [], [0],
            [3, 1], .object(JSONObject([])),
        ]
        if random.below(5) == 0 { return odd[random.below(odd.count)] }
        switch value {
        case .array(var elements):
            guard !elements.isEmpty else { return odd[random.below(odd.count)] }
            let index = random.below(elements.count)
            switch random.below(5) {
            case 0: elements.remove(at: index)
            case 1: elements.append(elements[index])
            default: elements[index] = damaged(elements[index], &random)
            }
            return .array(elements)
        case .object(let object):
            var fields = object.map { ($0.key, $0.value) }
            guard !fields.isEmpty else { return odd[random.below(odd.count)] }
            let index = random.below(fields.count)
            switch random.below(6) {
            case 0: fields.remove(at: index)
            case 1: fields[index].0 += "x"
            default: fields[index].1 = damaged(fields[index].1, &random)
            }
            return .object(JSONObject(fields.map { (key: $0.0, value: $0.1) }))
        default: return odd[random.below(odd.count)]
        }
    }

    @Test func damagedScenariosAreRefusedOrPlanned() throws {
        let whole = try JSON(parsing: Self.scenario)
        _ = try Scenario(reading: FieldReader(whole))
        var random = SplitMix(seed: 31)
        var accepted = 0
        for _ in 0..<Fixtures.count(1500) {
            guard let scenario = try? Scenario(reading: FieldReader(Self.damaged(whole, &random))) else { continue }
            accepted += 1
            // Sizes that are allowed but absurd take long to plan for; those are for the time limit, not for this test.
            guard accepted % 10 == 0, scenario.hardware.machines.count < 5, scenario.workload.contextTokens < 100_000 else { continue }
            guard let problem = try? Problem(scenario) else { continue }
            _ = try? Planner(problem).plan(.memory, timeLimit: 1)
            _ = try? Planner(problem).plan(.flexgen, timeLimit: 1)
        }
        #expect(accepted > 0)
    }

    @Test func damagedPlansAreRefusedOrFoundFaulty() throws {
        let problem = try Problem(Scenario(reading: FieldReader(JSON(parsing: Self.scenario))))
        let whole = try Planner(problem).plan(.memory).best.plan.json
        var random = SplitMix(seed: 32)
        for _ in 0..<Fixtures.count(1500) {
            guard let plan = try? Plan(reading: FieldReader(Self.damaged(whole, &random))) else { continue }
            if PlanCheck.problems(plan, shape: problem.shape, inventory: problem.hardware.inventory).isEmpty {
                _ = try? problem.evaluate(plan)
            }
        }
    }
}
