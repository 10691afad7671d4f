public import Checkpoints

extension ModelSpec {
    /// Every tensor the model uses, in the order of use; parts of a fused tensor one by one, a tied output matrix again.
    public var tensors: [TensorReference] {
        var result = [embedding.table]
        result.append(embedding.projection)
        if case .learned(let table, _) = positions { result.append(table) }
        for layer in layers { result.append(contentsOf: layer.tensors) }
        result.append(finalNorm)
        result.append(outputProjection)
        result.append(output)
        return result
    }

    /// Whether the output matrix is the embedding table.
    public var isOutputTied: Bool { output.weight == embedding.table }

    /// Weights and biases, a tied matrix once.
    public var parameterCount: Int { distinctTensors.reduce(0) { $0 &+ $1.elementCount } }

    /// Elements and bytes of the tensors in use by format, most bytes first; a tied matrix counts once.
    public var formats: [(format: TensorFormat, elements: Int, bytes: Int)] {
        var sums: [TensorFormat: (elements: Int, bytes: Int)] = [:]
        for tensor in distinctTensors {
            let sum = sums[tensor.format, default: (0, 0)]
            sums[tensor.format] = (sum.elements &+ tensor.elementCount, sum.bytes &+ tensor.byteCount)
        }
        return sums.map { (format: $0.key, elements: $0.value.elements, bytes: $0.value.bytes) }
            .sorted { ($1.bytes, $0.format.rawValue) < ($0.bytes, $1.format.rawValue) }
    }

    private var distinctTensors: [TensorReference] {
        var seen: Set<TensorReference> = []
        return tensors.filter { seen.insert($0).inserted }
    }
}

extension LayerSpec {
    /// The layer's tensors in the order of use.
    public var tensors: [TensorReference] {
        var result: [TensorReference] = []
        result.append(attentionNorm)
        for linear in [attention.query, attention.key, attention.value] { result.append(linear) }
        result.append(attention.queryNorm)
        result.append(attention.keyNorm)
        result.append(attention.output)
        result.append(feedForwardNorm)
        result.append(feedForward.gate)
        result.append(feedForward.up)
        result.append(feedForward.down)
        return result
    }
}

extension TensorReference {
    public var elementCount: Int { shape.reduce(1, &*) }

    /// Bytes of the part in use.
    public var byteCount: Int { format.byteCount(elements: elementCount) ?? 0 }
}

extension [TensorReference] {
    fileprivate mutating func append(_ linear: LinearSpec?) {
        guard let linear else { return }
        append(linear.weight)
        if let bias = linear.bias { append(bias) }
    }

    fileprivate mutating func append(_ norm: NormSpec?) {
        guard let norm else { return }
        append(norm.weight)
        if let bias = norm.bias { append(bias) }
    }
}
