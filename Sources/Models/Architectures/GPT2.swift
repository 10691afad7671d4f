import Checkpoints

/// GPT-2: learned positions, LayerNorm, GELU, biases, and query, key and value fused in one matrix.
///
/// Hugging Face checkpoints store matrices inputs x outputs ("Conv1D"); GGUF files outputs x inputs.
struct GPT2 {
    private var architecture: String
    private var name: String?
    private var hiddenSize, layerCount, headCount, feedForwardSize, vocabularySize, contextLength: Int
    private var epsilon: Double
    private var activation = Activation.geluTanh
    private var isOutputTied: Bool
    /// Attention scores are multiplied by headSize^-0.5.
    private var isScaledByHead = true
    /// Attention scores are divided by the layer's number, counted from 1.
    private var isScaledByLayer = false

    static func describe(_ keys: GGUFHyperparameters, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        try GPT2(keys, tensors).describe(.gguf, tensors)
    }

    static func describe(_ config: HuggingFaceConfiguration, _ tensors: TensorFinder, _ architecture: String) throws(CheckpointError)
        -> ModelSpec
    {
        let prefix = tensors.has("transformer.wte.weight") ? "transformer." : ""
        return try GPT2(config, architecture).describe(.huggingFace(prefix: prefix), tensors)
    }

    private init(_ keys: GGUFHyperparameters, _ tensors: TensorFinder) throws(CheckpointError) {
        try keys.refuseUnsupportedOptions()
        architecture = keys.architecture
        name = try keys.metadata.string("general.name")
        hiddenSize = try keys.size("embedding_length")
        layerCount = try keys.size("block_count")
        headCount = try keys.size("attention.head_count")
        feedForwardSize = try keys.size("feed_forward_length")
        vocabularySize = try tensors.entry("token_embd.weight").shape.first ?? 0
        try keys.checkVocabulary(vocabularySize)
        contextLength = try keys.size("context_length")
        epsilon = try keys.positive("attention.layer_norm_epsilon")
        isOutputTied = !tensors.has("output.weight")
        guard hiddenSize % headCount == 0 else {
            throw keys.error(.malformed, "embedding_length", "\(hiddenSize) is not a multiple of \(headCount) heads")
        }
    }

    private init(_ config: HuggingFaceConfiguration, _ architecture: String) throws(CheckpointError) {
        try config.refuseUnsupportedOptions()
        self.architecture = architecture
        hiddenSize = try config.size("n_embd")
        layerCount = try config.size("n_layer")
        headCount = try config.size("n_head")
        feedForwardSize = try config.size("n_inner", default: 4 * hiddenSize)
        vocabularySize = try config.size("vocab_size")
        contextLength = try config.size("n_positions", default: 1024)
        epsilon = try config.positive("layer_norm_epsilon", default: 1e-5)
        activation = try config.activation("activation_function", default: .geluTanh)
        isOutputTied = try config.bool("tie_word_embeddings", default: true)
        isScaledByHead = try config.bool("scale_attn_weights", default: true)
        isScaledByLayer = try config.bool("scale_attn_by_inverse_layer_idx", default: false)
        guard hiddenSize % headCount == 0 else {
            throw config.error(.malformed, "n_embd", "\(hiddenSize) is not a multiple of \(headCount) heads")
        }
    }

    private func describe(_ names: Names, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        let table = try tensors.tensor(names.embedding + ".weight", shape: [vocabularySize, hiddenSize])
        let positions = try tensors.tensor(names.positions + ".weight", shape: [contextLength, hiddenSize])
        var layers: [LayerSpec] = []
        for index in 0..<layerCount { layers.append(try layer(index, names, tensors)) }
        let output =
            isOutputTied
            ? LinearSpec(outputs: vocabularySize, inputs: hiddenSize, weight: table)
            : try tensors.linear(names.output, outputs: vocabularySize, inputs: hiddenSize)
        return ModelSpec(
            architecture: architecture, name: name, vocabularySize: vocabularySize, contextLength: contextLength, hiddenSize: hiddenSize,
            embedding: EmbeddingSpec(table: table, size: hiddenSize), positions: .learned(table: positions, offset: 0), layers: layers,
            finalNorm: try tensors.norm(names.finalNorm, .layer, size: hiddenSize, epsilon: epsilon, bias: .required), output: output)
    }

    private func layer(_ index: Int, _ names: Names, _ tensors: TensorFinder) throws(CheckpointError) -> LayerSpec {
        let prefix = names.layers + "\(index)."
        func linear(_ name: String, outputs: Int, inputs: Int, of total: Int? = nil, from row: Int = 0) throws(CheckpointError)
            -> LinearSpec
        {
            try tensors.fusedLinear(
                prefix + name, rows: row..<row + outputs, of: total ?? outputs, inputs: inputs, transposed: names.isTransposed)
        }
        func norm(_ name: String) throws(CheckpointError) -> NormSpec {
            try tensors.norm(prefix + name, .layer, size: hiddenSize, epsilon: epsilon, bias: .required)
        }
        let size = hiddenSize
        let headSize = size / headCount
        let scale = (isScaledByHead ? 1 / Double(headSize).squareRoot() : 1) / (isScaledByLayer ? Double(index + 1) : 1)
        return LayerSpec(
            attention: AttentionSpec(
                headCount: headCount, keyValueHeadCount: headCount, headSize: headSize, scale: scale,
                query: try linear(names.queryKeyValue, outputs: size, inputs: size, of: 3 * size),
                key: try linear(names.queryKeyValue, outputs: size, inputs: size, of: 3 * size, from: size),
                value: try linear(names.queryKeyValue, outputs: size, inputs: size, of: 3 * size, from: 2 * size),
                output: try linear(names.attentionOutput, outputs: size, inputs: size)),
            feedForward: FeedForwardSpec(
                size: feedForwardSize, activation: activation, up: try linear(names.up, outputs: feedForwardSize, inputs: size),
                down: try linear(names.down, outputs: size, inputs: feedForwardSize)),
            attentionNorm: try norm(names.attentionNorm), feedForwardNorm: try norm(names.feedForwardNorm))
    }

    private struct Names {
        var embedding, positions, finalNorm, output, layers: String
        var attentionNorm, queryKeyValue, attentionOutput, feedForwardNorm, up, down: String
        /// The file stores inputs x outputs.
        var isTransposed: Bool

        static let gguf = Names(
            embedding: "token_embd", positions: "position_embd", finalNorm: "output_norm", output: "output", layers: "blk.",
            attentionNorm: "attn_norm", queryKeyValue: "attn_qkv", attentionOutput: "attn_output", feedForwardNorm: "ffn_norm",
            up: "ffn_up",
            down: "ffn_down", isTransposed: false)

        static func huggingFace(prefix: String) -> Names {
            Names(
                embedding: prefix + "wte", positions: prefix + "wpe", finalNorm: prefix + "ln_f", output: "lm_head", layers: prefix + "h.",
                attentionNorm: "ln_1", queryKeyValue: "attn.c_attn", attentionOutput: "attn.c_proj", feedForwardNorm: "ln_2",
                up: "mlp.c_fc",
                down: "mlp.c_proj", isTransposed: true)
        }
    }
}
