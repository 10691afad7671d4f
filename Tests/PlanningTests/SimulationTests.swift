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
        } transfer: { stage, _, length in
            model.boundarySeconds(stage, tokens: Double(64 * length))
        }
        #expect(isClose(report.firstToken[0], search.makespan(table.slices.map { $0 / 64 })))
        var expected = report.firstToken[0]
        for index in 1..<3 { expected += model.seconds(.decode(sequences: 1, context: Double(1024 + index))) }
        #expect(isClose(report.total[0], expected))
    }
}

extension SimulationTests {
    static let kinds: [[DeviceProfile]] = [[fast], [fast, slow], [slow, fast, fast]]

    /// Every request ends once with all its tokens, whatever is scarce: KV blocks (so that sequences are preempted), sequences, stages.
    @Test(arguments: 0..<12) func nothingIsLost(seed: Int) throws {
        var random = SplitMix(seed: UInt64(seed) + 1)
        let gpus = Self.kinds[seed % 3]
        let layers = gpus.map { _ in 2 + random.below(4) }
        let demand: Workload.Demand = random.below(2) == 0 ? .batch(60) : .rate([2, 20, 200][random.below(3)])
        var made = try Self.pipeline(
            gpus, layers: layers, prompt: 100, output: 60, demand: demand, sequences: [1, 3, 40][random.below(3)],
            slices: random.below(2) == 0 ? [SliceTable(promptTokens: 200, slices: [80, 70, 50])] : [], replicas: 1 + random.below(2))
        made.problem = try Problem(made.scenario, seed: 3)
        let requests = QueueModel.requests(
            Workload(prompt: .uniform(1, 120), output: .uniform(1, 40), demand: demand), count: 60, seed: UInt64(seed))
        var options = SimulationOptions()
        options.recordsTrace = true
        let report = try Self.run(made, options, requests: requests)
        #expect(report.completed == 60 && report.failed == 0)
        #expect(report.producedTokens == requests.reduce(0) { $0 + $1.outputTokens })
        for index in requests.indices { #expect(report.firstToken[index] > 0 && report.firstToken[index] <= report.total[index]) }
        for (number, replica) in report.replicas.enumerated() {
            #expect(replica.peakBlocks <= replica.blockCount)
            #expect(report.trace.samples.allSatisfy { $0.replica != number || Int($0.blocks) <= replica.blockCount })
            #expect(replica.occupied.allSatisfy { $0 >= 0 && $0 <= 1 })
            let schedule = made.plan.plan.replicas[number].schedule
            try self.checkSpans(report.trace.spans.filter { $0.replica == number }, stages: layers.count, schedule: schedule)
        }
        #expect(report.utilisation.allSatisfy { $0.share >= 0 && $0.share <= 1 })
    }

    /// A stage does one step at a time, in order; no step is on a stage before it has left the one before; no more are in flight than may
    /// be.
    func checkSpans(_ spans: [SimulationTrace.Span], stages: Int, schedule: ReplicaSchedule) throws {
        var begins: [Int: Double] = [:], ends: [Int: Double] = [:]
        for stage in 0..<stages {
            let own = spans.filter { $0.stage == stage }
            #expect(own.map(\.step) == Array(0..<own.count).map { $0 + 1 })
            for (a, b) in zip(own, own.dropFirst()) { #expect(a.begin + a.seconds <= b.begin + 1e-9) }
            for span in own {
                if let end = ends[span.step] { #expect(span.begin >= end) }
                begins[span.step] = begins[span.step] ?? span.begin
                ends[span.step] = span.begin + span.seconds
                #expect(Int(span.sequences) <= schedule.sequences && Int(span.tokens) <= schedule.stepTokens)
            }
        }
        // Steps end in their order (above): the one so many before must have ended where a step begins.
        let steps = begins.keys.sorted()
        for (earlier, step) in zip(steps, steps.dropFirst(schedule.stepsInFlight)) {
            #expect(ends[earlier]! <= begins[step]! + 1e-12)
        }
    }

    @Test func equalSeedsGiveEqualReports() throws {
        let made = try Self.pipeline(
            [Self.fast, Self.slow], layers: [4, 4], prompt: 100, output: 30, demand: .rate(20), sequences: 16, replicas: 2)
        var options = SimulationOptions()
        options.requests = 200
        options.recordsTrace = true
        options.failures = [DeviceFailure(seconds: 3, device: "gpu0")]
        let a = try Self.run(made, options), b = try Self.run(made, options)
        #expect(a.detailedJSON.serialized() == b.detailedJSON.serialized())
        #expect(a.trace.chromeJSON == b.trace.chromeJSON)
        options.seed = 2
        let c = try Self.run(made, options)
        #expect(a.detailedJSON.serialized() != c.detailedJSON.serialized())
    }

    /// One sequence at a time, Poisson arrivals, equal requests: M/D/1, whose mean wait is rho s / (2 (1 - rho)).
    @Test func aQueueOfOneServerIsTheKnownOne() throws {
        var made = try Self.pipeline([Self.fast], layers: [8], prompt: 300, output: 8, sequences: 1)
        let lone = try Self.run(made).total[0]
        for load in [0.4, 0.7] {
            made.scenario.workload.demand = .rate(load / lone)
            made.problem = try Problem(made.scenario)
            made.plan = try made.problem.evaluate(made.plan.plan)
            var options = SimulationOptions()
            options.requests = 6000
            let report = try Self.run(made, options)
            let mean = report.total.reduce(0, +) / 6000
            #expect(isClose(mean, lone * (1 + load / (2 * (1 - load))), 0.08), "load \(load)")
            // Little: waiting requests on average are the rate times the mean wait.
            #expect(isClose(report.meanQueue, 6000 / report.duration * (mean - lone), 0.02))
            #expect(isClose(report.replicas[0].occupied[0], load, 0.05))
        }
    }

    /// A full batch runs at the rate that was predicted for the plan.
    @Test(arguments: [[8], [4, 4], [3, 3, 2]]) func aSaturatedBatchRunsAsPredicted(layers: [Int]) throws {
        let gpus = Array(repeating: Self.fast, count: layers.count)
        let made = try Self.pipeline(gpus, layers: layers, prompt: 128, output: 128, demand: .batch(96), sequences: 96)
        let predicted = try #require(made.plan.prediction.throughputTokensPerSecond)
        let report = try Self.run(made)
        #expect(isClose(report.throughput, predicted, 0.15), "\(report.throughput) against \(predicted)")
    }

    @Test func lowerRatesAndMoreReplicasServeMoreInTime() throws {
        func attainment(rate: Double, replicas: Int) throws -> Double {
            let made = try Self.pipeline(
                [Self.slow], layers: [8], prompt: 500, output: 50, demand: .rate(rate), sequences: 8, replicas: replicas)
            var options = SimulationOptions()
            options.requests = 400
            options.scale = 2
            return try Self.run(made, options).attainment
        }
        let rates = [2.0, 8, 16, 32, 64]
        let one = try rates.map { try attainment(rate: $0, replicas: 1) }, two = try rates.map { try attainment(rate: $0, replicas: 2) }
        for index in rates.indices {
            #expect(two[index] >= one[index] - 0.03, "\(one) \(two)")
            if index > 0 { #expect(one[index] <= one[index - 1] + 0.03, "\(one)") }
        }
        #expect(one[0] > 0.95 && one[4] < 0.5)
    }

    @Test func whatNeverFitsFailsAndIsSaid() throws {
        let made = try Self.pipeline([Self.fast], layers: [4], prompt: 100, output: 10, demand: .batch(3), sequences: 2)
        let requests = [
            Workload.Request(arrival: 0, promptTokens: 100, outputTokens: 10),
            Workload.Request(arrival: 0, promptTokens: 5000, outputTokens: 10),
            Workload.Request(arrival: 1, promptTokens: 20, outputTokens: 1),
        ]
        let report = try Self.run(made, requests: requests)
        #expect(report.completed == 2 && report.failed == 1 && report.producedTokens == 11)
        #expect(report.attainment <= 2.0 / 3 + 1e-12 && !report.total[1].isFinite)
    }
}
