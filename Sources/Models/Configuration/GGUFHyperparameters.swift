import Checkpoints

/// A GGUF file's hyper-parameters: the metadata under the architecture's own prefix, checked for sense.
struct GGUFHyperparameters {
    let metadata: GGUFMetadata
    let architecture: String

    /// A size or count: at least 1, and small enough that the product of two cannot overflow.
    func size(_ key: String) throws(CheckpointError) -> Int {
        guard let size = try optionalSize(key) else { throw error(.missing, key, "is needed but absent") }
        return size
    }

    func optionalSize(_ key: String) throws(CheckpointError) -> Int? {
        guard let size = try metadata.integer(path(key)) else { return nil }
        guard (1...Int(Int32.max)).contains(size) else { throw error(.malformed, key, "\(size) is out of range") }
        return size
    }

    /// A number above zero.
    func positive(_ key: String) throws(CheckpointError) -> Double {
        guard let number = try optionalPositive(key) else { throw error(.missing, key, "is needed but absent") }
        return number
    }

    func optionalPositive(_ key: String) throws(CheckpointError) -> Double? {
        guard let number = try metadata.number(path(key)) else { return nil }
        guard number > 0, number.isFinite else { throw error(.malformed, key, "\(number) is not a positive number") }
        return number
    }

    func string(_ key: String) throws(CheckpointError) -> String? { try metadata.string(path(key)) }

    /// Refuses options that would change the results and that Motley does not compute.
    func refuseUnsupportedOptions() throws(CheckpointError) {
        let neutralAtZero = [
            "expert_count", "attn_logit_softcapping", "final_logit_softcapping", "logit_scale", "residual_scale", "embedding_scale",
            "attention.scale", "attention.clamp_kqv", "attention.max_alibi_bias", "attention.sliding_window_pattern",
        ]
        for key in neutralAtZero where metadata[path(key)] != nil {
            if metadata[path(key)]?.number != 0 { throw error(.unsupported, key, "this option is not supported") }
        }
        if let factor = try metadata.number(path("rope.scaling.attn_factor")), factor != 1 {
            throw error(.unsupported, "rope.scaling.attn_factor", "\(factor) is not supported")
        }
        for (key, neutral) in [("attention.causal", true), ("use_parallel_residual", false)] {
            if let value = try metadata.bool(path(key)), value != neutral { throw error(.unsupported, key, "\(value) is not supported") }
        }
    }

    /// A tokenizer must not give ids for which the embedding table has no row.
    func checkVocabulary(_ size: Int) throws(CheckpointError) {
        let key = "tokenizer.ggml.tokens"
        if let tokens = try metadata.array(key), tokens.count > size {
            throw CheckpointError(
                .malformed, file: metadata.file, subject: "key '\(key)'",
                fault: "lists \(tokens.count) tokens, but the embedding table has \(size) rows")
        }
    }

    func error(_ kind: CheckpointError.Kind, _ key: String, _ fault: String) -> CheckpointError {
        CheckpointError(kind, file: metadata.file, subject: "key " + CheckpointError.quote(path(key)), fault: fault)
    }

    private func path(_ key: String) -> String { architecture + "." + key }
}
