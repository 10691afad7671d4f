import JSON
import Plans
import Testing

@testable import Planning

/// Devices that fail while requests run.
struct SimulationFailureTests {
    static func scenario(rate: Double = 8, machines: Int = 3) -> Scenario {
        let gpu = Fixtures.device(8, bandwidth: 3e11, operations: 2e13)
        return Scenario(
            hardware: Profile(machines: (0..<machines).map { Fixtures.machine("m\($0)", [gpu], disk: 500) }),
            model: Fixtures.small(layers: 16),
            workload: Workload(prompt: .fixed(200), output: .fixed(40), demand: .rate(rate)),
            objective: .slo(.deadline(2)))
    }

    static func run(_ scenario: Scenario, _ failures: [DeviceFailure], requests: Int = 300) throws -> SimulationReport {
        let problem = try Problem(scenario)
        let plan = try Planner(problem).plan(.hexgen).best
        var options = SimulationOptions()
        options.requests = requests
        options.strategy = .hexgen
        options.failures = failures
        options.recordsTrace = true
        var simulator = try Simulator(scenario, problem: problem, plan: plan, options: options)
        return simulator.run()
    }

    @Test func nothingIsLostAndTheOthersGoOn() throws {
        let report = try Self.run(Self.scenario(), [DeviceFailure(seconds: 10, device: "m1")])
        #expect(report.completed == 300 && report.failed == 0)
        #expect(report.producedTokens == 300 * 40)
        let failure = try #require(report.failures.first)
        #expect(failure.kept == 2 && failure.ended == 1 && failure.started == 0, "\(failure)")
        // The failed replica did nothing after it failed, the others did.
        for (number, stages) in report.replicas.map(\.stages).enumerated() {
            let last = report.trace.spans.filter { $0.replica == number }.map(\.begin).max() ?? 0
            #expect(stages == [["m1/gpu0"]] ? last <= 10 : last > 10)
        }
    }

    @Test func whatIsLeftIsPlannedAnewAfterLoadingWeights() throws {
        // Two devices of one pipeline: when one fails, the other takes all layers.
        let gpu = Fixtures.device(2, bandwidth: 3e11, operations: 2e13)
        var scenario = Self.scenario(rate: 2)
        scenario.hardware = Profile(machines: [Fixtures.machine("m", [gpu, gpu], disk: 500)])
        scenario.model = Fixtures.small(layers: 40)
        scenario.workload.output = .fixed(20)
        let before = try Planner(Problem(scenario)).plan(.auto).best
        let problem = try Problem(scenario)
        var options = SimulationOptions()
        options.requests = 60
        options.failures = [DeviceFailure(seconds: 5, device: "gpu1")]
        var simulator = try Simulator(scenario, problem: problem, plan: before, options: options)
        let report = simulator.run()
        let failure = try #require(report.failures.first)
        #expect(report.completed == 60 && report.producedTokens == 60 * 20)
        if failure.ended > 0 && failure.started > 0 {
            let recovered = try #require(failure.recoveredAt)
            #expect(recovered >= 5 + options.planningSeconds)
        }
    }

    @Test func whereNothingFitsTheRestFails() throws {
        let report = try Self.run(
            Self.scenario(machines: 1),
            [DeviceFailure(seconds: 10, device: "m0")].map {
                // A lone machine's devices have no machine before their label, its name works all the same.
                DeviceFailure(seconds: $0.seconds, device: $0.device)
            })
        #expect(report.failed > 0 && report.completed > 0 && report.completed + report.failed == 300)
        #expect(report.failures.first?.note == "nothing fits on what is left")
        #expect(report.attainment <= Double(report.completed) / 300)
    }

    @Test func severalFailuresInARow() throws {
        let report = try Self.run(
            Self.scenario(rate: 4, machines: 4),
            [
                DeviceFailure(seconds: 20, device: "m3"), DeviceFailure(seconds: 5, device: "m0/gpu0"),
                DeviceFailure(seconds: 20, device: "m1"),
            ])
        #expect(report.failures.map(\.devices) == [["m0/gpu0"], ["m3", "m1"]])
        #expect(report.completed == 300 && report.producedTokens == 300 * 40)
    }

    @Test func failuresAreReadAndChecked() throws {
        #expect(try DeviceFailure(parsing: "30=m1/gpu0") == DeviceFailure(seconds: 30, device: "m1/gpu0"))
        #expect(try DeviceFailure(parsing: " 2min = m1 ") == DeviceFailure(seconds: 120, device: "m1"))
        for wrong in ["", "30", "x=gpu0", "30=", "-1=gpu0", "nan=gpu0", "=gpu0"] {
            #expect(throws: ConstraintError.self, "\(wrong)") { try DeviceFailure(parsing: wrong) }
        }
        let text = ScenarioTests.text(more: #", "failures": [{"at": "30s", "device": "gpu1"}]"#)
        #expect(try ScenarioTests.read(text).failures == [DeviceFailure(seconds: 30, device: "gpu1")])
        for (failures, field) in [
            (#"[{"at": 1, "device": "gpu9"}]"#, "failures[0].device"), (#"[{"at": -1, "device": "gpu1"}]"#, "failures[0].at"),
            (#"[{"device": "gpu1"}]"#, "failures[0].at"), (#"[{"at": 1, "gpu": "gpu1"}]"#, "failures[0].gpu"), (#"{"at": 1}"#, "failures"),
        ] {
            #expect { try ScenarioTests.read(ScenarioTests.text(more: #", "failures": \#(failures)"#)) } throws: { error in
                (error as? FieldError)?.field == field
            }
        }
    }
}
