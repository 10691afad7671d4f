import Testing

@testable import Engine

@Suite struct EngineTests {
    struct Outcome: Sendable {
        var tokens: [Int32] = []
        /// All text, and what came with each token.
        var text = ""
        var texts: [String] = []
        var logProbabilities: [[TokenLogProbability]] = []
        var summary: GenerationSummary?
        var error: GenerationError?
    }

    static func collect(_ stream: GenerationStream) -> Outcome {
        var outcome = Outcome()
        while true {
            for event in stream.next() {
                switch event {
                case .prefilled: break
                case .token(let token):
                    outcome.tokens.append(token.token)
                    outcome.text += token.text
                    outcome.texts.append(token.text)
                    outcome.logProbabilities.append(token.logProbabilities)
                case .finished(let summary):
                    outcome.text += summary.text
                    outcome.summary = summary
                    return outcome
                case .failed(let error):
                    outcome.error = error
                    return outcome
                }
            }
        }
    }

    private func collect(_ stream: GenerationStream) -> Outcome { Self.collect(stream) }

    private func engine(_ options: EngineOptions = EngineOptions(contextLength: 200), blockCount: Int = 64, stepTokens: Int = 32) throws
        -> Engine
    {
        try Engine(options: options) { FakeExecutor(blockCount: blockCount, stepTokens: stepTokens) }
    }

    @Test func greedyTokensAreTheModels() throws {
        let engine = try engine()
        let outcome = collect(engine.generate(GenerationRequest(prompt: [3, 1, 4, 1, 5], maximumTokens: 12)))
        #expect(outcome.tokens == FakeExecutor.expected([3, 1, 4, 1, 5], count: 12))
        #expect(outcome.summary?.reason == .length)
        #expect(outcome.summary?.promptTokens == 5)
        #expect(outcome.summary?.generatedTokens == 12)
    }

    /// The same requests alone, all together, in small slices, with small steps, with few blocks.
    @Test func tokensDoNotDependOnCompanySlicesOrSteps() throws {
        let prompts: [[Int32]] = (0..<12).map { (index: Int) -> [Int32] in
            (0..<(3 + index * 5)).map { (place: Int) -> Int32 in
                let own = place < 10 ? 0 : index
                return Int32((place * 7 + own) % 50)
            }
        }
        let sampling = (0..<12).map { (index: Int) -> SamplingParameters in
            index % 3 == 0 ? .greedy : SamplingParameters(temperature: 1, topK: 20, topP: 0.9, seed: UInt64(index))
        }
        func all(_ engine: Engine) -> [[Int32]] {
            let streams = zip(prompts, sampling).map { engine.generate(GenerationRequest(prompt: $0, sampling: $1, maximumTokens: 30)) }
            return streams.map { collect($0).tokens }
        }
        let together = all(try engine())
        let alone = try zip(prompts, sampling).map {
            collect(try engine().generate(GenerationRequest(prompt: $0, sampling: $1, maximumTokens: 30))).tokens
        }
        #expect(together == alone)
        #expect(all(try engine(EngineOptions(contextLength: 200, sliceTokens: 3))) == alone)
        #expect(all(try engine(EngineOptions(contextLength: 200, stepTokens: 5, sharesPrefixes: false))) == alone)
        #expect(all(try engine(blockCount: 25)) == alone)
        for (index, prompt) in prompts.enumerated() where index % 3 == 0 {
            #expect(alone[index] == FakeExecutor.expected(prompt, count: 30))
        }
    }

    @Test func endTokensEndAndAreReported() throws {
        let expected = FakeExecutor.expected([7], count: 20)
        let end = expected[6]
        let length = expected.firstIndex(of: end)! + 1
        let outcome = collect(
            try engine().generate(GenerationRequest(prompt: [7], maximumTokens: 20, endTokens: [end], decoder: LetterDecoder())))
        #expect(outcome.tokens == Array(expected.prefix(length)))
        #expect(outcome.text.count == length - 1)
        #expect(outcome.summary?.reason == .endToken)
    }

    @Test func stopStringsEndAndAreNotShown() throws {
        let letters = FakeExecutor.expected([9], count: 30).map { String(UnicodeScalar(UInt8(97 + $0 % 26))) }.joined()
        let stop = String(letters.dropFirst(8).prefix(3))
        let outcome = collect(
            try engine().generate(
                GenerationRequest(prompt: [9], maximumTokens: 30, stopStrings: ["never", stop], decoder: LetterDecoder())))
        #expect(outcome.text == letters.components(before: stop))
        #expect(outcome.summary?.reason == .stopString)
        #expect(outcome.tokens.count == outcome.text.count + 3)
    }

    @Test func logProbabilitiesComeWithEveryToken() throws {
        let outcome = collect(try engine().generate(GenerationRequest(prompt: [1, 2], maximumTokens: 4, logProbabilities: 3)))
        #expect(outcome.logProbabilities.map(\.count) == [3, 3, 3, 3])
        #expect(outcome.logProbabilities.map { $0[0].token } == outcome.tokens)
        #expect(outcome.logProbabilities.allSatisfy { $0[0].logProbability >= $0[1].logProbability && $0[0].logProbability < 0 })
    }

    @Test func badRequestsAreRefusedWithTheNumbers() throws {
        let engine = try engine(EngineOptions(contextLength: 20, modelContextLength: 100))
        #expect(collect(engine.generate(GenerationRequest(prompt: []))).error == .emptyPrompt)
        #expect(
            collect(engine.generate(GenerationRequest(prompt: [1, 50]))).error == .invalidToken(id: 50, position: 1, vocabularySize: 50))
        #expect(collect(engine.generate(GenerationRequest(prompt: [-1]))).error == .invalidToken(id: -1, position: 0, vocabularySize: 50))
        let long = collect(engine.generate(GenerationRequest(prompt: Array(repeating: 1, count: 20)))).error
        #expect(long == .promptTooLong(prompt: 20, context: 20, modelContext: 100))
        #expect(collect(engine.generate(GenerationRequest(prompt: [1], maximumTokens: 0))).error != nil)
        #expect(collect(engine.generate(GenerationRequest(prompt: [1], logProbabilities: 51))).error != nil)
        #expect(collect(engine.generate(GenerationRequest(prompt: [1], stopStrings: [""]))).error != nil)
        // More tokens than there is room for are cut to the context.
        let cut = collect(engine.generate(GenerationRequest(prompt: [1, 2, 3], maximumTokens: 1000)))
        #expect(cut.tokens.count == 17)
        #expect(cut.summary?.reason == .length)
    }

    @Test func cancellationEndsCleanlyAndOthersGoOn() throws {
        let engine = try engine(EngineOptions(contextLength: 250))
        let other = engine.generate(GenerationRequest(prompt: [5], maximumTokens: 100))
        let cancelled = engine.generate(GenerationRequest(prompt: [6], maximumTokens: 200))
        cancelled.cancel()
        let outcome = collect(cancelled)
        #expect(outcome.summary?.reason == .cancelled || outcome.summary?.reason == .length)
        #expect(outcome.tokens == Array(FakeExecutor.expected([6], count: 200).prefix(outcome.tokens.count)))
        #expect(collect(other).tokens == FakeExecutor.expected([5], count: 100))
    }

    @Test func aFailingExecutorFailsItsRequests() throws {
        struct Broken: Error, CustomStringConvertible { var description: String { "the device is gone" } }
        let engine = try Engine(options: EngineOptions(contextLength: 100)) {
            let executor = FakeExecutor()
            executor.failure = Broken()
            return executor
        }
        #expect(collect(engine.generate(GenerationRequest(prompt: [1]))).error == .execution("the device is gone"))
        #expect(throws: Broken.self) { try Engine(options: EngineOptions(contextLength: 100)) { throw Broken() } }
        engine.stop()
        #expect(collect(engine.generate(GenerationRequest(prompt: [1]))).error == .stopped)
    }

    @Test func anAsynchronousSequenceGivesTheSameEvents() async throws {
        let engine = try engine()
        var tokens: [Int32] = []
        for await event in engine.events(GenerationRequest(prompt: [8, 8], maximumTokens: 9)) {
            if case .token(let token) = event { tokens.append(token.token) }
        }
        #expect(tokens == FakeExecutor.expected([8, 8], count: 9))
    }
}

extension String {
    fileprivate func components(before stop: String) -> String {
        var shown = Substring(self)
        while !shown.isEmpty, !self[shown.endIndex...].hasPrefix(stop) { shown = shown.dropLast() }
        // The first occurrence counts.
        for index in indices where self[index...].hasPrefix(stop) { return String(self[..<index]) }
        return self
    }
}
