import JSON
import Plans
import Testing

@testable import Planning

/// Planning anew from a plan made before.
struct WarmPlanTests {
    static func scenario(_ excluded: [String] = []) throws -> Scenario {
        let gpus = Array(repeating: CatalogueDevice.named("RTX 3090")!.profile, count: 6)
        var scenario = Scenario(
            hardware: Profile(machines: ["a", "b", "c"].map { Fixtures.machine($0, gpus) }), model: Fixtures.shape("Llama-2-13B"),
            workload: Workload(prompt: .fixed(128), output: .fixed(32), demand: .rate(6)), objective: .slo(.deadline(3)))
        scenario.constraints.excluded = excluded
        return scenario
    }

    @Test func losingDevicesKeepsWhatIsLeft() throws {
        let before = try Planner(Problem(Self.scenario())).plan()
        let smaller = try Problem(Self.scenario(["a/gpu0", "a/gpu1", "b/gpu3", "c/gpu5"]))
        // As a program would: from the JSON that --json prints.
        let file = try JSON(parsing: before.json.serialized())
        let start = smaller.adopt(try Plan(reading: FieldReader(#require(file["plan"]))), strategy: file["strategy"]?.string ?? "")
        let warm = try Planner(smaller).plan(warm: start), cold = try Planner(smaller).plan()
        try PlanPropertyTests.check(warm.best, smaller, "warm")
        #expect(warm.best.prediction.sloAttainment ?? 0 >= (cold.best.prediction.sloAttainment ?? 0) - 0.05)
    }

    /// A plan that is still possible is among what is considered: planning anew is never worse than keeping it.
    @Test func aPlanThatStillFitsIsKeptOrBeaten() throws {
        let problem = try Problem(Self.scenario())
        let before = try Planner(problem).plan()
        let again = try Planner(problem).plan(warm: problem.adopt(before.best.plan))
        #expect(again.best.score <= before.best.score * (1 + 1e-9))
    }

    /// Devices are found by their labels, whatever their numbers are now.
    @Test func devicesAreFoundByLabel() throws {
        let problem = try Problem(Self.scenario())
        let before = try Planner(problem).plan()
        var renamed = try Self.scenario()
        renamed.hardware.machines.reverse()
        let other = try Problem(renamed)
        let adopted = other.adopt(before.best.plan)
        let old = Set(before.best.plan.devices.map { problem.hardware.devices[$0.id.rawValue].label })
        let new = Set(
            adopted.plan.replicas.flatMap(\.stages).flatMap { $0.devices.map { other.hardware.devices[$0.rawValue].label } })
        #expect(new.isSubset(of: old) && !new.isEmpty)
        #expect(other.kept(adopted) != nil)
        // Of other hardware nothing is left, and nothing is kept.
        let elsewhere = try Fixtures.problem([Fixtures.machine("z", [Fixtures.cpu()])], Fixtures.shape("Llama-2-13B"))
        #expect(elsewhere.kept(elsewhere.adopt(before.best.plan)) == nil)
        _ = try? Planner(elsewhere).plan(warm: elsewhere.adopt(before.best.plan))
    }
}
