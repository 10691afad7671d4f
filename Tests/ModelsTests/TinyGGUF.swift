import Checkpoints

@testable import Models

/// A GGUF file in memory of a Llama-like decoder with two layers: hidden size 32, four heads of eight, two of them for keys and values.
struct TinyGGUF {
    var architecture: String
    var metadata: [(String, GGUFValue)]
    var tensors: [(name: String, shape: [Int])]
    /// Of tensors that are not all zero.
    var values: [String: [Float]] = [:]

    init(architecture: String, queryKeyValueBias: Bool = false, headNorms: Bool = false, tied: Bool = false) {
        self.architecture = architecture
        metadata = [
            ("general.architecture", .string(architecture)),
            (architecture + ".embedding_length", .uint32(32)),
            (architecture + ".block_count", .uint32(2)),
            (architecture + ".attention.head_count", .uint32(4)),
            (architecture + ".attention.head_count_kv", .uint32(2)),
            (architecture + ".feed_forward_length", .uint32(64)),
            (architecture + ".context_length", .uint32(128)),
            (architecture + ".attention.layer_norm_rms_epsilon", .float32(1e-5)),
        ]
        tensors = [("token_embd.weight", [48, 32]), ("output_norm.weight", [32])]
        if !tied { tensors.append(("output.weight", [48, 32])) }
        for layer in 0..<2 {
            let block = "blk.\(layer)."
            tensors += [
                (block + "attn_norm.weight", [32]), (block + "attn_q.weight", [32, 32]), (block + "attn_k.weight", [16, 32]),
                (block + "attn_v.weight", [16, 32]), (block + "attn_output.weight", [32, 32]), (block + "ffn_norm.weight", [32]),
                (block + "ffn_gate.weight", [64, 32]), (block + "ffn_up.weight", [64, 32]), (block + "ffn_down.weight", [32, 64]),
            ]
            if queryKeyValueBias {
                tensors += [(block + "attn_q.bias", [32]), (block + "attn_k.bias", [16]), (block + "attn_v.bias", [16])]
            }
            if headNorms { tensors += [(block + "attn_q_norm.weight", [8]), (block + "attn_k_norm.weight", [8])] }
        }
    }

    mutating func set(_ key: String, _ value: GGUFValue?) {
        metadata.removeAll { $0.0 == architecture + "." + key }
        if let value { metadata.append((architecture + "." + key, value)) }
    }

    func checkpoint() throws -> Checkpoint {
        var writer = GGUFWriter()
        for (key, value) in metadata { writer.set(key, value) }
        for (name, shape) in tensors {
            let values = values[name] ?? Array(repeating: 0, count: shape.reduce(1, *))
            writer.add(name, shape: shape, format: .f32, data: values.flatMap { withUnsafeBytes(of: $0, Array.init) })
        }
        return try Checkpoint(gguf: MappedFile(contents: writer.bytes(), name: "tiny.gguf"))
    }
}
