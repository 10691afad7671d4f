import CAllocationCounter
import Devices
import Plans
import Runtime
import Testing

/// In the steady state a step allocates nothing: neither on the thread that runs it nor on the workers. One test after another: they share
/// a counter.
@Suite(.serialized) struct AllocationTests {
    /// Starts or stops counting on every thread of the pool, the caller's too.
    private func watch(_ executor: Executor, _ on: Bool) {
        var on = on
        withUnsafeMutablePointer(to: &on) { flag in
            executor.cpu.run({ context, _, _ in allocation_counter_watch(context?.load(as: Bool.self) ?? false) }, flag)
        }
    }

    /// Allocations while the steps run. The first call makes what the language makes once, such as witness tables.
    private func count(_ steps: [Step], _ executor: Executor) throws -> Int64 {
        watch(executor, true)
        defer { watch(executor, false) }
        let before = allocation_counter_total()
        for index in steps.indices { try executor.run(steps[index]) }
        return allocation_counter_total() - before
    }

    /// The counter sees what it must, or nothing below would mean anything.
    @Test(.enabled(if: allocation_counter_works())) func allocationsAreCounted() {
        allocation_counter_watch(true)
        let before = allocation_counter_total()
        let pointer = UnsafeMutablePointer<Int>.allocate(capacity: 100)
        let array = [Int](repeating: 1, count: Int(before % 2) + 10)
        let after = allocation_counter_total()
        allocation_counter_watch(false)
        pointer.deallocate()
        #expect(after >= before + 2)
        #expect(array.count >= 10)
    }

    @Test(
        .enabled(if: allocation_counter_works()), .serialized,
        arguments: ["llama-gguf-q4_0", "qwen3-hf-bf16", "gpt2-hf-bf16", "opt-postnorm-hf-f32-saved"])
    func stepsAllocateNothingInTheSteadyState(_ name: String) throws {
        let golden = try #require(Golden.named(name))
        let executor = try golden.executor(threads: 2, stepTokens: 8, blocks: 4)
        // Steps are values their maker prepares: what is counted is running them. One and three sequences, and a slice of a prompt.
        func steps(_ start: Int) -> [Step] {
            let entries = (0..<3).map { Step.Entry(sequence: $0, start: start, tokens: [Int32(1 + $0)], blocks: [Int32($0)], logits: [0]) }
            let slice = Step.Entry(sequence: 3, start: 0, tokens: [1, 2, 3, 4, 5], blocks: [3], logits: [4])
            return [Step(entries: [entries[0]]), Step(entries: entries), Step(entries: [entries[0], slice])]
        }
        _ = try count((0..<3).flatMap(steps), executor)
        let measured = (3..<23).flatMap(steps)
        let allocations = try count(measured, executor)
        #expect(allocations == 0, "\(allocations) allocations in \(measured.count) steps")
    }
}
