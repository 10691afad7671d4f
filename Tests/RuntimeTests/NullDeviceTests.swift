import Checkpoints
import Devices
import Models
import Plans
import Runtime
import Testing

/// What a program asks of a device, seen by one that computes nothing.
@Suite struct NullDeviceTests {
    @Test func aStepRunsEachSegmentOnceAndLogitsOnlyWhereWanted() throws {
        let golden = try #require(Golden.named("llama-gguf-q4_0"))
        let checkpoint = try Checkpoint.open(path: golden.path)
        let model = try ModelSpec(checkpoint: checkpoint)
        let device = NullDevice(memory: HostMemory(name: "null0"))
        let seen = Runs()
        device.onRun = { program, segment, part in seen.add(program: program, segment: segment, part: part) }
        let plan = Plan.resident(model: model, threads: 1, keyValueTokens: 4 * Executor.blockTokens)
        let executor = try Executor(plan: plan, model: model, checkpoint: checkpoint, device: device)

        try executor.run(Step(entries: [.init(sequence: 0, start: 0, tokens: [1, 2, 3], blocks: [0], logits: [])]))
        #expect(seen.segments == [0])
        try executor.run(Step(entries: [.init(sequence: 0, start: 3, tokens: [4], blocks: [0], logits: [0])]))
        #expect(seen.segments == [0, 0, 1])
        #expect(seen.tokens == [3, 1, 1])

        // Every layer attends and multiplies: two packs and products more for each of its two modules, in the model's order.
        let layers = device.programs[0][0]
        #expect(layers.filter { if case .attend = $0 { true } else { false } }.count == model.layers.count)
        #expect(layers.filter { if case .store = $0 { true } else { false } }.count == model.layers.count)
        #expect(layers.filter { if case .product = $0 { true } else { false } }.count == 4 * model.layers.count)
        // Weights, cache and buffers are all in the device's memory and nowhere else.
        #expect(device.memory.ledger.bytes(for: .weights) >= Executor.weightBytes(model: model))
        #expect(
            device.memory.ledger.bytes(for: .keyValue)
                == Executor.keyValueBytes(model: model, format: .f16, tokens: 4 * Executor.blockTokens))
    }

    private final class Runs: @unchecked Sendable {
        var segments: [Int] = []
        var tokens: [Int] = []

        func add(program: Int, segment: Int, part: MicroBatch) {
            segments.append(segment)
            tokens.append(part.tokenCount)
        }
    }
}
