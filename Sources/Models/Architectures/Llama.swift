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
}
