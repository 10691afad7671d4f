import Checkpoints
import JSON

@testable import Models

/// A Hugging Face checkpoint in memory, with weights of zeros.
struct TinyDirectory {
    var config: JSON
    var tensors: [(name: String, shape: [Int])]
    var type = "BF16"
    var generationConfig: JSON = [:]

    func checkpoint() throws -> Checkpoint {
        var writer = SafetensorsWriter()
        for (name, shape) in tensors {
            writer.add(name, shape: shape, type: type, data: Array(repeating: 0, count: shape.reduce(type == "F32" ? 4 : 2, *)))
        }
        return try Checkpoint(
            safetensors: MappedFile(contents: writer.bytes(), name: "tiny/model.safetensors"),
            files: HuggingFaceFiles(directory: "tiny", config: config, generationConfig: generationConfig))
    }

    func model() throws -> ModelSpec { try ModelSpec(checkpoint: checkpoint()) }

    func with(_ changes: (inout TinyDirectory) -> Void) -> TinyDirectory {
        var copy = self
        changes(&copy)
        return copy
    }

    /// `.null` writes null, nil removes the key.
    mutating func set(_ key: String, _ value: JSON?) {
        var object = config.object ?? [:]
        object[key] = value
        config = .object(object)
    }

    mutating func reshape(_ name: String, _ shape: [Int]?) {
        tensors = tensors.compactMap { $0.name == name ? shape.map { (name, $0) } : $0 }
    }

    /// Two layers, hidden size 32, four heads of eight, two of them for keys and values.
    static func llama(_ architecture: String = "LlamaForCausalLM", queryKeyValueBias: Bool = false, headNorms: Bool = false)
        -> TinyDirectory
    {
        var tensors = [("model.embed_tokens.weight", [48, 32]), ("model.norm.weight", [32]), ("lm_head.weight", [48, 32])]
        for layer in 0..<2 {
            let prefix = "model.layers.\(layer)."
            tensors += [
                (prefix + "input_layernorm.weight", [32]), (prefix + "self_attn.q_proj.weight", [32, 32]),
                (prefix + "self_attn.k_proj.weight", [16, 32]), (prefix + "self_attn.v_proj.weight", [16, 32]),
                (prefix + "self_attn.o_proj.weight", [32, 32]), (prefix + "post_attention_layernorm.weight", [32]),
                (prefix + "mlp.gate_proj.weight", [64, 32]), (prefix + "mlp.up_proj.weight", [64, 32]),
                (prefix + "mlp.down_proj.weight", [32, 64]),
            ]
            if queryKeyValueBias {
                tensors += [
                    (prefix + "self_attn.q_proj.bias", [32]), (prefix + "self_attn.k_proj.bias", [16]),
                    (prefix + "self_attn.v_proj.bias", [16]),
                ]
            }
            if headNorms { tensors += [(prefix + "self_attn.q_norm.weight", [8]), (prefix + "self_attn.k_norm.weight", [8])] }
        }
        return TinyDirectory(
            config: [
                "architectures": [.string(architecture)], "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
                "num_key_value_heads": 2, "intermediate_size": 64, "vocab_size": 48, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
                "head_dim": 8, "tie_word_embeddings": false, "rope_theta": 10000.0,
            ], tensors: tensors)
    }

    /// Two layers, hidden size 32, embedding size 16 if projected.
    static func opt(projected: Bool = false, finalNorm: Bool = true, prefix: String = "model.decoder.") -> TinyDirectory {
        var tensors = [(prefix + "embed_tokens.weight", [48, projected ? 16 : 32]), (prefix + "embed_positions.weight", [66, 32])]
        if projected { tensors += [(prefix + "project_in.weight", [32, 16]), (prefix + "project_out.weight", [16, 32])] }
        if finalNorm { tensors += [(prefix + "final_layer_norm.weight", [32]), (prefix + "final_layer_norm.bias", [32])] }
        for layer in 0..<2 {
            for (name, outputs, inputs) in [
                ("self_attn.q_proj", 32, 32), ("self_attn.k_proj", 32, 32), ("self_attn.v_proj", 32, 32), ("self_attn.out_proj", 32, 32),
                ("fc1", 64, 32), ("fc2", 32, 64),
            ] {
                tensors += [
                    ("\(prefix)layers.\(layer).\(name).weight", [outputs, inputs]), ("\(prefix)layers.\(layer).\(name).bias", [outputs]),
                ]
            }
            for name in ["self_attn_layer_norm", "final_layer_norm"] {
                tensors += [("\(prefix)layers.\(layer).\(name).weight", [32]), ("\(prefix)layers.\(layer).\(name).bias", [32])]
            }
        }
        return TinyDirectory(
            config: [
                "architectures": ["OPTForCausalLM"], "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 64,
                "vocab_size": 48, "max_position_embeddings": 64, "word_embed_proj_dim": projected ? 16 : 32,
                "do_layer_norm_before": .bool(finalNorm),
            ], tensors: tensors)
    }

    /// Two layers, hidden size 32.
    static func gpt2(prefix: String = "transformer.") -> TinyDirectory {
        var tensors = [
            (prefix + "wte.weight", [48, 32]), (prefix + "wpe.weight", [64, 32]), (prefix + "ln_f.weight", [32]),
            (prefix + "ln_f.bias", [32]),
        ]
        for layer in 0..<2 {
            let block = "\(prefix)h.\(layer)."
            for (name, inputs, outputs) in [
                ("attn.c_attn", 32, 96), ("attn.c_proj", 32, 32), ("mlp.c_fc", 32, 128), ("mlp.c_proj", 128, 32),
            ] {
                tensors += [(block + name + ".weight", [inputs, outputs]), (block + name + ".bias", [outputs])]
            }
            for name in ["ln_1", "ln_2"] { tensors += [(block + name + ".weight", [32]), (block + name + ".bias", [32])] }
            tensors.append((block + "attn.bias", [1, 1, 64, 64]))
        }
        return TinyDirectory(
            config: [
                "architectures": ["GPT2LMHeadModel"], "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "vocab_size": 48,
                "n_inner": .null,
            ],
            tensors: tensors)
    }
}
