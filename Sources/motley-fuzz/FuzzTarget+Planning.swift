import JSON
import Models
import Planning
import Plans

extension FuzzTarget {
    private static let words = [
        "\"machines\"", "\"count\"", "\"memory\"", "\"capacity\"", "\"bandwidth\"", "\"devices\"", "\"device\"", "\"T4\"", "\"GiB\"",
        "1e308", "-1",
        "0",
        "9223372036854775807", "1e-300", "\"1EiB\"", "\"999TB/s\"", "null", "true", "[", "]", "{", "}", "\"rates\"", "\"links\"",
        "\"pin layers 0-9 = gpu0\"",
        "\"batch\"", "10000000", "100000000", "\"rate\"", "\"trace\"", "\"uniform\"", "\"values\"", "\"throughput\"", "\"slo\"", "\"ttft\"",
    ]

    static let plan = FuzzTarget(
        name: "plan", words: words + ["\"replicas\"", "\"stages\"", "\"shards\"", "\"computers\"", "\"range\"", "\"home\"", "\"layers\""]
    ) {
        SamplePlans.plans
    } run: { bytes in
        guard let json = try? JSON(parsing: bytes), let plan = try? Plan(reading: FieldReader(json)) else { return false }
        // What is written is read back the same.
        let again = try? Plan(reading: FieldReader(plan.json))
        precondition(again == plan, "a plan that is not read as it was written")
        let problem = SamplePlans.problem
        _ = PlanCheck.problems(plan, shape: problem.shape, inventory: problem.hardware.inventory)
        _ = try? problem.evaluate(plan)
        _ = try? problem.evaluate(problem.adopt(plan).plan)
        return true
    }

    static let cluster = FuzzTarget(name: "cluster", words: words) {
        SamplePlans.scenarios.compactMap { $0["hardware"].map { Array($0.serialized().utf8) } }
    } run: { bytes in
        guard let json = try? JSON(parsing: bytes), let profile = try? Profile(reading: FieldReader(json)) else { return false }
        let hardware = Hardware(profile)
        for machine in profile.machines.indices.prefix(4) { _ = hardware.machineLink(0, machine) }
        for device in hardware.devices.indices.prefix(4) { _ = hardware.link(0, device) }
        let again = try? Profile(reading: FieldReader(profile.json))
        precondition(again?.machines.count == profile.machines.count, "a profile that is not read as it was written")
        return true
    }

    static let workload = FuzzTarget(name: "workload", words: words) {
        SamplePlans.scenarios.compactMap { $0["workload"].map { Array($0.serialized().utf8) } }
    } run: { bytes in
        guard let json = try? JSON(parsing: bytes), let workload = try? Workload(reading: FieldReader(json)) else { return false }
        precondition(workload.meanPrompt.isFinite && workload.meanOutput.isFinite && workload.contextTokens >= 1)
        _ = try? Workload(reading: FieldReader(workload.json))
        return true
    }

    /// Reads a scenario and, where it is small, plans it: no file may trap or hang the planner.
    static let scenario = FuzzTarget(name: "scenario", words: words) {
        SamplePlans.scenarios.map { Array($0.serialized().utf8) }
    } run: { bytes in
        guard let json = try? JSON(parsing: bytes), let scenario = try? Scenario(reading: FieldReader(json)),
            let problem = try? Problem(scenario)
        else {
            return false
        }
        let devices = scenario.hardware.machines.reduce(0) { $0 + $1.devices.count }
        guard devices <= 8 else { return true }
        for strategy in [Strategy.memory, .hetegen] { _ = (try? Planner(problem).plan(strategy, timeLimit: 0.2))?.json }
        return true
    }
}
