import Checkpoints
import Devices
import JSON
import Plans
import Runtime
import Testing

@Suite struct GoldenTests {
    /// Logits against transformers in float32; the tolerance is three times the drift that rounding the inputs of every product alone
    /// makes.
    @Test(arguments: Golden.all.map(\.name)) func logitsMatchTransformers(_ name: String) throws {
        let golden = try #require(Golden.named(name))
        let format = golden.expected["format"]?.string ?? ""
        let kind = format == "F32" ? "f16" : format == "F16" || format == "BF16" ? "bf16" : "int8"
        let drift = golden.expected["drift"]?[kind]
        let tolerance = 3 * (drift?["rms"]?.double ?? 0) + 1e-4, most = 3 * (drift?["largest"]?.double ?? 0) + 1e-3
        #expect(!golden.logits.isEmpty)
        // The best instruction set on every model; the others, down to none, on those of every format.
        let sets = name.hasPrefix("llama-gguf") || name == "llama2-hf-f32" ? InstructionSet.available : [.best]
        for (set, (position, values)) in sets.flatMap({ set in golden.logits.map { (set, $0) } }) {
            let rows = try golden.executor(instructionSet: set).logits(of: golden.prompt, slices: [64], blocks: [3])
            let found = rows[position]
            #expect(found.count == values.count)
            var squares = 0.0, largest = 0.0
            for (a, b) in zip(found, values) {
                squares += (Double(a) - b) * (Double(a) - b)
                largest = max(largest, abs(Double(a) - b))
            }
            let rms = (squares / Double(max(1, values.count))).squareRoot()
            #expect(rms <= tolerance, "\(set), position \(position): rms \(rms)")
            #expect(largest <= most, "\(set), position \(position): largest \(largest)")
        }
    }

    /// The same bits whatever the slices, the thread count, the block numbers and the company in the batch.
    @Test(arguments: [
        "llama-gguf-q4_0", "llama-gguf-mixed", "llama-gguf-q6_k", "llama-gguf-q5_1", "qwen2-gguf-q8_0", "mistral-hf-f16", "gpt2-hf-bf16",
        "llama2-hf-f32",
        "opt-hf-f16-postnorm",
    ])
    func resultsDoNotDependOnSlicesThreadsOrCompany(_ name: String) throws {
        let golden = try #require(Golden.named(name))
        for format in [KeyValueFormat.f16, .q8] {
            let one = try golden.executor(threads: 1, format: format)
            let whole = try one.logits(of: golden.prompt, slices: [64], blocks: [0])
            #expect(try one.logits(of: golden.prompt, slices: [1], blocks: [5]) == whole)
            let two = try golden.executor(threads: 2, format: format)
            #expect(try two.logits(of: golden.prompt, slices: [7, 1, 13, 2, 5], blocks: [9]) == whole)

            // Three sequences of different lengths share every step.
            let prompts = [golden.prompt, Array(golden.prompt.reversed()), Array(golden.prompt.prefix(11))]
            let alone = try prompts.map { try one.logits(of: $0, slices: [64], blocks: [1]) }
            var together = prompts.map { _ in [[Float]]() }
            for start in stride(from: 0, to: golden.prompt.count, by: 9) {
                var entries: [Step.Entry] = []
                for (index, prompt) in prompts.enumerated() where start < prompt.count {
                    let part = Array(prompt[start..<min(start + 9, prompt.count)])
                    entries.append(
                        .init(sequence: index, start: start, tokens: part, blocks: [Int32(12 - index)], logits: Array(0..<part.count)))
                }
                try two.run(Step(entries: entries))
                var row = 0
                for entry in entries {
                    for _ in entry.logits {
                        together[entry.sequence].append(Array(two.logits(row: row)))
                        row += 1
                    }
                }
            }
            #expect(together == alone)
        }
    }

    @Test func stepsThatCannotRunAreRefused() throws {
        let executor = try #require(Golden.named("llama-gguf-q4_0")).executor(stepTokens: 8, blocks: 2)
        func refused(_ entry: Step.Entry) -> Bool {
            do {
                try executor.run(Step(entries: [entry]))
                return false
            } catch { return true }
        }
        #expect(refused(.init(sequence: 0, start: 0, tokens: [100_000], blocks: [0], logits: [])))
        #expect(refused(.init(sequence: 0, start: 0, tokens: [-1], blocks: [0], logits: [])))
        #expect(refused(.init(sequence: 0, start: 0, tokens: [1], blocks: [2], logits: [])))
        #expect(refused(.init(sequence: 0, start: 64, tokens: [1], blocks: [0], logits: [])))
        #expect(refused(.init(sequence: 0, start: 0, tokens: [1], blocks: [0], logits: [1])))
        #expect(refused(.init(sequence: 0, start: 0, tokens: Array(repeating: 1, count: 9), blocks: [0], logits: [])))
        #expect(!refused(.init(sequence: 0, start: 0, tokens: [1, 2], blocks: [0], logits: [1])))
    }

    @Test func plansThatDoNotFitAreRefused() throws {
        let golden = try #require(Golden.named("llama-gguf-q4_0"))
        let executor = try golden.executor()
        var plan = executor.plan
        plan.replicas[0].stages[0].placements[1].shards[0].range = 0..<1
        #expect(throws: RuntimeError.self) { try Executor(plan: plan, model: executor.model, checkpoint: .open(path: golden.path)) }
        plan = executor.plan
        plan.devices[0].kind = .gpu
        #expect(throws: RuntimeError.self) { try Executor(plan: plan, model: executor.model, checkpoint: .open(path: golden.path)) }
    }
}
