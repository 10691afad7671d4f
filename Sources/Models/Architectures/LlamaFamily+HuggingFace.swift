import Checkpoints
import JSON

extension LlamaFamily {
    /// What the architectures of the family assume where `config.json` is silent.
    struct Defaults {
        var keyValueHeads: Int?
        var contextLength: Int
        /// nil: hidden size / heads.
        var headSize: Int?
    }

    /// The hyper-parameters that all of the family store under the same keys in `config.json`.
    init(_ config: HuggingFaceConfiguration, _ tensors: TensorFinder, architecture: String, defaults: Defaults) throws(CheckpointError) {
        try config.refuseUnsupportedOptions()
        self.architecture = architecture
        hiddenSize = try config.size("hidden_size")
        layerCount = try config.size("num_hidden_layers")
        headCount = try config.size("num_attention_heads")
        // An explicit null means as many as heads.
        let absent = config.json["num_key_value_heads"] == nil ? defaults.keyValueHeads : nil
        keyValueHeadCount = try config.size("num_key_value_heads", default: absent ?? headCount)
        guard headCount % keyValueHeadCount == 0 else {
            throw config.error(.malformed, "num_attention_heads", "\(headCount) is not a multiple of \(keyValueHeadCount) key/value heads")
        }
        if let size = try config.optionalSize("head_dim") ?? defaults.headSize {
            headSize = size
        } else {
            guard hiddenSize % headCount == 0 else {
                throw config.error(.malformed, "hidden_size", "\(hiddenSize) is not a multiple of \(headCount) heads")
            }
            headSize = hiddenSize / headCount
        }
        feedForwardSize = try config.size("intermediate_size")
        vocabularySize = try config.size("vocab_size")
        contextLength = try config.size("max_position_embeddings", default: defaults.contextLength)
        epsilon = try config.positive("rms_norm_eps", default: 1e-6)
        activation = try config.activation("hidden_act", default: .silu)
        rotary = try RotarySpec(config, headSize: headSize)
        isOutputTied = try config.bool("tie_word_embeddings", default: false)
        guard layerCount <= tensors.checkpoint.tensors.count else {
            throw config.error(
                .malformed, "num_hidden_layers",
                "\(layerCount) layers, but the checkpoint has only \(tensors.checkpoint.tensors.count) tensors")
        }
        slidingWindows = Array(repeating: nil, count: layerCount)
    }

    /// Sliding windows as Qwen's configurations give them: off unless `use_sliding_window`, then by `layer_types` or from
    /// `max_window_layers` on.
    mutating func readSlidingWindows(_ config: HuggingFaceConfiguration) throws(CheckpointError) {
        let isUsed = try config.bool("use_sliding_window", default: false)
        // Absent means the class's default, null means none.
        var window = try config.optionalSize("sliding_window")
        if config.json["sliding_window"] == nil { window = 4096 }
        if !isUsed { window = nil }
        let firstSliding = config["max_window_layers"]?.int ?? 28
        var windows = (0..<layerCount).map { $0 >= firstSliding ? window : nil }
        if let types = config["layer_types"]?.array {
            guard types.count == layerCount else {
                throw config.error(.malformed, "layer_types", "has \(types.count) entries for \(layerCount) layers")
            }
            for (index, type) in types.enumerated() {
                switch type {
                case .string("full_attention"): windows[index] = nil
                case .string("sliding_attention"): windows[index] = window
                default: throw config.error(.unsupported, "layer_types", "\(HuggingFaceConfiguration.show(type)) is not supported")
                }
            }
        }
        slidingWindows = windows
    }
}
