import Checkpoints
import Testing

@testable import Models

@Suite("Llama") struct LlamaTests {
    @Test func untiedGroupedHeads() throws {
        let model = try ModelSpec(checkpoint: TinyGGUF(architecture: "llama").checkpoint())
        #expect(model.layers.count == 2)
        #expect(model.layers[1].attention.keyValueHeadCount == 2)
        #expect(model.layers[1].attention.key.weight.name == "blk.1.attn_k.weight")
        #expect(!model.isOutputTied)
        guard case .rotary(let rotary) = model.positions else { throw Unexpected() }
        #expect(rotary.pairing == .interleaved)
        #expect(rotary.inverseFrequencies.count == 4)
    }
}

struct Unexpected: Error {}
