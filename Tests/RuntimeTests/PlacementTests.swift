import Checkpoints
import Devices
import Foundation
import Models
import Plans
import Runtime
import Testing

/// Whatever a plan decides, the logits are the same bits as with everything resident on the processor.
@Suite struct PlacementTests {
    private static let models = [
        "llama-gguf-q4_0", "llama-gguf-mixed", "qwen3-hf-bf16", "gpt2-hf-bf16", "opt-postnorm-hf-f32-saved", "opt-hf-f16-postnorm",
        "llama-gguf-q6_k",
    ]

    /// With everything resident: computed once for each model and beginning.
    private final class References: @unchecked Sendable {
        static let shared = References()
        private let lock = NSLock()
        private var known: [String: [[Float]]] = [:]

        /// The model's prompt over and over, from some token on.
        static func tokens(_ golden: Golden, skipping: Int) -> [Int32] {
            (0..<140).map { golden.prompt[($0 + skipping) % golden.prompt.count] }
        }

        func logits(_ golden: Golden, skipping: Int, count: Int) throws -> [[Float]] {
            lock.lock()
            defer { lock.unlock() }
            let isLong = count > 22, key = "\(golden.name) \(skipping) \(isLong)"
            if let known = known[key] { return Array(known.prefix(count)) }
            let tokens = Array(Self.tokens(golden, skipping: skipping).prefix(isLong ? 140 : 22))
            let logits = try golden.executor(stepTokens: 32).logits(of: tokens, slices: [32], blocks: [0, 1, 2])
            known[key] = logits
            return Array(logits.prefix(count))
        }
    }

    /// How many plans: a few kinds of each, or `MOTLEY_PLACEMENTS`.
    private static let count = ProcessInfo.processInfo.environment["MOTLEY_PLACEMENTS"].flatMap { Int($0) } ?? 80

    @Test(arguments: 0..<count) func randomPlansGiveTheSameBits(_ seed: Int) throws {
        let golden = try #require(Golden.named(Self.models[seed % Self.models.count]))
        let checkpoint = try Checkpoint.open(path: golden.path)
        let model = try ModelSpec(checkpoint: checkpoint)
        let random = RandomPlan(model: model, seed: seed)
        #expect(PlanCheck.problems(random.plan, shape: ModelShape(model), inventory: random.plan.inventory) == [])
        let executor = try Executor(
            plan: random.plan, model: model, checkpoint: checkpoint, options: .init(threads: 1, emulated: RandomPlan.emulations))
        try compare(executor, golden, pools: random.pools, seed: seed)
    }

    /// Five sequences in steps of random company and slices, as many in flight as may be.
    private func compare(_ executor: Executor, _ golden: Golden, pools: [Int], seed: Int) throws {
        var dice = Dice(seed: seed + 1_000_000)
        // Some with contexts of several blocks.
        let isLong = seed % 12 == 0 && executor.model.positions.areUnlimited
        let prompts = (0..<5).map { number in
            Array(References.tokens(golden, skipping: number).prefix(isLong ? 60 + dice.roll(80) : 3 + dice.roll(20)))
        }
        var blocks: [[Int32]] = []
        var used = pools.map { _ in 0 }
        for prompt in prompts {
            let count = (prompt.count + 63) / 64
            let pool = dice.pick(pools.indices.filter { used[$0] + count <= pools[$0] })
            let first = pools.prefix(pool).reduce(0, +) + used[pool]
            blocks.append((first..<first + count).map { Int32($0) })
            used[pool] += count
        }
        var found = prompts.map { _ in [[Float]]() }
        var done = prompts.map { _ in 0 }
        var flying: [(ticket: StepTicket, rows: [(sequence: Int, count: Int)])] = []
        func land() throws {
            let (ticket, rows) = flying.removeFirst()
            try executor.wait(ticket)
            var row = 0
            for (sequence, count) in rows {
                for _ in 0..<count {
                    found[sequence].append(Array(executor.logits(ticket, row: row)))
                    row += 1
                }
            }
        }
        while prompts.indices.contains(where: { done[$0] < prompts[$0].count }) {
            var entries: [Step.Entry] = []
            var room = 32
            for sequence in prompts.indices where done[sequence] < prompts[sequence].count && dice.chance(70) {
                let count = min(1 + dice.roll(isLong ? 30 : 9), prompts[sequence].count - done[sequence], room)
                if count == 0 { continue }
                room -= count
                entries.append(
                    .init(
                        sequence: sequence, start: done[sequence],
                        tokens: Array(prompts[sequence][done[sequence]..<done[sequence] + count]),
                        blocks: blocks[sequence], logits: Array(0..<count)))
                done[sequence] += count
            }
            if entries.isEmpty { continue }
            if flying.count == executor.schedule.stepsInFlight { try land() }
            flying.append((try executor.submit(Step(entries: entries)), entries.map { ($0.sequence, $0.tokens.count) }))
        }
        while !flying.isEmpty { try land() }
        for sequence in prompts.indices {
            let whole = try References.shared.logits(golden, skipping: sequence, count: prompts[sequence].count)
            #expect(found[sequence] == whole, "sequence \(sequence)")
        }
    }
}

extension PositionSpec {
    /// Whether a sequence may be longer than any table of positions.
    fileprivate var areUnlimited: Bool { if case .learned = self { false } else { true } }
}
