import Plans
import Testing

@testable import Planning

/// Shares of the sequences become pools of whole sequences.
struct KeyValuePoolTests {
    static func stage(_ shares: [Double], bySequence: Bool = true) -> StageDraft {
        StageDraft(
            machine: 0, layers: 0..<2, plans: [], output: [], embeddingHome: 0,
            keyValue: shares.enumerated().map { KeyValueDraft(share: $1, bySequence: bySequence, memory: $0, device: 0) }, hidden: 0)
    }

    @Test func poolsAreWholeSequences() {
        // 544 positions are nine blocks.
        let pools = KeyValuePools([Self.stage([0.21, 0.53, 0.26])], sequences: 100, contextTokens: 544)
        #expect(pools.blocks == [21 * 9, 53 * 9, 26 * 9] && pools.ends.count == 3)
        // Rounded down; the last takes the rest, and what is less than a sequence is no pool.
        #expect(KeyValuePools([Self.stage([0.21, 0.79])], sequences: 9, contextTokens: 64).blocks == [1, 8])
        #expect(KeyValuePools([Self.stage([0.05, 0.95])], sequences: 9, contextTokens: 64).blocks == [9])
        #expect(KeyValuePools([Self.stage([1, 0])], sequences: 9, contextTokens: 65).blocks == [18])
        // By heads all sequences are in one pool.
        #expect(KeyValuePools([Self.stage([0.5, 0.5], bySequence: false)], sequences: 7, contextTokens: 1).blocks == [7])
        #expect(KeyValuePools([], sequences: .max, contextTokens: 1 << 40).blocks.allSatisfy { $0 >= 0 })
    }

    /// Stages that divide their sequences differently have the pools of both cuts.
    @Test func stagesAgreeOnPools() {
        let stages = [Self.stage([0.25, 0.75]), Self.stage([0.5, 0.5]), Self.stage([1], bySequence: false)]
        let pools = KeyValuePools(stages, sequences: 8, contextTokens: 64)
        #expect(pools.blocks == [2, 2, 4] && pools.ends == [0.25, 0.5, 1])
        #expect((0..<3).map { pools.middle($0) } == [0.125, 0.375, 0.75])
    }

    @Test(arguments: 0..<40) func randomSharesAddUp(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var shares = (0..<1 + random.below(4)).map { _ in random.unit() }
        let sum = shares.reduce(0, +)
        shares = shares.map { $0 / sum }
        let sequences = 1 + random.below(300), context = 1 + random.below(5000)
        let pools = KeyValuePools([Self.stage(shares)], sequences: sequences, contextTokens: context)
        let each = (context + 63) / 64
        #expect(pools.blocks.reduce(0, +) == sequences * each && pools.blocks.allSatisfy { $0 > 0 && $0 % each == 0 })
        #expect(pools.ends.last == 1 && pools.ends.count == pools.blocks.count && pools.ends == pools.ends.sorted())
    }

    /// A planned cache over three memories is the schedule's pools, and every place has its share of the sequences.
    @Test func plansCarryTheirPools() throws {
        let gpu = Fixtures.device(4, bandwidth: 3e11, operations: 3e13)
        let problem = try Fixtures.problem(
            [Fixtures.machine("m", gibibytes: 24, [Fixtures.cpu(), gpu], disk: 500)], Fixtures.shape("OPT-6.7B"), prompt: 512, output: 32,
            batch: 64,
            objective: .throughput)
        let strategy = FlexGenStrategy(problem: problem, deadline: Deadline(seconds: 60))
        let policy = FlexGenModel.Policy(batch: 16, batches: 4, weights: [0, 1, 0], cache: [0.25, 0.5, 0.25], hidden: [0, 1, 0])
        let plan = try #require(strategy.evaluate(policy, gpus: problem.hardware.gpus)).plan
        #expect(plan.replicas[0].schedule.pools == [16 * 9, 32 * 9, 16 * 9])
        let stage = plan.replicas[0].stages[0]
        #expect(stage.keyValue.map(\.pool) == [0, 1, 2])
        #expect(stage.keyValue.map { problem.hardware.memories[$0.memory.rawValue].kind } == [.gpu, .host, .disk])
        let model = try ReplicaModel(plan.replicas[0], hardware: problem.hardware, shape: problem.shape)
        #expect(model.stages[0].groups.allSatisfy { $0.keyValue.map(\.share) == [0.25, 0.5, 0.25] })
        #expect(model.sequenceCapacity(tokens: 544) == 64 && model.sequenceCapacity(tokens: 577) == 56)
    }
}
