import Checkpoints

extension ModelShape {
    /// The shape of a checkpoint's model: counts elements and bytes of what the spec names.
    public init(_ spec: ModelSpec) {
        var bytes = 0.0
        var elements = 0
        var perFormat: [TensorFormat: Int] = [:]
        func count(_ tensor: TensorReference?) -> Int {
            guard let tensor else { return 0 }
            let size = tensor.shape.reduce(1) { $0 &* $1 }
            bytes += Double(size) * tensor.format.bytesPerElement
            elements += size
            perFormat[tensor.format, default: 0] += size
            return size
        }
        var multiplied: [TensorFormat: Int] = [:]
        func count(_ linear: LinearSpec?) -> Int {
            guard let linear else { return 0 }
            multiplied[linear.weight.format, default: 0] += linear.weight.shape.reduce(1) { $0 &* $1 }
            return count(linear.weight) + count(linear.bias)
        }
        func count(_ norm: NormSpec?) -> Int { norm.map { count($0.weight) + count($0.bias) } ?? 0 }

        var runs: [LayerRun] = []
        for layer in spec.layers {
            let a = layer.attention
            let attention = AttentionShape(
                headCount: a.headCount, keyValueHeadCount: a.keyValueHeadCount, keySize: a.headSize, valueSize: a.headSize,
                elements: count(a.query) + count(a.key) + count(a.value) + count(a.output) + count(a.queryNorm) + count(a.keyNorm),
                keyValueElements: 2 * a.keyValueHeadCount * a.headSize, slidingWindow: a.slidingWindow)
            let f = layer.feedForward
            let matrices = count(f.gate) + count(f.up) + count(f.down)
            let units = max(1, f.size)
            let feedForward = FeedForwardShape(
                size: f.size, elementsPerUnit: matrices / units, units: units, sharedElements: matrices % units)
            let shape = LayerShape(
                attention: attention, feedForward: feedForward, normElements: count(layer.attentionNorm) + count(layer.feedForwardNorm))
            if runs.last?.layer == shape { runs[runs.count - 1].count += 1 } else { runs.append(LayerRun(count: 1, layer: shape)) }
        }
        var embedding = count(spec.embedding.table) + count(spec.embedding.projection) + count(spec.outputProjection)
        if case .learned(let table, _) = spec.positions { embedding += count(table) }
        let tied = spec.output.weight.name == spec.embedding.table.name
        let norm = count(spec.finalNorm)
        if tied { multiplied[spec.output.weight.format, default: 0] += spec.output.outputs &* spec.output.inputs }
        let output = tied ? spec.output.outputs * spec.output.inputs : count(spec.output)
        let format = perFormat.max { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) }?.key ?? .f16
        self.init(
            name: spec.name ?? spec.architecture, vocabularySize: spec.vocabularySize, contextLength: spec.contextLength,
            hiddenSize: spec.hiddenSize,
            runs: runs, embeddingElements: embedding, outputElements: output, tied: tied, finalNormElements: norm, format: format,
            bytesPerElement: elements > 0 ? bytes / Double(elements) : nil)
        storedFormats = multiplied.keys.sorted { $0.rawValue < $1.rawValue }
        let all = multiplied.values.reduce(0) { $0 &+ $1 }
        if multiplied.count > 1, all > 0 {
            formats = multiplied.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                FormatShare(format: $0.key, share: Double($0.value) / Double(all))
            }
        }
    }
}
