import Checkpoints
import JSON

extension RotarySpec {
    /// Reads `rope_theta` and `rope_scaling`, or `rope_parameters`, which holds both in files written since 2025.
    init(_ config: HuggingFaceConfiguration, headSize: Int) throws(CheckpointError) {
        guard headSize % 2 == 0, headSize <= 1 << 16 else {
            throw config.error(.malformed, "head_dim", "\(headSize) is not an even size in range")
        }
        let key = config["rope_parameters"] != nil ? "rope_parameters" : "rope_scaling"
        let parameters = config[key] ?? .object([:])
        guard parameters.object != nil else {
            throw config.error(.malformed, key, "\(HuggingFaceConfiguration.show(parameters)) is not an object")
        }
        let nested = HuggingFaceConfiguration(json: parameters, file: config.file)
        for layerType in ["full_attention", "sliding_attention"] where nested[layerType] != nil {
            throw config.error(.unsupported, key, "different parameters by layer type are not supported")
        }
        try nested.refuseUnsupportedOptions()
        let base = try nested.positive("rope_theta", default: config.positive("rope_theta", default: 10_000))
        self.init(base: base, dimensions: headSize, pairing: .halves, scaling: try Self.scaling(nested, key, config))
    }

    private static func scaling(_ parameters: HuggingFaceConfiguration, _ key: String, _ config: HuggingFaceConfiguration)
        throws(CheckpointError)
        -> RotaryScaling
    {
        guard let type = parameters["rope_type"] ?? parameters["type"] else {
            guard parameters["factor"] == nil else { throw config.error(.malformed, key, "has a factor, but no 'rope_type'") }
            return .none
        }
        func number(_ name: String) throws(CheckpointError) -> Double {
            guard let value = parameters[name]?.double, value > 0, value.isFinite else {
                throw config.error(.malformed, key, "'\(name)' is needed and must be a positive number")
            }
            return value
        }
        switch type {
        case .string("default"): return .none
        case .string("linear"): return .linear(factor: try number("factor"))
        case .string("llama3"):
            let low = try number("low_freq_factor")
            let high = try number("high_freq_factor")
            guard low < high else {
                throw config.error(.malformed, key, "'low_freq_factor' \(low) is not below 'high_freq_factor' \(high)")
            }
            let hasContext = parameters["original_max_position_embeddings"] != nil
            let context = hasContext ? try number("original_max_position_embeddings") : Double(try config.size("max_position_embeddings"))
            return .llama3(factor: try number("factor"), lowFrequencyFactor: low, highFrequencyFactor: high, originalContext: context)
        default:
            throw config.error(
                .unsupported, key, "rope type \(HuggingFaceConfiguration.show(type)) is not supported; 'linear' and 'llama3' are")
        }
    }
}
