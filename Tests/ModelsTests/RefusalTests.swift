import Checkpoints
import JSON
import Testing

@testable import Models

/// What Motley cannot compute it must refuse, and say why.
@Suite("Refused options") struct RefusalTests {
    static let options: [(String, JSON, String)] = [
        ("architectures", ["BertForMaskedLM"], "BertForMaskedLM"),
        ("architectures", ["LlamaForSequenceClassification"], "LlamaForSequenceClassification"),
        ("architectures", ["LlamaForCausalLM", "LlamaForCausalLM"], "architectures"),
        ("architectures", 7, "architectures"),
        ("rope_scaling", ["type": "dynamic", "factor": 2.0], "dynamic"),
        ("rope_scaling", ["rope_type": "yarn", "factor": 2.0], "yarn"),
        ("rope_scaling", ["rope_type": "longrope", "factor": 2.0], "longrope"),
        ("rope_scaling", ["factor": 2.0], "rope_scaling"),
        ("rope_scaling", ["rope_type": "linear"], "factor"),
        ("rope_scaling", ["rope_type": "linear", "factor": 0], "factor"),
        ("rope_scaling", 3, "rope_scaling"),
        ("rope_parameters", ["rope_type": "llama3", "factor": 8.0], "low_freq_factor"),
        ("rope_parameters", ["rope_type": "default", "partial_rotary_factor": 0.5], "partial_rotary_factor"),
        ("rope_parameters", ["full_attention": ["rope_type": "default"]], "rope_parameters"),
        ("rope_theta", -1, "rope_theta"),
        ("hidden_act", "xielu", "xielu"),
        ("quantization_config", ["quant_method": "gptq"], "quantization_config"),
        ("partial_rotary_factor", 0.5, "partial_rotary_factor"),
        ("attn_logit_softcapping", 50.0, "attn_logit_softcapping"),
        ("final_logit_softcapping", 30.0, "final_logit_softcapping"),
        ("num_local_experts", 8, "num_local_experts"),
        ("is_encoder_decoder", true, "is_encoder_decoder"),
        ("hidden_size", 0, "hidden_size"),
        ("hidden_size", -32, "hidden_size"),
        ("hidden_size", 1e30, "hidden_size"),
        ("hidden_size", "32", "hidden_size"),
        ("hidden_size", 33, "embed_tokens"),
        ("num_hidden_layers", 3, "model.layers.2"),
        ("num_hidden_layers", 1_000_000_000, "num_hidden_layers"),
        ("num_hidden_layers", 1, "model.layers.1"),
        ("num_attention_heads", 5, "num_attention_heads"),
        ("num_key_value_heads", 3, "num_attention_heads"),
        ("head_dim", 7, "head_dim"),
        ("vocab_size", 50, "[48, 32]"),
        ("rms_norm_eps", 0, "rms_norm_eps"),
        ("tie_word_embeddings", "yes", "tie_word_embeddings"),
        ("attention_bias", true, "q_proj.bias"),
    ]

    @Test(arguments: options.indices) func optionsOfLlama(index: Int) {
        let (key, value, named) = Self.options[index]
        let error = #expect(throws: CheckpointError.self, "\(key)") { try TinyDirectory.llama().with { $0.set(key, value) }.model() }
        #expect(error?.description.contains(named) == true, "\(key): \(String(describing: error))")
    }

    @Test(arguments: ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"])
    func absentKeys(key: String) {
        let error = #expect(throws: CheckpointError.self) { try TinyDirectory.llama().with { $0.set(key, nil) }.model() }
        #expect(error?.subject == "key '\(key)'")
    }

    @Test func everyTensorIsNeeded() throws {
        for directory in [
            TinyDirectory.llama(), .llama("Qwen2ForCausalLM", queryKeyValueBias: true), .llama("Qwen3ForCausalLM", headNorms: true), .opt(),
            .opt(projected: true, finalNorm: false), .gpt2(),
        ] {
            for (name, shape) in directory.tensors where !name.hasSuffix(".attn.bias") {
                let absent = #expect(throws: CheckpointError.self, "\(name)") { try directory.with { $0.reshape(name, nil) }.model() }
                // A table that tells the prefix is asked for under the usual one.
                #expect(absent?.subject?.contains(name) == true || name.contains("wte") || name.contains("embed_tokens"), "\(name)")
                let reshaped = #expect(throws: CheckpointError.self, "\(name)") {
                    try directory.with { $0.reshape(name, shape + [2]) }.model()
                }
                #expect(reshaped?.description.contains("\(shape + [2])") == true, "\(String(describing: reshaped))")
            }
        }
    }

    @Test func noTensorMayBeLeftOver() {
        for extra in ["model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.q_norm.weight", "score.weight"] {
            let error = #expect(throws: CheckpointError.self) {
                try TinyDirectory.llama().with { $0.tensors.append((extra, [32])) }.model()
            }
            #expect(error?.subject == "tensor '\(extra)'")
        }
    }

    @Test func integerWeights() {
        let error = #expect(throws: CheckpointError.self) { try TinyDirectory.llama().with { $0.type = "I16" }.model() }
        #expect(error?.description.contains("I16") == true)
    }

    static let keys: [(String, GGUFValue?, String)] = [
        ("embedding_length", nil, "embedding_length"),
        ("block_count", nil, "block_count"),
        ("block_count", .uint32(3), "blk.2"),
        ("block_count", .uint32(.max), "block_count"),
        ("block_count", .string("2"), "block_count"),
        ("attention.head_count", .array(GGUFArray(integers: [4, 4])), "attention.head_count"),
        ("attention.head_count_kv", .uint32(3), "attention.head_count"),
        ("attention.head_count_kv", .uint32(0), "attention.head_count_kv"),
        ("attention.layer_norm_rms_epsilon", .float32(.nan), "attention.layer_norm_rms_epsilon"),
        ("attention.value_length", .uint32(16), "attention.value_length"),
        ("rope.dimension_count", .uint32(7), "rope.dimension_count"),
        ("rope.dimension_count", .uint32(64), "rope.dimension_count"),
        ("rope.scaling.type", .string("yarn"), "yarn"),
        ("rope.freq_base", .float32(-1), "rope.freq_base"),
        ("expert_count", .uint32(8), "expert_count"),
        ("attn_logit_softcapping", .float32(50), "attn_logit_softcapping"),
        ("attention.causal", .bool(false), "attention.causal"),
    ]

    @Test(arguments: keys.indices) func optionsOfGGUF(index: Int) {
        let (key, value, named) = Self.keys[index]
        var file = TinyGGUF(architecture: "llama")
        file.set(key, value)
        let error = #expect(throws: CheckpointError.self, "\(key)") { try ModelSpec(checkpoint: file.checkpoint()) }
        #expect(error?.description.contains(named) == true, "\(key): \(String(describing: error))")
    }

    @Test func unknownArchitectureOfGGUF() {
        let error = #expect(throws: CheckpointError.self) { try ModelSpec(checkpoint: TinyGGUF(architecture: "mamba").checkpoint()) }
        #expect(error?.kind == .unsupported)
        #expect(error?.description.contains("mamba") == true)
    }

    @Test func vocabularyLargerThanTheTable() {
        var file = TinyGGUF(architecture: "llama")
        file.metadata.append(("tokenizer.ggml.tokens", .array(GGUFArray(strings: Array(repeating: "x", count: 49)))))
        let error = #expect(throws: CheckpointError.self) { try ModelSpec(checkpoint: file.checkpoint()) }
        #expect(error?.description.contains("49") == true)
    }
}
