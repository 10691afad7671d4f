import Checkpoints

/// Llama 2, 3 and later (dense). GGUF files of Mistral's models say `llama` too.
///
/// GGUF stores the rows of the query and key matrices permuted, so that rotary pairs are neighbours.
enum Llama {
    static func describe(_ keys: GGUFHyperparameters, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        var model = try LlamaFamily(keys, tensors, pairing: .interleaved)
        model.queryKeyValueBias = .optional
        model.attentionOutputBias = .optional
        model.feedForwardBias = .optional
        if let window = try keys.optionalSize("attention.sliding_window") {
            model.slidingWindows = Array(repeating: window, count: model.layerCount)
        }
        return try model.describe(.gguf, tensors)
    }

    static func describe(_ config: HuggingFaceConfiguration, _ tensors: TensorFinder, _ architecture: String) throws(CheckpointError)
        -> ModelSpec
    {
        var model = try LlamaFamily(config, tensors, architecture: architecture, defaults: .init(keyValueHeads: nil, contextLength: 2048))
        let attentionBias = TensorFinder.Bias(try config.bool("attention_bias", default: false))
        model.queryKeyValueBias = attentionBias
        model.attentionOutputBias = attentionBias
        model.feedForwardBias = TensorFinder.Bias(try config.bool("mlp_bias", default: false))
        return try model.describe(.huggingFace, tensors)
    }
}
