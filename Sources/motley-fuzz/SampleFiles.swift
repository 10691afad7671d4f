import Checkpoints
import JSON

/// Small valid files to mutate.
enum SampleFiles {
    static func gguf(architecture: String) -> [UInt8] {
        var writer = GGUFWriter()
        writer.set("general.architecture", .string(architecture))
        writer.set("general.name", .string("sample"))
        writer.set("general.alignment", .uint32(32))
        let sizes: [(String, UInt32)] = [
            ("embedding_length", 32), ("block_count", 1), ("attention.head_count", 4), ("attention.head_count_kv", 2),
            ("feed_forward_length", 32),
            ("context_length", 64), ("rope.dimension_count", 8),
        ]
        for (key, size) in sizes { writer.set("\(architecture).\(key)", .uint32(size)) }
        writer.set("\(architecture).attention.layer_norm_rms_epsilon", .float32(1e-5))
        writer.set("\(architecture).attention.layer_norm_epsilon", .float32(1e-5))
        writer.set("\(architecture).rope.scaling.type", .string("linear"))
        writer.set("\(architecture).rope.scaling.factor", .float32(2))
        writer.set("tokenizer.ggml.model", .string("gpt2"))
        writer.set("tokenizer.ggml.tokens", .array(GGUFArray(strings: ["a", "b", "ab", "\u{FFFD}"])))
        writer.set("tokenizer.ggml.scores", .array(GGUFArray(floats: [0, -1, -2, .infinity])))
        writer.set("tokenizer.ggml.token_type", .array(GGUFArray(integers: [1, 1, 1, 3])))
        writer.set("tokenizer.ggml.eos_token_id", .int32(3))
        writer.set("tokenizer.chat_template", .string("{{ messages }}"))
        writer.set("sample.unsigned", .uint64(.max))
        writer.set("sample.double", .float64(.nan))
        writer.set("sample.bool", .bool(true))
        for (name, shape) in tensors(architecture) { writer.add(name, shape: shape, format: .q8_0, plainUnlessMatrix: shape.count == 2) }
        return writer.bytes()
    }

    private static func tensors(_ architecture: String) -> [(String, [Int])] {
        let block = "blk.0."
        if architecture == "gpt2" {
            return [
                ("token_embd.weight", [4, 32]), ("position_embd.weight", [64, 32]), ("output_norm.weight", [32]),
                ("output_norm.bias", [32]),
                (block + "attn_norm.weight", [32]), (block + "attn_norm.bias", [32]), (block + "attn_qkv.weight", [96, 32]),
                (block + "attn_qkv.bias", [96]), (block + "attn_output.weight", [32, 32]), (block + "attn_output.bias", [32]),
                (block + "ffn_norm.weight", [32]), (block + "ffn_norm.bias", [32]), (block + "ffn_up.weight", [32, 32]),
                (block + "ffn_up.bias", [32]),
                (block + "ffn_down.weight", [32, 32]), (block + "ffn_down.bias", [32]),
            ]
        }
        var tensors = [
            ("token_embd.weight", [4, 32]), ("output_norm.weight", [32]), ("rope_freqs.weight", [4]), (block + "attn_norm.weight", [32]),
            (block + "attn_q.weight", [32, 32]), (block + "attn_k.weight", [16, 32]), (block + "attn_v.weight", [16, 32]),
            (block + "attn_output.weight", [32, 32]), (block + "ffn_norm.weight", [32]), (block + "ffn_gate.weight", [32, 32]),
            (block + "ffn_up.weight", [32, 32]), (block + "ffn_down.weight", [32, 32]),
        ]
        if architecture == "qwen2" {
            tensors += [(block + "attn_q.bias", [32]), (block + "attn_k.bias", [16]), (block + "attn_v.bias", [16])]
        }
        if architecture == "qwen3" { tensors += [(block + "attn_q_norm.weight", [8]), (block + "attn_k_norm.weight", [8])] }
        return tensors
    }

    static let config: JSON = [
        "architectures": ["LlamaForCausalLM"], "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        "intermediate_size": 16, "vocab_size": 4, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
        "rope_parameters": [
            "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        ], "eos_token_id": [1, 2], "sliding_window": 16, "use_sliding_window": true, "max_window_layers": 0, "head_dim": 4,
        "chat_template": [["name": "default", "template": "{{ messages }}"]],
    ]

    static func safetensors() -> [UInt8] {
        var writer = SafetensorsWriter()
        let layer = "model.layers.0."
        let tensors: [(String, [Int])] = [
            ("model.embed_tokens.weight", [4, 8]), ("model.norm.weight", [8]), (layer + "input_layernorm.weight", [8]),
            (layer + "self_attn.q_proj.weight", [8, 8]), (layer + "self_attn.k_proj.weight", [4, 8]),
            (layer + "self_attn.v_proj.weight", [4, 8]),
            (layer + "self_attn.o_proj.weight", [8, 8]), (layer + "post_attention_layernorm.weight", [8]),
            (layer + "mlp.gate_proj.weight", [16, 8]), (layer + "mlp.up_proj.weight", [16, 8]), (layer + "mlp.down_proj.weight", [8, 16]),
        ]
        for (name, shape) in tensors { writer.add(name, shape: shape, type: "BF16", data: Array(repeating: 0, count: shape.reduce(2, *))) }
        writer.add("position_ids", shape: [2], type: "I64", data: Array(repeating: 0, count: 16))
        return writer.bytes()
    }

    static let weights = MappedFile(contents: safetensors(), name: "sample.safetensors")
}

extension GGUFWriter {
    /// Vectors as F32, matrices in `format`, all zero... but ones, so that divisors stay positive.
    fileprivate mutating func add(_ name: String, shape: [Int], format: TensorFormat, plainUnlessMatrix isMatrix: Bool) {
        let count = shape.reduce(1, *)
        if isMatrix {
            add(name, shape: shape, format: format, data: Array(repeating: 0x3C, count: format.byteCount(elements: count) ?? 0))
        } else {
            add(name, shape: shape, format: .f32, data: (0..<count).flatMap { _ in withUnsafeBytes(of: Float(1), Array.init) })
        }
    }
}
