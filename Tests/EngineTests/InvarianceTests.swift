import Engine
import Plans
import Runtime
import Testing

/// How work is arranged changes the speed, never the text. (The executor's logits, to the bit: RuntimeTests.)
@Suite struct InvarianceTests {
    static let names = [
        "llama-gguf-q4_0", "llama-gguf-q4_k", "llama-gguf-q6_k", "llama-gguf-q8_0", "llama-gguf-f32", "llama-gguf-bf16", "mistral-hf-f16",
        "qwen2-gguf-q8_0",
        "qwen3-gguf-f16", "gpt2-gguf-q4_0", "opt-hf-bf16",
    ]

    @Test(arguments: names) func greedyTokensDoNotDependOnTheEnginesArrangement(name: String) throws {
        let golden = try Golden.named(name)
        let prompts = [
            golden.prompt, Array(golden.prompt.prefix(11)), Array(golden.prompt.reversed()), golden.prompt + golden.prompt.prefix(30),
            [golden.prompt[5]],
        ]
        func run(threads: Int, _ options: (inout EngineOptions) -> Void, together: Bool) throws -> [[Int32]] {
            let model = try Model(path: golden.path)
            let context = min(128, model.contextLength)
            var engineOptions = EngineOptions(contextLength: context)
            options(&engineOptions)
            let loaded = try LoadedModel(
                model, options: LoadOptions(threads: threads, contextLength: context, sequences: together ? 5 : 1),
                engineOptions: engineOptions
            ) { _ in }
            let requests = prompts.map { GenerationRequest(prompt: $0, maximumTokens: 24) }
            if together { return requests.map { loaded.engine.generate($0) }.map { EngineTests.collect($0).tokens } }
            return requests.map { EngineTests.collect(loaded.engine.generate($0)).tokens }
        }
        let alone = try run(threads: 1, { $0.sharesPrefixes = false }, together: false)
        #expect(alone.allSatisfy { $0.count == 24 })
        #expect(try run(threads: 2, { _ in }, together: true) == alone)
        #expect(try run(threads: 1, { $0.sliceTokens = 9 }, together: true) == alone)
        #expect(try run(threads: 2, { $0.stepTokens = 6 }, together: true) == alone)
    }
}
