import Checkpoints
import Models
import Plans
import Runtime
import Testing

/// Weights that are read from the checkpoint each time they are used: the same bits as resident ones.
@Suite struct StreamingTests {
    private static let disk = MemoryID(1)

    private func executor(
        _ golden: Golden, window: Int, inFlight: Int = 1, streams: (Module) -> Bool
    ) throws -> Executor {
        let checkpoint = try Checkpoint.open(path: golden.path)
        let model = try ModelSpec(checkpoint: checkpoint)
        var plan = Plan.resident(
            model: model, threads: golden.name == "llama-gguf-q4_0" ? 2 : 1, keyValueTokens: 16 * Executor.blockTokens, stepTokens: 16,
            stepLogits: 16, stepsInFlight: inFlight)
        plan.memories.append(PlannedMemory(id: Self.disk, machine: MachineID(0), kind: .disk, key: "disk", name: "disk"))
        plan.replicas[0].stages[0].streams = [WeightStream(device: plan.devices[0].id, window: window)]
        for index in plan.replicas[0].stages[0].placements.indices
        where plan.replicas[0].stages[0].placements[index].module != .embedding
            && streams(plan.replicas[0].stages[0].placements[index].module)
        {
            plan.replicas[0].stages[0].placements[index].shards[0].home = Self.disk
            plan.replicas[0].stages[0].placements[index].shards[0].layout = .checkpoint
        }
        return try Executor(plan: plan, model: model, checkpoint: checkpoint)
    }

    @Test(arguments: [
        "llama-gguf-q4_0", "llama-gguf-mixed", "qwen3-hf-bf16", "gpt2-hf-bf16", "opt-postnorm-hf-f32-saved", "llama-gguf-q6_k",
    ])
    func streamedWeightsGiveTheSameBits(_ name: String) throws {
        let golden = try #require(Golden.named(name))
        let whole = try golden.executor(stepTokens: 16).logits(of: golden.prompt, slices: [5, 1, 9], blocks: [2])
        let choices: [(Module) -> Bool] = [
            { _ in true },
            { if case .feedForward = $0 { true } else { false } },
            { $0 == .output },
            { if case .attention(let layer) = $0 { layer % 2 == 1 } else { $0 == .output } },
        ]
        for choice in choices {
            let executor = try executor(golden, window: 1 << 20, streams: choice)
            #expect(try executor.logits(of: golden.prompt, slices: [5, 1, 9], blocks: [2]) == whole)
            // Logits of the last token alone.
            let last = golden.prompt.count - 1
            for start in stride(from: 0, through: last, by: 16) {
                let tokens = Array(golden.prompt[start...min(last, start + 15)])
                try executor.run(
                    Step(entries: [
                        .init(sequence: 0, start: start, tokens: tokens, blocks: [6], logits: start + 16 > last ? [tokens.count - 1] : [])
                    ]))
            }
            #expect(Array(executor.logits(row: 0)) == whole[last])
            // Steps that want no logits leave the output matrix out.
            for _ in 0..<3 { try executor.run(Step(entries: [.init(sequence: 0, start: 0, tokens: [1, 2], blocks: [3], logits: [])])) }
            #expect(try executor.logits(of: golden.prompt, slices: [16], blocks: [4]) == whole)
        }
    }

    @Test func aWindowTooSmallIsRefused() throws {
        let golden = try #require(Golden.named("llama-gguf-q4_0"))
        #expect(throws: RuntimeError.self) { try executor(golden, window: 4096) { _ in true } }
    }
}
