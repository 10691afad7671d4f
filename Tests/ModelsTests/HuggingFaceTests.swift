import Checkpoints
import JSON
import Testing

@testable import Models

@Suite("Models from Hugging Face configurations") struct HuggingFaceTests {
    @Test func llama() throws {
        let model = try TinyDirectory.llama().model()
        #expect(model.architecture == "LlamaForCausalLM")
        #expect(
            model.layers[1].feedForward.down.weight
                == TensorReference(name: "model.layers.1.mlp.down_proj.weight", format: .bf16, shape: [32, 64]))
        #expect(model.layers[0].attention.scale == 1 / 8.0.squareRoot())
        #expect(try rotary(model).pairing == .halves)
        #expect(!model.isOutputTied)
        #expect(model.parameterCount == model.tensors.reduce(0) { $0 + $1.elementCount })
        #expect(model.formats.map(\.bytes) == [model.parameterCount * 2])
    }

    @Test func tiedOutputCountsOnce() throws {
        let untied = try TinyDirectory.llama().model()
        let tied = try TinyDirectory.llama().with {
            $0.set("tie_word_embeddings", true)
            $0.reshape("lm_head.weight", nil)
        }.model()
        #expect(tied.isOutputTied)
        #expect(tied.output.weight.name == "model.embed_tokens.weight")
        #expect(untied.parameterCount - tied.parameterCount == 48 * 32)
    }

    @Test func llamaBiases() throws {
        let model = try TinyDirectory.llama(queryKeyValueBias: true).with {
            $0.set("attention_bias", true)
            for layer in 0..<2 { $0.tensors.append(("model.layers.\(layer).self_attn.o_proj.bias", [32])) }
        }.model()
        #expect(model.layers[1].attention.query.bias?.shape == [32])
        #expect(model.layers[1].attention.output.bias?.name == "model.layers.1.self_attn.o_proj.bias")
        #expect(model.layers[1].feedForward.up.bias == nil)
    }

    @Test func mistralWindow() throws {
        let directory = TinyDirectory.llama("MistralForCausalLM")
        #expect(try directory.model().layers[0].attention.slidingWindow == 4096)
        #expect(try directory.with { $0.set("sliding_window", 16) }.model().layers[1].attention.slidingWindow == 16)
        #expect(try directory.with { $0.set("sliding_window", .null) }.model().layers[0].attention.slidingWindow == nil)
    }

    @Test func qwen2WindowsByLayer() throws {
        let directory = TinyDirectory.llama("Qwen2ForCausalLM", queryKeyValueBias: true).with {
            $0.set("sliding_window", 16)
            $0.set("max_window_layers", 1)
        }
        func windows(_ directory: TinyDirectory) throws -> [Int?] { try directory.model().layers.map(\.attention.slidingWindow) }
        #expect(try windows(directory) == [nil, nil])
        #expect(try windows(directory.with { $0.set("use_sliding_window", true) }) == [nil, 16])
        #expect(
            try windows(
                directory.with {
                    $0.set("use_sliding_window", true)
                    $0.set("layer_types", ["sliding_attention", "full_attention"])
                }) == [16, nil])
        #expect(try directory.model().layers[0].attention.key.bias?.shape == [16])
        #expect(throws: CheckpointError.self) { try TinyDirectory.llama("Qwen2ForCausalLM").model() }
    }

    @Test func qwen3HeadNorms() throws {
        let model = try TinyDirectory.llama("Qwen3ForCausalLM", headNorms: true).model()
        #expect(model.layers[1].attention.keyNorm?.weight.name == "model.layers.1.self_attn.k_norm.weight")
        #expect(model.layers[0].attention.queryNorm?.weight.shape == [8])
    }

    @Test func optOffsetsPositions() throws {
        for prefix in ["model.decoder.", "decoder."] {
            let model = try TinyDirectory.opt(prefix: prefix).model()
            #expect(
                model.positions
                    == .learned(table: TensorReference(name: prefix + "embed_positions.weight", format: .bf16, shape: [66, 32]), offset: 2))
            #expect(model.layers[0].feedForward.activation == .relu)
            #expect(model.layers[0].feedForward.gate == nil)
            #expect(!model.layers[0].postNorm)
            #expect(model.finalNorm?.kind == .layer)
            #expect(model.isOutputTied)
        }
    }

    @Test func opt350() throws {
        let model = try TinyDirectory.opt(projected: true, finalNorm: false).model()
        #expect(model.layers[1].postNorm)
        #expect(model.finalNorm == nil)
        #expect(model.embedding.size == 16)
        #expect(model.embedding.projection?.outputs == 32)
        #expect(model.outputProjection?.outputs == 16)
        #expect(model.output.inputs == 16)
    }

    @Test func gpt2SlicesFusedColumns() throws {
        for prefix in ["transformer.", ""] {
            let model = try TinyDirectory.gpt2(prefix: prefix).model()
            let attention = model.layers[1].attention
            #expect(
                attention.value.weight
                    == TensorReference(
                        name: prefix + "h.1.attn.c_attn.weight", format: .bf16, shape: [32, 32], rowOffset: 64, transposed: true))
            #expect(attention.key.bias == TensorReference(name: prefix + "h.1.attn.c_attn.bias", format: .bf16, shape: [32], rowOffset: 32))
            #expect(model.layers[0].feedForward.size == 128)
            #expect(model.layers[0].feedForward.activation == .geluTanh)
            #expect(model.layers[0].feedForward.down.weight.shape == [32, 128])
        }
        let scaled = try TinyDirectory.gpt2().with { $0.set("scale_attn_by_inverse_layer_idx", true) }.model()
        #expect(scaled.layers[1].attention.scale == scaled.layers[0].attention.scale / 2)
    }

    @Test func modelTypeWhereArchitecturesAreAbsent() throws {
        let model = try TinyDirectory.llama().with {
            $0.set("architectures", nil)
            $0.set("model_type", "llama")
        }.model()
        #expect(model.architecture == "LlamaForCausalLM")
    }

    @Test func unknownKeysAndBuffersAreIgnored() throws {
        _ = try TinyDirectory.llama().with {
            $0.set("pretraining_tp", 1)
            $0.set("my_own_key", ["a": 1])
            $0.set("quantization_config", .null)
            $0.set("partial_rotary_factor", 1.0)
            $0.tensors.append(("model.layers.0.self_attn.rotary_emb.inv_freq", [4]))
        }.model()
    }

    private func rotary(_ model: ModelSpec) throws -> RotarySpec {
        guard case .rotary(let rotary) = model.positions else { throw Unexpected() }
        return rotary
    }
}
