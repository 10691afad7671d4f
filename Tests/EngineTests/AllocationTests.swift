import CAllocationCounter
import Plans
import Testing

@testable import Engine
@testable import Runtime

/// A decode step allocates nothing in the steady state: counted, not assumed.
@Suite struct AllocationTests {
    /// Allocations of `steps` decode steps of three sequences, once everything has been used before.
    private func count(_ sampling: SamplingParameters, steps: Int = 20) throws -> Int {
        let golden = try Golden.named("llama-gguf-q8_0")
        let executor = try golden.executor(threads: 1, contextLength: 256)
        let loop = EngineLoop(executor: executor, options: EngineOptions(contextLength: 256))
        for index in 0..<3 {
            var sampling = sampling
            sampling.seed = UInt64(index)
            let request = GenerationRequest(prompt: Array(golden.prompt.prefix(8 + index)), sampling: sampling, maximumTokens: 100)
            loop.submit(request, id: GenerationID(rawValue: index)) { _ in }
        }
        for _ in 0..<10 { _ = loop.step() }
        allocation_counter_start()
        for _ in 0..<steps { _ = loop.step() }
        let allocations = allocation_counter_stop()
        #expect(!loop.isIdle)
        return allocations
    }

    /// An executor that has several steps in flight and computes nothing.
    private final class IdleExecutor: StepExecutor {
        let keyValueBlockTokens = 16, blockCount = 64, vocabularySize = 100, maximumStepTokens = 64, maximumLogits = 16
        let stepsInFlight: Int
        private let row = UnsafeMutableBufferPointer<Float>.allocate(capacity: 100)
        private var submitted: UInt32 = 0

        init(stepsInFlight: Int) {
            self.stepsInFlight = stepsInFlight
            row.initialize(repeating: 1)
        }

        deinit { row.deallocate() }

        func submit(_ step: Step) throws -> StepTicket {
            submitted += 1
            return StepTicket(number: submitted, logitsRows: step.entries.count)
        }
        func wait(_ ticket: StepTicket) throws {}
        func logits(_ ticket: StepTicket, row: Int) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(self.row) }
    }

    @Test(arguments: [1, 2, 4]) func stepsInFlightAllocateNothing(stepsInFlight: Int) {
        let loop = EngineLoop(executor: IdleExecutor(stepsInFlight: stepsInFlight), options: EngineOptions(contextLength: 200))
        for index in 0..<5 {
            let request = GenerationRequest(
                prompt: Array(repeating: 1, count: 8 + index), sampling: SamplingParameters(temperature: 1, seed: 1), maximumTokens: 100)
            loop.submit(request, id: GenerationID(rawValue: index)) { _ in }
        }
        for _ in 0..<40 { _ = loop.step() }
        allocation_counter_start()
        for _ in 0..<40 { _ = loop.step() }
        #expect(allocation_counter_stop() == 0)
        #expect(!loop.isIdle)
    }

    @Test func theCounterCounts() {
        allocation_counter_start()
        let array = [Int](repeating: 1, count: Int.random(in: 100...200))
        let allocations = allocation_counter_stop()
        #expect(array.count >= 100 && allocations >= 1)
    }

    @Test(arguments: [
        SamplingParameters.greedy, SamplingParameters(temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05),
        SamplingParameters(temperature: 1),
        SamplingParameters(temperature: 1, topP: 0.9, repetitionPenalty: 1.1, presencePenalty: 0.5, logitBias: [3: 1]),
    ])
    func aDecodeStepAllocatesNothing(sampling: SamplingParameters) throws {
        let allocations = try count(sampling)
        #expect(allocations == 0)
    }
}
