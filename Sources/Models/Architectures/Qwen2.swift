import Checkpoints

/// Qwen2 and Qwen2.5 (dense): Llama with biases on query, key and value.
enum Qwen2 {
    static func describe(_ keys: GGUFHyperparameters, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        var model = try LlamaFamily(keys, tensors, pairing: .halves)
        model.queryKeyValueBias = .required
        return try model.describe(.gguf, tensors)
    }

    static func describe(_ config: HuggingFaceConfiguration, _ tensors: TensorFinder, _ architecture: String) throws(CheckpointError)
        -> ModelSpec
    {
        var model = try LlamaFamily(config, tensors, architecture: architecture, defaults: .init(keyValueHeads: 32, contextLength: 32_768))
        model.queryKeyValueBias = .required
        try model.readSlidingWindows(config)
        return try model.describe(.huggingFace, tensors)
    }
}
