import JSON
import Plans
import Scheduling
import Testing

@testable import Planning

/// Laws that hold whatever is simulated, and cases whose answer is known.
struct SimulationTests {
    /// A pipeline of GPUs in one machine with layers as given, everything resident.
    static func pipeline(
        _ gpus: [DeviceProfile], layers: [Int], prompt: Int, output: Int, demand: Workload.Demand = .batch(1), sequences: Int = 1,
        slices: [SliceTable] = [], block: BlockGeometry? = nil, replicas: Int = 1
    ) throws -> (scenario: Scenario, problem: Problem, plan: Evaluation) {
        let shape = Fixtures.small(layers: layers.reduce(0, +))
        let devices = Array(repeating: gpus, count: replicas).flatMap { $0 }
        let scenario = Scenario(
            hardware: Profile(machines: [Fixtures.machine("m", devices)]), model: shape,
            workload: Workload(prompt: .fixed(prompt), output: .fixed(output), demand: demand), objective: .throughput)
        let problem = try Problem(scenario)
        var drafts: [ReplicaDraft] = []
        for replica in 0..<replicas {
            var next = 0
            var stages: [StageDraft] = []
            for (index, count) in layers.enumerated() {
                stages.append(problem.residentStage([problem.hardware.gpus[replica * layers.count + index]], layers: next..<next + count))
                next += count
            }
            let own = block ?? problem.block(sequences: sequences, stages: layers.count)
            drafts.append(ReplicaDraft(stages: stages, block: own, slices: slices, sequences: sequences))
        }
        let plan = try problem.evaluate(problem.realiser.plan(drafts), strategy: "test")
        #expect(plan.fits)
        return (scenario, problem, plan)
    }

    static let fast = Fixtures.device(16, bandwidth: 6e11, operations: 6e13)
    static let slow = Fixtures.device(16, bandwidth: 3e11, operations: 1.5e13)

    static func run(
        _ made: (scenario: Scenario, problem: Problem, plan: Evaluation), _ options: SimulationOptions = SimulationOptions(),
        requests: [Workload.Request]? = nil
    ) throws -> SimulationReport {
        var simulator = try Simulator(made.scenario, problem: made.problem, plan: made.plan, options: options, requests: requests)
        return simulator.run()
    }

    func model(_ made: (scenario: Scenario, problem: Problem, plan: Evaluation)) throws -> ReplicaModel {
        try ReplicaModel(made.plan.plan.replicas[0], hardware: made.problem.hardware, shape: made.problem.shape)
    }

    func isClose(_ a: Double, _ b: Double, _ share: Double = 1e-9) -> Bool { abs(a - b) <= share * max(abs(a), abs(b)) }

    @Test func aLoneRequestTakesWhatTheModelSays() throws {
        let made = try Self.pipeline([Self.fast], layers: [8], prompt: 300, output: 20)
        let report = try Self.run(made)
        let model = try model(made)
        var expected = model.prefillSeconds(sequences: 1, promptTokens: 300)
        #expect(isClose(report.firstToken[0], expected))
        for index in 1..<20 { expected += model.seconds(.decode(sequences: 1, context: Double(300 + index))) }
        #expect(isClose(report.total[0], expected))
        #expect(report.completed == 1 && report.failed == 0 && report.producedTokens == 20)
        #expect(report.attainment == 1 && report.replicas[0].steps == 20)
        // Decoding at the mean context is what predictions are made with.
        let predicted = model.prefillSeconds(sequences: 1, promptTokens: 300) + 19 * model.decodeRound(sequences: 1, context: 310)
        #expect(isClose(report.total[0], predicted, 1e-3))
    }

    /// Slices flow through the stages by the exact recurrence that the search minimises.
    @Test(arguments: [[6, 6, 6], [2, 9, 7], [3, 3, 3, 3, 3, 3]]) func aSlicedPromptEqualsTheRecurrence(layers: [Int]) throws {
        let gpus = layers.indices.map { $0 % 2 == 0 ? Self.fast : Self.slow }
        let table = SliceTable(promptTokens: 1024, slices: [256, 256, 192, 128, 128, 64])
        let made = try Self.pipeline(gpus, layers: layers, prompt: 1024, output: 3, slices: [table])
        let model = try model(made)
        let report = try Self.run(made)
        #expect(isClose(report.firstToken[0], model.prefillSeconds(sequences: 1, promptTokens: 1024)))
        let search = SliceSearch(stages: layers.count, tiles: 16) { stage, start, length in
            model.stages[stage].time(
                .prefill(sequences: 1, tokens: Double(64 * length), after: Double(64 * start), wantsLogits: start + length == 16)
            ).seconds
        } transfer: { stage, length in
            model.boundarySeconds(stage, tokens: Double(64 * length))
        }
        #expect(isClose(report.firstToken[0], search.makespan(table.slices.map { $0 / 64 })))
        var expected = report.firstToken[0]
        for index in 1..<3 { expected += model.seconds(.decode(sequences: 1, context: Double(1024 + index))) }
        #expect(isClose(report.total[0], expected))
    }
}
