import Scheduling
import Testing

@testable import Engine

/// Steps that run while others are decided and their tokens chosen: the text is that of one step after another.
@Suite struct StepsInFlightTests {
    /// Events of one request.
    final class Listener: @unchecked Sendable {
        private let events = Monitor([GenerationEvent]())

        func hear(_ event: GenerationEvent) { events.update { $0.append(event) } }

        var tokens: [Int32] { all { if case .token(let token) = $0 { token.token } else { nil } } }
        var text: String { all { if case .token(let token) = $0 { token.text } else { nil } }.joined() }
        var errors: [GenerationError] { all { if case .failed(let error) = $0 { error } else { nil } } }
        var reasons: [FinishReason] { all { if case .finished(let summary) = $0 { summary.reason } else { nil } } }
        var ends: Int { errors.count + reasons.count }

        private func all<Value>(_ pick: (GenerationEvent) -> Value?) -> [Value] { events.update { $0.compactMap(pick) } }
    }

    static let prompts: [[Int32]] = (0..<10).map { (index: Int) -> [Int32] in
        (0..<(3 + index * 6)).map { (place: Int) -> Int32 in
            let own = place < 12 ? 0 : index
            return Int32((place * 7 + own) % 50)
        }
    }

    static let requests = prompts.enumerated().map { index, prompt in
        GenerationRequest(
            prompt: prompt,
            sampling: index % 3 == 0 ? .greedy : SamplingParameters(temperature: 1, topP: 0.9, presencePenalty: 0.5, seed: UInt64(index)),
            maximumTokens: 20 + index, stopStrings: index % 4 == 1 ? ["ab", "q"] : [], logProbabilities: index % 2, decoder: LetterDecoder()
        )
    }

    /// Runs all that is left.
    private func finish(_ loop: EngineLoop) {
        while !loop.isIdle {
            guard loop.step() else {
                Issue.record("requests are left but nothing can run")
                return
            }
        }
    }

    private func submit(_ requests: [GenerationRequest], to loop: EngineLoop, from first: Int = 0) -> [Listener] {
        requests.enumerated().map { index, request in
            let listener = Listener()
            loop.submit(request, id: GenerationID(rawValue: first + index)) { listener.hear($0) }
            return listener
        }
    }

    static let alone: [[Int32]] = requests.map { request in
        let loop = EngineLoop(executor: FakeExecutor(), options: EngineOptions(contextLength: 200))
        let listener = Listener()
        loop.submit(request, id: GenerationID(rawValue: 0)) { listener.hear($0) }
        while loop.step() {}
        return listener.tokens
    }

    /// Also with few blocks, so that sequences are preempted, and with prompts in slices.
    @Test(arguments: [1, 2, 4], [64, 26]) func textsAreThoseOfOneStepAfterAnother(stepsInFlight: Int, blockCount: Int) throws {
        let executor = DelayedExecutor(stepsInFlight: stepsInFlight, blockCount: blockCount)
        let loop = EngineLoop(executor: executor, options: EngineOptions(contextLength: 200, sliceTokens: 11))
        let listeners = submit(Self.requests, to: loop)
        finish(loop)
        for (listener, expected) in zip(listeners, Self.alone) {
            #expect(listener.tokens == expected)
            #expect(listener.reasons.count == 1 && listener.errors.isEmpty)
        }
        #expect(executor.breaches.isEmpty && executor.deepest == stepsInFlight)
        #expect(blockCount == 64 || loop.statistics.preemptions > 0)
    }

    @Test func fewerStepsThanTheExecutorTakesMayBeAskedFor() throws {
        let executor = DelayedExecutor(stepsInFlight: 4)
        let loop = EngineLoop(executor: executor, options: EngineOptions(contextLength: 200, stepsInFlight: 2))
        let listeners = submit(Self.requests, to: loop)
        finish(loop)
        #expect(executor.deepest == 2 && listeners.map(\.tokens) == Self.alone)
    }

    /// Cancelled at once, in flight, and while all of a request's steps are.
    @Test(arguments: 0..<12) func cancellationLeavesTheOthersAlone(stepsBefore: Int) throws {
        let executor = DelayedExecutor(stepsInFlight: 3)
        let loop = EngineLoop(executor: executor, options: EngineOptions(contextLength: 200, sliceTokens: 8))
        let listeners = submit(Self.requests, to: loop)
        for _ in 0..<stepsBefore { _ = loop.step() }
        for index in [1, 4, 8] { loop.cancel(GenerationID(rawValue: index)) }
        finish(loop)
        for (index, listener) in listeners.enumerated() {
            let isCancelled = listener.reasons == [.cancelled]
            #expect(listener.ends == 1 && (!isCancelled || [1, 4, 8].contains(index)))
            #expect(listener.tokens == (isCancelled ? Array(Self.alone[index].prefix(listener.tokens.count)) : Self.alone[index]))
        }
        // With everything cancelled the steps in flight are still waited for.
        let more = submit([Self.requests[3], Self.requests[9]], to: loop, from: 100)
        _ = loop.step()
        for index in 100...101 { loop.cancel(GenerationID(rawValue: index)) }
        finish(loop)
        #expect(more.allSatisfy { $0.reasons == [.cancelled] } && executor.breaches.isEmpty && loop.isIdle)
    }

    /// Whichever step fails: its requests and those of all steps in flight fail once, and what comes afterwards is computed from the start,
    /// never from blocks that a lost step should have written.
    @Test(arguments: 0..<14, [true, false]) func afterAFailureTheLoopGoesOn(step: Int, atSubmission: Bool) throws {
        let faults = atSubmission ? DelayedExecutor.Faults(submitted: [step]) : DelayedExecutor.Faults(waited: [step])
        let executor = DelayedExecutor(stepsInFlight: 3, faults: faults)
        let loop = EngineLoop(executor: executor, options: EngineOptions(contextLength: 200, sliceTokens: 8))
        let listeners = submit(Self.requests, to: loop)
        loop.cancel(GenerationID(rawValue: 2))
        finish(loop)
        #expect(listeners.allSatisfy { $0.ends == 1 })
        #expect(listeners.contains { $0.errors == [.execution("a device is gone")] })
        for (listener, expected) in zip(listeners, Self.alone) { #expect(listener.tokens == Array(expected.prefix(listener.tokens.count))) }
        let again = submit(Self.requests, to: loop, from: 100)
        finish(loop)
        #expect(again.map(\.tokens) == Self.alone && executor.breaches.isEmpty)
    }

    @Test func anEngineStopsWithStepsInFlight() throws {
        for _ in 0..<20 {
            let engine = try Engine(options: EngineOptions(contextLength: 200)) { DelayedExecutor(stepsInFlight: 4) }
            let streams = Self.requests.map { engine.generate($0) }
            engine.stop()
            for stream in streams {
                let outcome = EngineTests.collect(stream)
                #expect(outcome.error == .stopped || outcome.summary != nil)
            }
        }
    }

    @Test(arguments: [1, 2, 4]) func likelihoodsAreThoseOfOneStepAfterAnother(stepsInFlight: Int) throws {
        let window = (0..<150).map { Int32($0 * $0 % 50) }
        let plain = PerplexityMeter(executor: FakeExecutor())
        try plain.score(window, from: 9)
        let executor = DelayedExecutor(stepsInFlight: stepsInFlight)
        let meter = PerplexityMeter(executor: executor)
        try meter.score(window, from: 9)
        #expect(meter.tokens == 141 && meter.negativeLogLikelihood == plain.negativeLogLikelihood)
        #expect(executor.breaches.isEmpty && executor.deepest == stepsInFlight)
        // After a failure the executor can be used again.
        let failing = DelayedExecutor(stepsInFlight: stepsInFlight, faults: DelayedExecutor.Faults(waited: [3]))
        let other = PerplexityMeter(executor: failing)
        #expect(throws: DelayedExecutor.Failure.self) { try other.score(window) }
        try PerplexityMeter(executor: failing).score(window)
        #expect(failing.breaches.isEmpty)
    }

    @Test(arguments: [1, 2, 4]) func speedTestsKeepTheExecutorBusy(stepsInFlight: Int) throws {
        let executor = DelayedExecutor(stepsInFlight: stepsInFlight, blockCount: 128)
        let tester = SpeedTester(executor: executor)
        #expect(try tester.run(SpeedTest(kind: .prefill, tokens: 100, parallel: 2)) > 0)
        #expect(executor.deepest == stepsInFlight)
        let decoding = DelayedExecutor(stepsInFlight: stepsInFlight, blockCount: 128)
        #expect(try SpeedTester(executor: decoding).run(SpeedTest(kind: .decode, tokens: 20, parallel: 3)) > 0)
        #expect(decoding.deepest == 1 && executor.breaches.isEmpty && decoding.breaches.isEmpty)
    }
}
