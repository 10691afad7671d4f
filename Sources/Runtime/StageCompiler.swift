import CKernels
import Devices
import Models
import Plans

/// Turns a stage's modules into operations over its buffers: three segments, for what comes before the layers, the layers, and the logits.
struct StageCompiler {
    /// The segments of a stage's program. Those that a stage has not are empty.
    enum Segment: Int, CaseIterable {
        case embedding, layers, output
    }

    let slice: StageSlice
    let weights: WeightStore
    let caches: [KeyValueCache]
    let buffers: StageBuffers
    let tables: StepTableKinds

    private var model: ModelSpec { slice.model }

    var segments: [[Operation]] {
        var layers: [Operation] = []
        var output: [Operation] = []
        for placement in slice.modules {
            switch placement.module {
            case .embedding: break
            case .attention(let layer): layers += attention(layer, placement.shards)
            case .feedForward(let layer): layers += feedForward(model.layers[layer], placement.shards)
            case .output: output = logits(placement.shards)
            }
        }
        return [slice.stage.hasEmbedding ? embedding : [], layers, output]
    }

    private var embedding: [Operation] {
        var result: [Operation] = []
        let table = weights.table(model.embedding.table)
        if let projection = model.embedding.projection {
            let part = LinearPart(projection)
            result.append(.embed(.init(table: table, output: buffers.embedded)))
            result.append(pack(buffers.embedded, columns: model.embedding.size, for: [part]))
            result.append(.product(.init([factor(part, .store(buffers.hidden))])))
        } else {
            result.append(.embed(.init(table: table, output: buffers.hidden)))
        }
        if case .learned(let reference, let offset) = model.positions {
            result.append(.addPositions(.init(table: weights.table(reference), offset: offset, rows: buffers.hidden)))
        }
        return result
    }

    private func attention(_ index: Int, _ shards: [Shard]) -> [Operation] {
        let layer = model.layers[index], attention = layer.attention
        var result: [Operation] = []
        for (number, shard) in shards.enumerated() {
            let parts = attention.parts(of: shard.range)
            let inputs = [parts.query, parts.key, parts.value]
            result.append(pack(buffers.hidden, columns: model.hiddenSize, for: inputs, norm: layer.postNorm ? nil : layer.attentionNorm))
            result.append(
                .product(
                    .init([
                        factor(parts.query, .store(buffers.query)), factor(parts.key, .store(buffers.key)),
                        factor(parts.value, .store(buffers.value)),
                    ])))
            let heads = Operation.Heads(
                count: attention.heads(of: shard.range).count, keyValueCount: shard.range.count, size: attention.headSize)
            let cache = self.cache(layer: index, heads: shard.range)
            var store = Operation.Store(
                heads: heads, query: buffers.query, key: buffers.key, value: buffers.value,
                queryNorm: attention.queryNorm.map { norm($0, count: attention.headSize) },
                keyNorm: attention.keyNorm.map { norm($0, count: attention.headSize) }, cache: cache)
            if case .rotary(let rotary) = model.positions {
                store.rotary = tables.rotary(of: index)
                store.rotatedDimensions = rotary.dimensions
                store.isInterleaved = rotary.pairing == .interleaved
            }
            result.append(.store(store))
            result.append(
                .attend(
                    .init(
                        heads: heads, query: buffers.query, output: buffers.attended, scale: Float(attention.scale),
                        window: attention.slidingWindow ?? 0, tiling: tables.tiling(of: attention), cache: cache)))
            result.append(pack(buffers.attended, columns: parts.output.columns.count, for: [parts.output]))
            result.append(residual(parts.output, shard: number, of: shards.count))
        }
        if shards.count > 1 { result.append(sum(attention.output, parts: shards.count)) }
        if layer.postNorm { result.append(normalise(layer.attentionNorm)) }
        return result
    }

    private func feedForward(_ layer: LayerSpec, _ shards: [Shard]) -> [Operation] {
        let feedForward = layer.feedForward, activation = feedForward.activation.kernelActivation
        var result: [Operation] = []
        for (number, shard) in shards.enumerated() {
            let parts = feedForward.parts(of: shard.range)
            result.append(pack(buffers.hidden, columns: model.hiddenSize, for: parts.inner, norm: layer.postNorm ? nil : layer.feedForwardNorm))
            let factors = zip(parts.inner, [buffers.gate, buffers.up]).map { factor($0, .store($1)) }
            result.append(.product(.init(factors, gate: factors.count == 2 ? .gated(activation) : .activated(activation))))
            result.append(pack(buffers.gate, columns: shard.range.count, for: [parts.down]))
            result.append(residual(parts.down, shard: number, of: shards.count))
        }
        if shards.count > 1 { result.append(sum(feedForward.down, parts: shards.count)) }
        if layer.postNorm { result.append(normalise(layer.feedForwardNorm)) }
        return result
    }

    private func logits(_ shards: [Shard]) -> [Operation] {
        let outputs = shards.map { LinearPart(model.output, rows: $0.range) }
        var result: [Operation] = [.gather(.init(input: buffers.hidden, output: buffers.chosen, columns: model.hiddenSize))]
        let projection = model.outputProjection.map { LinearPart($0) }
        result.append(pack(buffers.chosen, columns: model.hiddenSize, for: projection.map { [$0] } ?? outputs, norm: model.finalNorm))
        if let projection {
            result.append(.product(.init([factor(projection, .store(buffers.embedded))])))
            result.append(pack(buffers.embedded, columns: model.embedding.size, for: outputs))
        }
        for output in outputs {
            result.append(.product(.init([factor(output, .store(buffers.logits.from(column: output.rows.lowerBound)))])))
        }
        return result
    }

    /// A product over some columns, into the hidden states: at once where the columns are all, else as a part that `sum` adds.
    private func residual(_ part: LinearPart, shard: Int, of count: Int) -> Operation {
        if count == 1 { return .product(.init([factor(part, .add(buffers.hidden))])) }
        return .product(
            .init([
                .init(matrix: weights.matrix(part), bias: nil, target: .parts(buffers.parts[shard], stride: buffers.partStride))
            ]))
    }

    private func sum(_ linear: LinearSpec, parts: Int) -> Operation {
        .sum(
            .init(
                parts: Array(buffers.parts.prefix(parts)), stride: buffers.partStride, columns: linear.outputs,
                bias: linear.bias.map { weights.vector(VectorPart($0, range: 0..<linear.outputs)) }, rows: buffers.hidden))
    }

    private func cache(layer: Int, heads: Range<Int>) -> Operation.Cache { caches[0].cache(layer: layer, heads: heads) }

    private func factor(_ part: LinearPart, _ target: Operation.Product.Target) -> Operation.Product.Factor {
        .init(matrix: weights.matrix(part), bias: part.bias.map { weights.vector($0) }, target: target)
    }

    private func pack(_ input: Rows, columns: Int, for parts: [LinearPart], norm spec: NormSpec? = nil) -> Operation {
        .pack(
            .init(
                input: input, columns: columns, norm: spec.map { norm($0, count: columns) },
                formats: parts.map { $0.linear.weight.format.kernelFormat }))
    }

    private func normalise(_ spec: NormSpec) -> Operation {
        .normalise(.init(rows: buffers.hidden, columns: model.hiddenSize, norm: norm(spec, count: model.hiddenSize)))
    }

    private func norm(_ spec: NormSpec, count: Int) -> Operation.Norm {
        .init(
            kind: spec.kind == .rms ? .rms : .layer, weight: weights.vector(VectorPart(spec.weight, range: 0..<count)),
            bias: spec.bias.map { weights.vector(VectorPart($0, range: 0..<count)) }, epsilon: Float(spec.epsilon))
    }
}

extension Activation {
    var kernelActivation: mk_activation {
        switch self {
        case .relu: MK_RELU
        case .silu: MK_SILU
        case .gelu: MK_GELU
        case .geluTanh: MK_GELU_TANH
        }
    }
}
