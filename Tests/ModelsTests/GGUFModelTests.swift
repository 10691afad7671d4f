import Checkpoints
import Testing

@testable import Models

@Suite("Models from GGUF metadata") struct GGUFModelTests {
    @Test func llama() throws {
        let model = try ModelSpec(checkpoint: TinyGGUF(architecture: "llama").checkpoint())
        #expect(model.layers.count == 2)
        #expect(model.layers[1].attention.keyValueHeadCount == 2)
        #expect(model.layers[1].attention.key.weight.name == "blk.1.attn_k.weight")
        #expect(!model.isOutputTied)
        #expect(model.vocabularySize == 48)
        let rotary = try rotary(model)
        #expect(rotary.pairing == .interleaved)
        #expect(rotary.inverseFrequencies.count == 4)
    }

    @Test func tiedWithoutAnOutputMatrix() throws {
        #expect(try ModelSpec(checkpoint: TinyGGUF(architecture: "llama", tied: true).checkpoint()).isOutputTied)
    }

    @Test func qwen() throws {
        let two = try ModelSpec(checkpoint: TinyGGUF(architecture: "qwen2", queryKeyValueBias: true).checkpoint())
        #expect(two.layers[0].attention.value.bias?.name == "blk.0.attn_v.bias")
        #expect(try rotary(two).pairing == .halves)
        let three = try ModelSpec(checkpoint: TinyGGUF(architecture: "qwen3", headNorms: true).checkpoint())
        #expect(three.layers[0].attention.queryNorm?.weight.name == "blk.0.attn_q_norm.weight")
    }

    @Test func frequencyDivisors() throws {
        var file = TinyGGUF(architecture: "llama")
        file.tensors.append(("rope_freqs.weight", [4]))
        // Zeros divide nothing.
        #expect(
            #expect(throws: CheckpointError.self) { try ModelSpec(checkpoint: file.checkpoint()) }?.subject == "tensor 'rope_freqs.weight'")
        file.values["rope_freqs.weight"] = [1, 2, 4, 8]
        let scaled = try rotary(ModelSpec(checkpoint: file.checkpoint())).inverseFrequencies
        let plain = try rotary(ModelSpec(checkpoint: TinyGGUF(architecture: "llama").checkpoint())).inverseFrequencies
        #expect(zip(plain, scaled).map { $0 / $1 } == [1, 2, 4, 8])
    }

    @Test(arguments: ["rope.scaling.factor", "rope.scale_linear"]) func linearScaling(key: String) throws {
        var file = TinyGGUF(architecture: "llama")
        file.set(key, .float32(4))
        #expect(try rotary(ModelSpec(checkpoint: file.checkpoint())).inverseFrequencies[0] == 0.25)
        file.set("rope.scaling.type", .string("none"))
        #expect(try rotary(ModelSpec(checkpoint: file.checkpoint())).inverseFrequencies[0] == 1)
    }

    private func rotary(_ model: ModelSpec) throws -> RotarySpec {
        guard case .rotary(let rotary) = model.positions else { throw Unexpected() }
        return rotary
    }
}

struct Unexpected: Error {}
