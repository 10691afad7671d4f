import Checkpoints

/// OPT (arXiv 2205.01068): learned positions, LayerNorm, ReLU, biases. The 350M model normalises after each sum and embeds in fewer
/// dimensions.
enum OPT {
    /// Rows of the position table before that of position 0.
    private static let positionOffset = 2
    private static let epsilon = 1e-5

    static func describe(_ config: HuggingFaceConfiguration, _ tensors: TensorFinder, _ architecture: String) throws(CheckpointError)
        -> ModelSpec
    {
        try config.refuseUnsupportedOptions()
        guard try config.bool("layer_norm_elementwise_affine", default: true) else {
            throw config.error(.unsupported, "layer_norm_elementwise_affine", "false is not supported")
        }
        let hiddenSize = try config.size("hidden_size")
        let layerCount = try config.size("num_hidden_layers")
        let headCount = try config.size("num_attention_heads")
        guard hiddenSize % headCount == 0 else {
            throw config.error(.malformed, "hidden_size", "\(hiddenSize) is not a multiple of \(headCount) heads")
        }
        let vocabularySize = try config.size("vocab_size")
        let contextLength = try config.size("max_position_embeddings", default: 2048)
        let embeddingSize = try config.size("word_embed_proj_dim", default: hiddenSize)
        let isNormBefore = try config.bool("do_layer_norm_before", default: true)
        let hasFinalNorm = isNormBefore ? try !config.bool("_remove_final_layer_norm", default: false) : false
        let bias = TensorFinder.Bias(try config.bool("enable_bias", default: true))
        let prefix = ["model.decoder.", "decoder."].first { tensors.has($0 + "embed_tokens.weight") } ?? "model.decoder."

        let table = try tensors.tensor(prefix + "embed_tokens.weight", shape: [vocabularySize, embeddingSize])
        let isProjected = embeddingSize != hiddenSize
        let positions = try tensors.tensor(prefix + "embed_positions.weight", shape: [contextLength + positionOffset, hiddenSize])
        let shape = Shape(
            hiddenSize: hiddenSize, headCount: headCount, feedForwardSize: try config.size("ffn_dim"), bias: bias,
            activation: try config.activation("activation_function", default: .relu), isNormBefore: isNormBefore)
        var layers: [LayerSpec] = []
        for index in 0..<layerCount { layers.append(try layer(prefix + "layers.\(index).", shape, tensors)) }
        let isTied = try config.bool("tie_word_embeddings", default: true)
        return ModelSpec(
            architecture: architecture, vocabularySize: vocabularySize, contextLength: contextLength, hiddenSize: hiddenSize,
            embedding: EmbeddingSpec(
                table: table, size: embeddingSize,
                projection: isProjected ? try tensors.linear(prefix + "project_in", outputs: hiddenSize, inputs: embeddingSize) : nil),
            positions: .learned(table: positions, offset: positionOffset), layers: layers,
            finalNorm: hasFinalNorm
                ? try tensors.norm(prefix + "final_layer_norm", .layer, size: hiddenSize, epsilon: epsilon, bias: .required) : nil,
            outputProjection: isProjected ? try tensors.linear(prefix + "project_out", outputs: embeddingSize, inputs: hiddenSize) : nil,
            output: isTied
                ? LinearSpec(outputs: vocabularySize, inputs: embeddingSize, weight: table)
                : try tensors.linear("lm_head", outputs: vocabularySize, inputs: embeddingSize))
    }

    /// What all layers share.
    private struct Shape {
        var hiddenSize, headCount, feedForwardSize: Int
        var bias: TensorFinder.Bias
        var activation: Activation
        var isNormBefore: Bool
    }

    private static func layer(_ prefix: String, _ shape: Shape, _ tensors: TensorFinder) throws(CheckpointError) -> LayerSpec {
        func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws(CheckpointError) -> LinearSpec {
            try tensors.linear(prefix + name, outputs: outputs, inputs: inputs, bias: shape.bias)
        }
        let size = shape.hiddenSize
        let headSize = size / shape.headCount
        return LayerSpec(
            attention: AttentionSpec(
                headCount: shape.headCount, keyValueHeadCount: shape.headCount, headSize: headSize,
                scale: 1 / Double(headSize).squareRoot(),
                query: try linear("self_attn.q_proj", size, size), key: try linear("self_attn.k_proj", size, size),
                value: try linear("self_attn.v_proj", size, size), output: try linear("self_attn.out_proj", size, size)),
            feedForward: FeedForwardSpec(
                size: shape.feedForwardSize, activation: shape.activation, up: try linear("fc1", shape.feedForwardSize, size),
                down: try linear("fc2", size, shape.feedForwardSize)),
            attentionNorm: try tensors.norm(prefix + "self_attn_layer_norm", .layer, size: size, epsilon: epsilon, bias: .required),
            feedForwardNorm: try tensors.norm(prefix + "final_layer_norm", .layer, size: size, epsilon: epsilon, bias: .required),
            postNorm: !shape.isNormBefore)
    }
}
