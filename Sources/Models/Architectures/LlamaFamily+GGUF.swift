import Checkpoints

extension LlamaFamily {
    /// The hyper-parameters that all of the family store under the same keys in GGUF files.
    init(_ keys: GGUFHyperparameters, _ tensors: TensorFinder, pairing: RotarySpec.Pairing) throws(CheckpointError) {
        try keys.refuseUnsupportedOptions()
        architecture = keys.architecture
        name = try keys.metadata.string("general.name")
        hiddenSize = try keys.size("embedding_length")
        layerCount = try keys.size("block_count")
        headCount = try keys.size("attention.head_count")
        keyValueHeadCount = try keys.optionalSize("attention.head_count_kv") ?? headCount
        guard headCount % keyValueHeadCount == 0 else {
            throw keys.error(.malformed, "attention.head_count", "\(headCount) is not a multiple of \(keyValueHeadCount) key/value heads")
        }
        if let size = try keys.optionalSize("attention.key_length") {
            headSize = size
        } else {
            guard hiddenSize % headCount == 0 else {
                throw keys.error(.malformed, "embedding_length", "\(hiddenSize) is not a multiple of \(headCount) heads")
            }
            headSize = hiddenSize / headCount
        }
        guard try keys.optionalSize("attention.value_length") ?? headSize == headSize else {
            throw keys.error(.unsupported, "attention.value_length", "heads of values and of keys must have the same size (\(headSize))")
        }
        feedForwardSize = try keys.size("feed_forward_length")
        // The embedding table says how many tokens there are: the key is often absent.
        vocabularySize = try tensors.entry("token_embd.weight").shape.first ?? 0
        try keys.checkVocabulary(vocabularySize)
        contextLength = try keys.size("context_length")
        epsilon = try keys.positive("attention.layer_norm_rms_epsilon")
        rotary = try RotarySpec(keys, tensors, headSize: headSize, pairing: pairing)
        isOutputTied = !tensors.has("output.weight")
        // As many windows as there are layers, but not more than there can be: the count is not checked against the tensors yet.
        guard layerCount <= tensors.checkpoint.tensors.count else {
            throw keys.error(
                .malformed, "block_count", "\(layerCount) layers, but the file has only \(tensors.checkpoint.tensors.count) tensors")
        }
        slidingWindows = Array(repeating: nil, count: layerCount)
    }
}
