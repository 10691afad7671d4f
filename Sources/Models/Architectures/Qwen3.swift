import Checkpoints

/// Qwen3 (dense): Llama with a norm over each query and key head.
enum Qwen3 {
    static func describe(_ keys: GGUFHyperparameters, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        var model = try LlamaFamily(keys, tensors, pairing: .halves)
        model.hasHeadNorms = true
        return try model.describe(.gguf, tensors)
    }

    static func describe(_ config: HuggingFaceConfiguration, _ tensors: TensorFinder, _ architecture: String) throws(CheckpointError)
        -> ModelSpec
    {
        var model = try LlamaFamily(
            config, tensors, architecture: architecture, defaults: .init(keyValueHeads: 32, contextLength: 32_768, headSize: 128))
        model.hasHeadNorms = true
        let bias = TensorFinder.Bias(try config.bool("attention_bias", default: false))
        model.queryKeyValueBias = bias
        model.attentionOutputBias = bias
        try model.readSlidingWindows(config)
        return try model.describe(.huggingFace, tensors)
    }
}
