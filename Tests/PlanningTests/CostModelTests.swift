import JSON
import Models
import Plans
import Testing

@testable import Planning

struct CostModelTests {
    /// One GPU, everything resident: weights are read once per decoded token, so time is bytes over bandwidth (launches and overhead set to
    /// 0).
    @Test func decodeOnOneDeviceIsBytesOverBandwidth() throws {
        var gpu = Fixtures.device(24, bandwidth: 5e11, operations: 5e13)
        gpu.launch = 0
        var machine = Fixtures.machine("m", [gpu])
        machine.stepOverhead = 0
        let shape = Fixtures.shape("Llama-2-7B")
        let problem = try Fixtures.problem([machine], shape)
        let plan = problem.realiser.plan([ReplicaDraft(stages: [problem.residentStage([0], layers: 0..<32)])])
        let model = try ReplicaModel(plan.replicas[0], hardware: problem.hardware, shape: shape)
        let context = 1000.0
        let layer = shape.layer(0)
        let bytes =
            2.0 * Double(32 * (layer.attention.elements + layer.feedForward.elements) + shape.outputElements)
            + 2 * context * 32 * Double(layer.attention.keyValueElements)
        #expect(abs(model.seconds(.decode(sequences: 1, context: context)) / (bytes / 5e11) - 1) < 1e-9)
        // A long prompt is bound by operations: two per weight and token, and attention's.
        let tokens = 2048.0
        let products = 2 * tokens * Double(32 * (layer.attention.elements + layer.feedForward.elements)) / 5e13
        let attention = 32 * tokens * (tokens + 1) / 2 * layer.attention.operationsPerPosition / gpu.attentionOperations
        let output = 2 * Double(shape.outputElements) / 5e11
        #expect(abs(model.seconds(.prefill(sequences: 1, tokens: tokens)) / (products + attention + output) - 1) < 1e-9)
    }

    /// Grouped-query attention caches an eighth of what multi-head attention would.
    @Test func keyValueBytesFollowTheGroups() throws {
        let shape = Fixtures.shape("Llama-2-70B")
        let problem = try Fixtures.problem(
            [Fixtures.machine("m", [Fixtures.device(200, bandwidth: 1e12, operations: 1e14)])], shape, prompt: 900, output: 100, batch: 3)
        let plan = problem.realiser.plan([ReplicaDraft(stages: [problem.residentStage([0], layers: 0..<80)], sequences: 3)])
        let use = try #require(problem.memoryModel.uses(of: plan)[1])
        // Whole blocks of 64 positions for each sequence.
        #expect(use.keyValue == Double(3 * 1024 * 80 * 2 * 8 * 128 * 2))
        #expect(use.weights == 2 * Double(shape.parameterCount - shape.finalNormElements))
    }

    @Test func tensorParallelExchangesUseTheSlowestLink() throws {
        let shape = Fixtures.small(layers: 4)
        let gpu = Fixtures.device(8, bandwidth: 5e11, operations: 5e13)
        let problem = try Fixtures.problem([Fixtures.machine("m", [gpu, gpu])], shape)
        let one = problem.realiser.plan([ReplicaDraft(stages: [problem.residentStage([0], layers: 0..<4)])])
        let two = problem.realiser.plan([ReplicaDraft(stages: [problem.residentStage([0, 1], layers: 0..<4)])])
        let stage = try ReplicaModel(two.replicas[0], hardware: problem.hardware, shape: shape).stages[0].time(
            .decode(sequences: 1, context: 100))
        let link = problem.hardware.link(0, 1)
        #expect(abs(stage.terms.exchange - 4 * 2 * (link.latency + 1024 * 2 / link.bytesPerSecond)) < 1e-12)
        let alone = try ReplicaModel(one.replicas[0], hardware: problem.hardware, shape: shape).stages[0].time(
            .decode(sequences: 1, context: 100))
        #expect(stage.busy[0] < alone.busy[0])
    }

    /// More bandwidth, a faster link or a faster network is never slower, whatever the plan.
    @Test func fasterHardwareIsNeverSlower() throws {
        var random = SplitMix(seed: 5)
        for _ in 0..<60 {
            let scenario = Fixtures.random(&random)
            let problem = try Problem(scenario)
            guard let found = Strategy.memory.search(problem, deadline: Deadline(seconds: 5)).first else { continue }
            let old = try ReplicaModel(found.plan.replicas[0], hardware: problem.hardware, shape: problem.shape)
            for change in 0..<4 {
                var faster = scenario.hardware
                faster.network.standard.bytesPerSecond *= change == 0 ? 2 : 1
                for machine in faster.machines.indices {
                    if change == 1 { faster.machines[machine].memory.bytesPerSecond *= 2 }
                    for device in faster.machines[machine].devices.indices {
                        if change == 2 { faster.machines[machine].devices[device].readBytesPerSecond *= 2 }
                        if change == 3 { faster.machines[machine].devices[device].link?.toDevice *= 2 }
                    }
                }
                let new = try ReplicaModel(found.plan.replicas[0], hardware: Hardware(faster), shape: problem.shape)
                for load in [
                    StepLoad.decode(sequences: 4, context: 300), .prefill(sequences: 2, tokens: 200),
                    .decode(sequences: 8, context: 10, microBatches: 4),
                ] {
                    #expect(new.seconds(load) <= old.seconds(load) * (1 + 1e-12))
                    #expect(new.round(load) <= old.round(load) * (1 + 1e-12))
                }
            }
        }
    }

    @Test func moreTokensOrLongerContextsAreNeverFaster() throws {
        let problem = try Fixtures.problem(
            [Fixtures.machine("m", [Fixtures.device(80, bandwidth: 5e11, operations: 5e13)])], Fixtures.shape("Mixtral-8x7B"))
        let plan = problem.realiser.plan([ReplicaDraft(stages: [problem.residentStage([0], layers: 0..<32)])])
        let model = try ReplicaModel(plan.replicas[0], hardware: problem.hardware, shape: problem.shape)
        var last = 0.0
        for count in [1.0, 2, 3, 8, 20, 64, 200, 1000, 4000] {
            let seconds = model.seconds(.decode(sequences: count, context: 100))
            #expect(seconds >= last)
            last = seconds
            #expect(model.seconds(.decode(sequences: count, context: 200)) >= seconds)
        }
    }

    @Test func pipelinedRoundsLieBetweenBottleneckAndSum() throws {
        let gpu = Fixtures.device(8, bandwidth: 5e11, operations: 5e13)
        let problem = try Fixtures.problem([Fixtures.machine("m", [gpu, gpu, gpu])], Fixtures.small(layers: 9))
        let stages = (0..<3).map { problem.residentStage([$0], layers: $0 * 3..<$0 * 3 + 3) }
        let plan = problem.realiser.plan([ReplicaDraft(stages: stages)])
        let model = try ReplicaModel(plan.replicas[0], hardware: problem.hardware, shape: problem.shape)
        let block = StepLoad.decode(sequences: 12, context: 50, microBatches: 3)
        #expect(model.round(block) >= model.period(block))
        #expect(model.round(block) >= model.seconds(block.oneMicroBatch))
        #expect(model.prefillSeconds(sequences: 1, slices: [100]) > model.prefillSeconds(sequences: 1, slices: [50, 50]) * 0.5)
    }
}
