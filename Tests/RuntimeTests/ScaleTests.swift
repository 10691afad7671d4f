import Checkpoints
import Foundation
import Models
import Plans
import Runtime
import Testing

/// Sums of chunks are whole units of a fixed size. What that does to models whose hidden states are tiny or massive.
@Suite struct ScaleTests {
    /// A model in float whose hidden states are `scale` times as large, with the same logits but for rounding: everything that is added to
    /// them is scaled, and norms undo it. A power of two changes no other rounding.
    private func logits(scale: Float) throws -> [[Float]] {
        let golden = try #require(Golden.named("llama2-hf-f32"))
        let original = try Checkpoint.open(path: golden.path)
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("motley-" + UUID().uuidString)
        try FileManager.default.copyItem(atPath: golden.path, toPath: directory.path)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("model.safetensors")
        var bytes = [UInt8](try Data(contentsOf: file))
        for tensor in original.tensors where ["embed_tokens", "o_proj", "down_proj"].contains(where: { tensor.name.contains($0) }) {
            bytes[tensor.bytes].withUnsafeMutableBytes { raw in
                for at in stride(from: 0, to: raw.count, by: 4) {
                    raw.storeBytes(of: raw.loadUnaligned(fromByteOffset: at, as: Float.self) * scale, toByteOffset: at, as: Float.self)
                }
            }
        }
        try Data(bytes).write(to: file)
        let checkpoint = try Checkpoint.open(path: directory.path)
        var model = try ModelSpec(checkpoint: checkpoint)
        let square = Double(scale) * Double(scale)
        for layer in model.layers.indices {
            model.layers[layer].attentionNorm.epsilon *= square
            model.layers[layer].feedForwardNorm.epsilon *= square
        }
        model.finalNorm?.epsilon *= square
        let plan = Plan.resident(model: model, threads: 1, keyValueTokens: 4 * Executor.blockTokens)
        let executor = try Executor(
            plan: plan, model: model, checkpoint: checkpoint, options: .init(maximumStepTokens: 64, maximumLogits: 64))
        return try executor.logits(of: golden.prompt, slices: [64], blocks: [0])
    }

    private func distance(_ a: [[Float]], _ b: [[Float]]) -> Float {
        // Written so that what is no number is far.
        zip(a.joined(), b.joined()).reduce(0) { largest, pair in abs(pair.0 - pair.1) <= largest ? largest : abs(pair.0 - pair.1) }
    }

    /// Logits that spread over several nats move by less than the order of additions moves them, and by a third of what rounding inputs to
    /// bfloat16 does where hidden states are as small as a hundred thousandth.
    @Test(arguments: [(-17, 0.03), (-10, 1e-3), (-5, 2e-4), (5, 2e-5), (10, 2e-5), (17, 2e-5), (19, 2e-5)] as [(Int, Float)])
    func logitsHardlyDependOnTheSizeOfHiddenStates(_ power: Int, _ bound: Float) throws {
        let moved = distance(try logits(scale: Float(sign: .plus, exponent: power, significand: 1)), try logits(scale: 1))
        #expect(moved < bound)
    }

    /// Beyond the range there are no logits that look like some.
    @Test func hiddenStatesOutOfRangeGiveNoLogits() throws {
        let found = try logits(scale: Float(sign: .plus, exponent: 30, significand: 1)).joined().filter { $0.isFinite }
        #expect(found.isEmpty)
    }
}
