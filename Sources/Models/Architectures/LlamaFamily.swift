import Checkpoints

/// The hyper-parameters of decoders built like Llama: RMSNorm, rotary positions, grouped heads, a gated feed-forward part.
/// An architecture fills this in from its configuration; `describe` adds the tensors.
struct LlamaFamily {
    var architecture: String
    var name: String?
    var hiddenSize: Int
    var layerCount: Int
    var headCount: Int
    var keyValueHeadCount: Int
    var headSize: Int
    var feedForwardSize: Int
    var vocabularySize: Int
    var contextLength: Int
    var epsilon: Double
    var activation = Activation.silu
    var rotary: RotarySpec
    /// The output matrix is the embedding table.
    var isOutputTied: Bool
    var queryKeyValueBias = TensorFinder.Bias.absent
    var attentionOutputBias = TensorFinder.Bias.absent
    var feedForwardBias = TensorFinder.Bias.absent
    /// Each head is normalised before rotation.
    var hasHeadNorms = false
    /// By layer; nil: all positions.
    var slidingWindows: [Int?]

    func describe(_ names: LlamaNames, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        let table = try tensors.tensor(names.embedding + ".weight", shape: [vocabularySize, hiddenSize])
        var layers: [LayerSpec] = []
        for index in 0..<layerCount { layers.append(try layer(index, names.layer(index), tensors)) }
        let output =
            isOutputTied
            ? LinearSpec(outputs: vocabularySize, inputs: hiddenSize, weight: table)
            : try tensors.linear(names.output, outputs: vocabularySize, inputs: hiddenSize)
        return ModelSpec(
            architecture: architecture, name: name, vocabularySize: vocabularySize, contextLength: contextLength, hiddenSize: hiddenSize,
            embedding: EmbeddingSpec(table: table, size: hiddenSize), positions: .rotary(rotary), layers: layers,
            finalNorm: try tensors.norm(names.finalNorm, .rms, size: hiddenSize, epsilon: epsilon), output: output)
    }

    private func layer(_ index: Int, _ names: LlamaNames.Layer, _ tensors: TensorFinder) throws(CheckpointError) -> LayerSpec {
        let heads = headCount * headSize
        let keyValueHeads = keyValueHeadCount * headSize
        let attention = AttentionSpec(
            headCount: headCount, keyValueHeadCount: keyValueHeadCount, headSize: headSize, scale: 1 / Double(headSize).squareRoot(),
            slidingWindow: slidingWindows[index],
            query: try tensors.linear(names.query, outputs: heads, inputs: hiddenSize, bias: queryKeyValueBias),
            key: try tensors.linear(names.key, outputs: keyValueHeads, inputs: hiddenSize, bias: queryKeyValueBias),
            value: try tensors.linear(names.value, outputs: keyValueHeads, inputs: hiddenSize, bias: queryKeyValueBias),
            output: try tensors.linear(names.attentionOutput, outputs: hiddenSize, inputs: heads, bias: attentionOutputBias),
            queryNorm: hasHeadNorms ? try tensors.norm(names.queryNorm, .rms, size: headSize, epsilon: epsilon) : nil,
            keyNorm: hasHeadNorms ? try tensors.norm(names.keyNorm, .rms, size: headSize, epsilon: epsilon) : nil)
        let feedForward = FeedForwardSpec(
            size: feedForwardSize, activation: activation,
            gate: try tensors.linear(names.gate, outputs: feedForwardSize, inputs: hiddenSize, bias: feedForwardBias),
            up: try tensors.linear(names.up, outputs: feedForwardSize, inputs: hiddenSize, bias: feedForwardBias),
            down: try tensors.linear(names.down, outputs: hiddenSize, inputs: feedForwardSize, bias: feedForwardBias))
        return LayerSpec(
            attention: attention, feedForward: feedForward,
            attentionNorm: try tensors.norm(names.attentionNorm, .rms, size: hiddenSize, epsilon: epsilon),
            feedForwardNorm: try tensors.norm(names.feedForwardNorm, .rms, size: hiddenSize, epsilon: epsilon))
    }
}
