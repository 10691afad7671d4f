import Checkpoints
import Foundation
import JSON

@testable import Models

/// A Hugging Face directory with weights of zeros, in a temporary place.
struct TinyDirectory {
    var config: JSON
    var tensors: [(name: String, shape: [Int])]
    var otherFiles: [String: String] = [:]

    func checkpoint() throws -> Checkpoint {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("motley-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        // Mappings outlive the files' names.
        defer { try? FileManager.default.removeItem(at: directory) }
        try Data(config.serialized().utf8).write(to: directory.appendingPathComponent("config.json"))
        for (name, text) in otherFiles { try Data(text.utf8).write(to: directory.appendingPathComponent(name)) }
        var writer = SafetensorsWriter()
        for (name, shape) in tensors { writer.add(name, shape: shape, type: "BF16", data: Array(repeating: 0, count: shape.reduce(2, *))) }
        try Data(writer.bytes()).write(to: directory.appendingPathComponent("model.safetensors"))
        return try Checkpoint.open(path: directory.path)
    }

    mutating func set(_ key: String, _ value: JSON?) {
        guard var object = config.object else { return }
        object[key] = value
        config = .object(object)
    }

    /// Two layers, hidden size 32, four heads of eight, two of them for keys and values.
    static func llama(_ architecture: String = "LlamaForCausalLM", queryKeyValueBias: Bool = false, headNorms: Bool = false) -> TinyDirectory {
        var tensors = [("model.embed_tokens.weight", [48, 32]), ("model.norm.weight", [32]), ("lm_head.weight", [48, 32])]
        for layer in 0..<2 {
            let prefix = "model.layers.\(layer)."
            tensors += [
                (prefix + "input_layernorm.weight", [32]), (prefix + "self_attn.q_proj.weight", [32, 32]),
                (prefix + "self_attn.k_proj.weight", [16, 32]), (prefix + "self_attn.v_proj.weight", [16, 32]),
                (prefix + "self_attn.o_proj.weight", [32, 32]), (prefix + "post_attention_layernorm.weight", [32]),
                (prefix + "mlp.gate_proj.weight", [64, 32]), (prefix + "mlp.up_proj.weight", [64, 32]), (prefix + "mlp.down_proj.weight", [32, 64]),
            ]
            if queryKeyValueBias {
                tensors += [
                    (prefix + "self_attn.q_proj.bias", [32]), (prefix + "self_attn.k_proj.bias", [16]), (prefix + "self_attn.v_proj.bias", [16]),
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
}
