import Checkpoints

/// Qwen3 (dense): Llama with a norm over each query and key head.
enum Qwen3 {
    static func describe(_ keys: GGUFHyperparameters, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        var model = try LlamaFamily(keys, tensors, pairing: .halves)
        model.hasHeadNorms = true
        return try model.describe(.gguf, tensors)
    }
}
