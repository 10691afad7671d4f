import Checkpoints
import JSON

/// A model's `config.json`, checked for sense. A key whose value is `null` counts as absent unless a default says otherwise.
struct HuggingFaceConfiguration {
    let json: JSON
    let file: String

    subscript(key: String) -> JSON? {
        guard let value = json[key], !value.isNull else { return Optional.none }
        return value
    }

    /// A size or count: at least 1, and small enough that the product of two cannot overflow.
    func size(_ key: String, default fallback: Int? = nil) throws(CheckpointError) -> Int {
        guard let size = try optionalSize(key) ?? fallback else { throw error(.missing, key, "is needed but absent") }
        return size
    }

    func optionalSize(_ key: String) throws(CheckpointError) -> Int? {
        guard let value = self[key] else { return nil }
        guard let size = value.int, (1...Int(Int32.max)).contains(size) else {
            throw error(.malformed, key, "\(Self.show(value)) is not a size")
        }
        return size
    }

    /// A number above zero.
    func positive(_ key: String, default fallback: Double) throws(CheckpointError) -> Double {
        guard let value = self[key] else { return fallback }
        guard let number = value.double, number > 0, number.isFinite else {
            throw error(.malformed, key, "\(Self.show(value)) is not a positive number")
        }
        return number
    }

    func bool(_ key: String, default fallback: Bool) throws(CheckpointError) -> Bool {
        guard let value = self[key] else { return fallback }
        guard let bool = value.bool else { throw error(.malformed, key, "\(Self.show(value)) is not a boolean") }
        return bool
    }

    func activation(_ key: String, default fallback: Activation) throws(CheckpointError) -> Activation {
        switch self[key] {
        case nil: return fallback
        case .string("relu"): return .relu
        case .string("silu"), .string("swish"): return .silu
        case .string("gelu"): return .gelu
        case .string("gelu_new"), .string("gelu_pytorch_tanh"), .string("gelu_fast"): return .geluTanh
        case .some(let value): throw error(.unsupported, key, "activation \(Self.show(value)) is not supported")
        }
    }

    /// Refuses options that would change the results and that Motley does not compute.
    func refuseUnsupportedOptions() throws(CheckpointError) {
        for key in ["quantization_config", "compression_config", "attn_logit_softcapping", "final_logit_softcapping"] where self[key] != nil
        {
            throw error(.unsupported, key, "this option is not supported")
        }
        for key in ["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_nextn_predict_layers"] {
            if let value = self[key], value.int != 0 {
                throw error(.unsupported, key, "\(Self.show(value)) is not supported: mixtures of experts are not")
            }
        }
        for key in [
            "partial_rotary_factor", "rotary_pct", "embedding_multiplier", "residual_multiplier", "logits_scaling", "logit_scale",
            "attention_multiplier",
        ] {
            if let value = self[key], value.double != 1 { throw error(.unsupported, key, "\(Self.show(value)) is not supported") }
        }
        for key in [
            "is_encoder_decoder", "add_cross_attention", "use_bidirectional_attention", "parallel_attn", "alibi", "rope_interleaved",
        ] {
            if let value = self[key], value.bool != false { throw error(.unsupported, key, "\(Self.show(value)) is not supported") }
        }
    }

    func error(_ kind: CheckpointError.Kind, _ key: String, _ fault: String) -> CheckpointError {
        CheckpointError(kind, file: file, subject: "key " + CheckpointError.quote(key), fault: fault)
    }

    /// A value for a message, cut short.
    static func show(_ value: JSON) -> String {
        let text = value.serialized()
        return text.count > 60 ? text.prefix(60) + "…" : text
    }
}
