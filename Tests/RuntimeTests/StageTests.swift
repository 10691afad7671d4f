import Checkpoints
import Models
import Plans
import Runtime
import Testing

/// Stages of one model in one process: the same bits as one stage, however many steps are in flight.
@Suite struct StageTests {
    private func executor(_ golden: Golden, cuts: [Int], inFlight: Int) throws -> Executor {
        let checkpoint = try Checkpoint.open(path: golden.path)
        let model = try ModelSpec(checkpoint: checkpoint)
        let plan = Plan.resident(
            model: model, threads: golden.name.hasPrefix("llama") ? 2 : 1, keyValueTokens: 16 * Executor.blockTokens, stepTokens: 16,
            stepLogits: 16, stepsInFlight: inFlight)
        return try Executor(plan: plan.cut(before: cuts), model: model, checkpoint: checkpoint)
    }

    @Test(arguments: ["llama-gguf-q4_0", "qwen3-hf-bf16", "gpt2-hf-bf16", "opt-postnorm-hf-f32-saved", "opt-hf-f16-postnorm"])
    func stagesGiveTheSameBits(_ name: String) throws {
        let golden = try #require(Golden.named(name))
        let prompt = golden.prompt
        let whole = try golden.executor(stepTokens: 16).logits(of: prompt, slices: [5, 1, 9], blocks: [2])
        for (cuts, inFlight) in [([2], 1), ([1], 2), ([3], 3), ([1, 2, 3], 4)] {
            let executor = try executor(golden, cuts: cuts, inFlight: inFlight)
            var found: [[Float]] = []
            var flying: [(ticket: StepTicket, rows: Int)] = []
            func land() throws {
                let (ticket, rows) = flying.removeFirst()
                try executor.wait(ticket)
                for row in 0..<rows { found.append(Array(executor.logits(ticket, row: row))) }
            }
            var start = 0
            var turn = 0
            while start < prompt.count {
                if flying.count == inFlight { try land() }
                let count = min([5, 1, 9][min(turn, 2)], prompt.count - start)
                let step = Step(entries: [
                    .init(sequence: 0, start: start, tokens: Array(prompt[start..<start + count]), blocks: [2], logits: Array(0..<count))
                ])
                flying.append((try executor.submit(step), count))
                start += count
                turn += 1
            }
            while !flying.isEmpty { try land() }
            #expect(found == whole, "cuts \(cuts), \(inFlight) in flight")
        }
    }

    /// What a step asks for after another that failed its check is not disturbed by it.
    @Test func aRefusedStepLeavesThoseInFlightAlone() throws {
        let golden = try #require(Golden.named("llama-gguf-q4_0"))
        let executor = try executor(golden, cuts: [2], inFlight: 2)
        let good = Step(entries: [.init(sequence: 0, start: 0, tokens: [1, 2, 3], blocks: [0], logits: [2])])
        try executor.run(good)
        let expected = Array(executor.logits(row: 0))
        let ticket = try executor.submit(good)
        #expect(throws: RuntimeError.self) {
            try executor.submit(Step(entries: [.init(sequence: 0, start: 0, tokens: [-1], blocks: [0], logits: [])]))
        }
        try executor.wait(ticket)
        #expect(Array(executor.logits(ticket, row: 0)) == expected)
    }
}
