import Checkpoints
import JSON

/// Mistral (dense): Llama whose attention looks back over a window, in files that say so. Its GGUF files are `llama`.
enum Mistral {
    static func describe(_ config: HuggingFaceConfiguration, _ tensors: TensorFinder, _ architecture: String) throws(CheckpointError)
        -> ModelSpec
    {
        var model = try LlamaFamily(config, tensors, architecture: architecture, defaults: .init(keyValueHeads: 8, contextLength: 131_072))
        // Absent means the first release's window, null means none.
        let isAbsent = config.json["sliding_window"] == nil
        if let window = isAbsent ? 4096 : try config.optionalSize("sliding_window") {
            model.slidingWindows = Array(repeating: window, count: model.layerCount)
        }
        return try model.describe(.huggingFace, tensors)
    }
}
