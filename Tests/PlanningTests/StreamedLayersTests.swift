import Models
import Plans
import Testing

@testable import Planning

/// A lone processor whose memory does not hold the model.
@Suite struct StreamedLayersTests {
    private func plan(gibibytes: Int, batch: Int = 1, objective: Objective = .latency) throws -> (Evaluation, Problem) {
        let machine = Fixtures.machine("a", gibibytes: gibibytes, [Fixtures.cpu()], disk: 1000)
        let problem = try Fixtures.problem([machine], Fixtures.shape("Llama-2-7B"), batch: batch, objective: objective)
        return (try Planner(problem).plan(.auto).best, problem)
    }

    @Test func whatDoesNotFitIsReadFromDisk() throws {
        var before = 0.0
        for gibibytes in [2, 4, 8, 12, 16] {
            let (best, problem) = try plan(gibibytes: gibibytes)
            let inventory = problem.hardware.inventory
            #expect(PlanCheck.problems(best.plan, shape: problem.shape, inventory: inventory) == [])
            let disk = try #require(inventory.memories.first { $0.kind == .disk }).id
            let streamed = best.plan.replicas[0].stages[0].placements.flatMap(\.shards).count { $0.home == disk }
            // f16 weights of 12.6 GiB.
            #expect(gibibytes >= 16 ? streamed == 0 : streamed > 0, "\(gibibytes) GiB")
            let speed = best.prediction.throughputTokensPerSecond ?? 0
            #expect(speed > before, "\(gibibytes) GiB")
            before = speed
        }
    }

    /// A block of sequences shares each pass over the streamed weights.
    @Test func batchesShareThePass() throws {
        let one = try plan(gibibytes: 4).0, many = try plan(gibibytes: 4, batch: 16, objective: .throughput).0
        #expect((many.prediction.throughputTokensPerSecond ?? 0) > 4 * (one.prediction.throughputTokensPerSecond ?? 0))
    }
}
