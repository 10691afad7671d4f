import Checkpoints
import Models
import Plans
import Runtime
import Testing

/// Modules cut into shards: the same bits wherever they are cut, alone and with stages between them.
@Suite struct ShardTests {
    @Test(arguments: Golden.all.map(\.name)) func shardsGiveTheSameBits(_ name: String) throws {
        let golden = try #require(Golden.named(name))
        let checkpoint = try Checkpoint.open(path: golden.path)
        let model = try ModelSpec(checkpoint: checkpoint)
        let shape = ModelShape(model)
        func logits(_ plan: Plan) throws -> [[Float]] {
            try Executor(plan: plan, model: model, checkpoint: checkpoint).logits(of: golden.prompt, slices: [9, 1, 16], blocks: [1])
        }
        // Several threads for some: that results do not depend on them is another test's, and pools get in each other's way.
        let threads = name.hasPrefix("llama-gguf-q8_0") || name.hasPrefix("opt") ? 2 : 1
        let plan = Plan.resident(model: model, threads: threads, keyValueTokens: 256, stepTokens: 16, stepLogits: 16)
        let whole = try logits(plan)
        for most in [2, 3, 64] {
            let sharded = plan.sharded(most: most) { shape.grain(of: $0, formats: shape.matrixFormats) }
            #expect(try logits(sharded) == whole, "at most \(most) shards")
            #expect(try logits(sharded.cut(before: [1])) == whole, "at most \(most) shards, two stages")
        }
    }

    /// Some golden model can be cut everywhere that matters, or the test above would compare nothing.
    @Test func goldenModelsCanBeCut() throws {
        var cuts: Set<String> = []
        for golden in Golden.all {
            let shape = ModelShape(try ModelSpec(checkpoint: Checkpoint.open(path: golden.path)))
            for module in [Module.attention(layer: 0), .feedForward(layer: 0), .output]
            where shape.grain(of: module, formats: shape.matrixFormats) < shape.units(of: module) { cuts.insert("\(module)") }
        }
        #expect(cuts.count == 3)
    }
}
