import Checkpoints
import JSON
import Testing

@testable import Models

@Suite("Hugging Face directories") struct HuggingFaceTests {
    @Test func llama() throws {
        let model = try ModelSpec(checkpoint: TinyDirectory.llama().checkpoint())
        #expect(model.architecture == "LlamaForCausalLM")
        #expect(
            model.layers[1].feedForward.down.weight == TensorReference(name: "model.layers.1.mlp.down_proj.weight", format: .bf16, shape: [32, 64]))
        guard case .rotary(let rotary) = model.positions else { throw Unexpected() }
        #expect(rotary.pairing == .halves)
        #expect(model.parameterCount == model.tensors.reduce(0) { $0 + $1.elementCount })
    }

    @Test func mistralWindow() throws {
        var directory = TinyDirectory.llama("MistralForCausalLM")
        #expect(try ModelSpec(checkpoint: directory.checkpoint()).layers[0].attention.slidingWindow == 4096)
        directory.set("sliding_window", 16)
        #expect(try ModelSpec(checkpoint: directory.checkpoint()).layers[1].attention.slidingWindow == 16)
        directory.set("sliding_window", .null)
        #expect(try ModelSpec(checkpoint: directory.checkpoint()).layers[0].attention.slidingWindow == nil)
    }
}
