import Engine
import Foundation
import JSON
import Testing

/// A request goes on from any of its tokens in another executor and engine as if nothing had happened.
@Suite struct ContinuationTests {
    /// A request, by the name of what it tests, and the model it is for.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var model: String
        var sampling = SamplingParameters.greedy
        var maximumTokens = 24
        var logProbabilities = 0
        /// Stop strings, made of the text that comes without any.
        var stops: @Sendable (String) -> [String] = { _ in [] }
        /// Rendered, where the model is to end its answer.
        var prompt: String?
        var ignoresEnd: Bool { prompt == nil }
        /// What the case is made for does happen.
        var isFor: @Sendable (EngineTests.Outcome) -> Bool

        var testDescription: String { name }
    }

    static let bundled = URL(fileURLWithPath: Golden.directory).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Models/motley-bundled.gguf").path
    static let golden = Golden.directory + "/llama-gguf-q8_0.gguf"

    /// Bytes of "é" and "€" are made likely: characters of two and three bytes, and halves of them.
    static let multibyte = SamplingParameters(
        temperature: 1.5, logitBias: [0xC3: 30, 0xA9: 30, 0xE2: 29, 0x82: 30, 0xAC: 29], seed: 3)

    static let cases = [
        Case(name: "greedy", model: golden, logProbabilities: 4) { $0.summary?.reason == .length },
        Case(name: "sampled", model: golden, sampling: SamplingParameters(temperature: 1.2, topK: 200, topP: 0.95, minP: 0.01, seed: 7)) {
            Set($0.tokens).count > 12
        },
        Case(name: "sampled from all, seed drawn", model: golden, sampling: SamplingParameters(temperature: 1), logProbabilities: 2) {
            $0.summary?.generatedTokens == 24
        },
        Case(
            name: "penalties", model: bundled,
            sampling: SamplingParameters(
                temperature: 0.9, repetitionPenalty: 1.3, frequencyPenalty: 0.4, presencePenalty: 0.2, logitBias: [101: 1, 32: -2],
                seed: 1),
            maximumTokens: 40, logProbabilities: 1
        ) { $0.tokens.count == 40 },
        Case(name: "stop string crossing tokens", model: bundled, stops: { [String($0.dropFirst(7).prefix(6))] }) {
            $0.summary?.reason == .stopString && $0.text.count == 7 && $0.texts.filter(\.isEmpty).count > 4
        },
        Case(
            name: "stop strings that never end", model: bundled, maximumTokens: 20,
            stops: { text in (2..<9).map { text.suffix($0) + "\u{1}" } }
        ) {
            $0.summary?.reason == .length && $0.summary?.text.isEmpty == false
        },
        Case(name: "characters of several bytes", model: bundled, sampling: multibyte, maximumTokens: 48) {
            $0.text.contains("é") && $0.text.contains("\u{FFFD}") && $0.texts.contains("")
        },
        Case(name: "a stop string of bytes", model: bundled, sampling: multibyte, maximumTokens: 48, stops: { _ in ["é\u{FFFD}"] }) {
            $0.summary?.reason == .stopString
        },
        Case(name: "pieces of words", model: Golden.directory + "/llama2-hf-f32", sampling: SamplingParameters(temperature: 2, seed: 5)) {
            $0.texts.contains { $0.count > 1 } && $0.texts.contains("")
        },
        Case(name: "end token", model: bundled, prompt: "Sort these numbers: 42 7 19") { $0.summary?.reason == .endToken },
    ]

    /// An executor and an engine of their own, arranged as `number` says.
    private func engine(_ model: Model, arrangement number: Int) throws -> LoadedModel {
        let context = min(256, model.contextLength)
        let options = EngineOptions(
            contextLength: context, stepTokens: number % 3 == 0 ? 5 : nil, sliceTokens: number % 3 == 1 ? 7 : nil,
            sharesPrefixes: number % 2 == 0)
        return try LoadedModel(
            model, options: LoadOptions(threads: 1, contextLength: context), engineOptions: options
        ) { _ in }
    }

    private func request(_ test: Case, _ model: Model, stops: [String]) throws -> GenerationRequest {
        let rendered = try test.prompt.map {
            try model.text.render(["messages": [["role": "user", "content": .string($0)]], "add_generation_prompt": true])
        }
        var request = GenerationRequest(
            prompt: try model.text.encode(rendered ?? "User: What can you do?\n", addsSpecial: rendered == nil), sampling: test.sampling,
            maximumTokens: test.maximumTokens, endTokens: test.ignoresEnd ? [] : try model.endTokens(), stopStrings: stops,
            logProbabilities: test.logProbabilities)
        request.decoder = try model.text.decoder(continuing: false)
        return request
    }

    @Test(arguments: cases) func everyPositionGoesOnElsewhere(test: Case) throws {
        let model = try Model(path: test.model)
        let loaded = try engine(model, arrangement: 0)
        let plain = EngineTests.collect(loaded.engine.generate(try request(test, model, stops: [])))
        let request = try request(test, model, stops: test.stops(plain.text))
        let whole = EngineTests.collect(loaded.engine.generate(request))
        let summary = try #require(whole.summary)
        #expect(test.isFor(whole), "\(whole)")
        #expect(summary.seed == request.seed && summary.continuedTokens == 0)
        for count in 0...whole.tokens.count {
            // What another process would know: the request, the tokens so far and the seed.
            var rest = try self.request(test, model, stops: request.stopStrings)
            rest.sampling.seed = summary.seed
            rest.generated = Array(whole.tokens.prefix(count))
            let loaded = try engine(model, arrangement: count)
            let part = EngineTests.collect(loaded.engine.generate(rest))
            #expect(part.error == nil)
            #expect(part.tokens == Array(whole.tokens.dropFirst(count)), "from \(count)")
            #expect(part.texts == Array(whole.texts.dropFirst(count)), "from \(count)")
            #expect(whole.texts.prefix(count).joined() + part.text == whole.text, "from \(count)")
            #expect(part.logProbabilities == Array(whole.logProbabilities.dropFirst(count)), "from \(count)")
            #expect(part.summary?.reason == summary.reason && part.summary?.text == summary.text)
            #expect(part.summary?.generatedTokens == summary.generatedTokens && part.summary?.continuedTokens == count)
            #expect(part.summary?.promptTokens == summary.promptTokens && part.summary?.seed == summary.seed)
        }
    }

    /// A request that its tokens end already takes no step: the executor would fail in it.
    @Test(arguments: [FinishReason.length, .endToken, .stopString]) func whatHasEndedTakesNoStep(reason: FinishReason) throws {
        struct Unwanted: Error {}
        let engine = try Engine(options: EngineOptions(contextLength: 40)) {
            let executor = FakeExecutor()
            executor.failure = Unwanted()
            return executor
        }
        var request = GenerationRequest(prompt: [1, 2], generated: [3, 4, 5, 6], maximumTokens: 20, decoder: LetterDecoder())
        switch reason {
        case .length: request.maximumTokens = 4
        case .endToken: request.endTokens = [6]
        default: request.stopStrings = ["fg"]
        }
        let outcome = EngineTests.collect(engine.generate(request))
        #expect(outcome.summary?.reason == reason && outcome.tokens.isEmpty && outcome.text.isEmpty)
        #expect(outcome.summary?.generatedTokens == 4 && outcome.summary?.continuedTokens == 4)
        // Text held back for a stop string that does not come any more is given out.
        request = GenerationRequest(prompt: [1], generated: [3, 4], maximumTokens: 2, stopStrings: ["ex"], decoder: LetterDecoder())
        #expect(EngineTests.collect(engine.generate(request)).text == "e")
        // The context counts as a maximum, too.
        request = GenerationRequest(prompt: [1], generated: Array(repeating: 1, count: 39))
        #expect(EngineTests.collect(engine.generate(request)).summary?.reason == .length)
    }

    @Test func badTokensAreNamedByTheirPosition() throws {
        let engine = try Engine(options: EngineOptions(contextLength: 40)) { FakeExecutor() }
        let outcome = EngineTests.collect(engine.generate(GenerationRequest(prompt: [1, 2], generated: [3, 50])))
        #expect(outcome.error == .invalidToken(id: 50, position: 3, vocabularySize: 50))
    }

    @Test func aRequestDrawsItsSeedOnce() {
        let request = GenerationRequest(prompt: [1])
        var copy = request
        copy.generated = [2]
        #expect(copy.seed == request.seed && request.seed < 1 << 53)
        #expect(GenerationRequest(prompt: [1]).seed != request.seed)
        copy.sampling.seed = 7
        #expect(copy.seed == 7)
    }
}
