import Engine
import JSON
import Models
import Plans
import Runtime
import Testing

/// The whole engine against transformers, for every architecture and format. (The executor's logits: RuntimeTests.)
@Suite struct GoldenTests {
    @Test(arguments: Golden.all) func greedyTokensAreTransformers(golden: Golden) throws {
        let model = try Model(path: golden.path)
        let options = LoadOptions(threads: 1, contextLength: min(128, model.contextLength))
        let loaded = try LoadedModel(model, options: options, engineOptions: EngineOptions(contextLength: options.contextLength)) { _ in }
        let expected = golden.expected["greedy"]?.array ?? []
        let stream = loaded.engine.generate(GenerationRequest(prompt: golden.prompt, maximumTokens: expected.count, logProbabilities: 5))
        let outcome = EngineTests.collect(stream)
        #expect(outcome.error == nil)
        #expect(outcome.tokens.count == expected.count)
        for (index, (token, step)) in zip(outcome.tokens, expected).enumerated() {
            let wanted = try #require(step["token"]?.int)
            if Int(token) != wanted {
                let margin = try #require(step["margin"]?.double)
                #expect(margin <= 2 * golden.tolerance.largest, "token \(index) is \(token), not \(wanted), though that leads by \(margin)")
                break
            }
            for (value, best) in zip(outcome.logProbabilities[index], step["best"]?.array ?? []) {
                let logProbability = try #require((best["logprob"] ?? best[1])?.double)
                #expect(abs(value.logProbability - logProbability) <= 2 * golden.tolerance.largest)
            }
        }
    }

    @Test(arguments: Golden.all) func likelihoodsAreTransformers(golden: Golden) throws {
        for window in golden.expected["windows"]?.array ?? [] {
            let tokens = (window["tokens"]?.array ?? []).compactMap { $0.int.map { Int32($0) } }
            let expected = try #require(window["nll"]?.double)
            let meter = PerplexityMeter(executor: try golden.executor(contextLength: tokens.count))
            try meter.score(tokens)
            #expect(meter.tokens == tokens.count - 1)
            #expect(abs(meter.meanNegativeLogLikelihood - expected) <= golden.tolerance.rms * 1.5)
        }
    }

    /// 8-bit keys and values change little.
    @Test(arguments: ["llama-gguf-q8_0", "qwen3-hf-bf16", "gpt2-gguf-f16", "opt-hf-bf16"]) func eightBitKeysAndValuesAreClose(name: String)
        throws
    {
        let golden = try Golden.named(name)
        let exact = try golden.executor().allLogits(golden.prompt, slice: 64)
        let rounded = try golden.executor(keyValueFormat: .q8).allLogits(golden.prompt, slice: 64)
        let drift = golden.expected["drift"]?["int8"]?["largest"]?.double ?? 0
        for (a, b) in zip(exact, rounded) {
            let largest = zip(a, b).map { abs($0 - $1) }.max() ?? 0
            #expect(Double(largest) < 2 * drift)
        }
    }
}
