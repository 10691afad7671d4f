import CKernels
import Devices
import Models
import Plans

/// Operations that run one after another for each micro-batch: a segment of the stage's program.
struct StageSection {
    /// Which steps run it.
    enum Kind {
        case always
        /// Only those that want logits.
        case logits
    }

    var kind: Kind
    /// The piece of streamed weights that must be in its slot meanwhile.
    var piece: Int?
    var operations: [Operation]
}

/// Turns a stage's modules into operations over its buffers, in sections: what is streamed has sections of its own.
struct StageCompiler {
    let slice: StageSlice
    let weights: StageWeights
    let caches: [KeyValueCache]
    let buffers: StageBuffers
    let tables: StepTableKinds

    private var model: ModelSpec { slice.model }

    /// In the order in which they run.
    var sections: [StageSection] {
        var sections: [StageSection] = []
        func add(_ operations: [Operation], piece: Int? = nil, kind: StageSection.Kind = .always) {
            if piece == nil, let last = sections.last, last.piece == nil, last.kind == kind {
                sections[sections.count - 1].operations += operations
            } else if !operations.isEmpty {
                sections.append(StageSection(kind: kind, piece: piece, operations: operations))
            }
        }
        if slice.stage.hasEmbedding { add(embedding) }
        for placement in slice.modules {
            let count = placement.shards.count
            switch placement.module {
            case .embedding, .shared: break
            case .attention(let index):
                let layer = model.layers[index]
                for (number, shard) in placement.shards.enumerated() {
                    let parts = layer.attention.parts(of: shard.range, formats: slice.formats)
                    add(attention(index, parts, groups: shard.range, shard: number, of: count), piece: weights.piece(of: parts.output))
                }
                add(end(layer.attention.output, parts: count, norm: layer.postNorm ? layer.attentionNorm : nil))
            case .feedForward(let index):
                let layer = model.layers[index]
                for (number, shard) in placement.shards.enumerated() {
                    let parts = layer.feedForward.parts(of: shard.range, formats: slice.formats)
                    add(
                        feedForward(layer, parts, columns: shard.range.count, shard: number, of: count),
                        piece: weights.piece(of: parts.down))
                }
                add(end(layer.feedForward.down, parts: count, norm: layer.postNorm ? layer.feedForwardNorm : nil))
            case .output:
                let outputs = placement.shards.flatMap { weights.outputParts(of: model.output, rows: $0.range) }
                add(beforeLogits(outputs), kind: .logits)
                for output in outputs {
                    let logits = buffers.logits.from(column: output.rows.lowerBound)
                    // A section of its own does not know what the one with `gather` said.
                    add([.logitsRows, .product(.init([factor(output, .store(logits))]))], piece: weights.piece(of: output), kind: .logits)
                }
            }
        }
        return sections
    }

    private var embedding: [Operation] {
        var result: [Operation] = []
        let table = weights.store.table(model.embedding.table)
        if let projection = model.embedding.projection {
            let part = LinearPart(projection)
            result.append(.embed(.init(table: table, output: buffers.embedded)))
            result.append(pack(buffers.embedded, columns: model.embedding.size, for: [part]))
            result.append(.product(.init([factor(part, .store(buffers.hidden))])))
        } else {
            result.append(.embed(.init(table: table, output: buffers.hidden)))
        }
        if case .learned(let reference, let offset) = model.positions {
            result.append(.addPositions(.init(table: weights.store.table(reference), offset: offset, rows: buffers.hidden)))
        }
        return result
    }

    private func attention(
        _ index: Int, _ parts: (query: LinearPart, key: LinearPart, value: LinearPart, output: LinearPart), groups: Range<Int>, shard: Int,
        of count: Int
    ) -> [Operation] {
        let layer = model.layers[index], attention = layer.attention
        var result: [Operation] = []
        let inputs = [parts.query, parts.key, parts.value]
        result.append(pack(buffers.hidden, columns: model.hiddenSize, for: inputs, norm: layer.postNorm ? nil : layer.attentionNorm))
        let targets = [buffers.query, buffers.key, buffers.value]
        result.append(.product(.init(zip(inputs, targets).map { factor($0, .store($1)) })))
        let heads = Operation.Heads(count: attention.heads(of: groups).count, keyValueCount: groups.count, size: attention.headSize)
        let cache = self.cache(layer: index, heads: groups)
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
        result.append(residual(parts.output, shard: shard, of: count))
        return result
    }

    private func feedForward(
        _ layer: LayerSpec, _ parts: (inner: [LinearPart], down: LinearPart), columns: Int, shard: Int, of count: Int
    ) -> [Operation] {
        let activation = layer.feedForward.activation.kernelActivation
        let factors = zip(parts.inner, [buffers.gate, buffers.up]).map { factor($0, .store($1)) }
        return [
            pack(buffers.hidden, columns: model.hiddenSize, for: parts.inner, norm: layer.postNorm ? nil : layer.feedForwardNorm),
            .product(.init(factors, gate: factors.count == 2 ? .gated(activation) : .activated(activation))),
            pack(buffers.gate, columns: columns, for: [parts.down]),
            residual(parts.down, shard: shard, of: count),
        ]
    }

    /// What follows a module's shards: the sum of their parts, and a norm behind the residual.
    private func end(_ linear: LinearSpec, parts: Int, norm: NormSpec?) -> [Operation] {
        var result: [Operation] = []
        if parts > 1 { result.append(sum(linear, parts: parts)) }
        if let norm { result.append(normalise(norm)) }
        return result
    }

    private func beforeLogits(_ outputs: [LinearPart]) -> [Operation] {
        var result: [Operation] = [.gather(.init(input: buffers.hidden, output: buffers.chosen, columns: model.hiddenSize))]
        let projection = model.outputProjection.map { LinearPart($0) }
        result.append(pack(buffers.chosen, columns: model.hiddenSize, for: projection.map { [$0] } ?? outputs, norm: model.finalNorm))
        if let projection {
            result.append(.product(.init([factor(projection, .store(buffers.embedded))])))
            result.append(pack(buffers.embedded, columns: model.embedding.size, for: outputs))
        }
        return result
    }

    /// A product over some columns, into the hidden states: at once where the columns are all, else as a part that `sum` adds.
    private func residual(_ part: LinearPart, shard: Int, of count: Int) -> Operation {
        if count == 1 { return .product(.init([factor(part, .add(buffers.hidden))])) }
        let target = Operation.Product.Target.parts(buffers.parts[shard], stride: buffers.partStride)
        return .product(.init([.init(matrix: weights.matrix(part), bias: nil, target: target)]))
    }

    private func sum(_ linear: LinearSpec, parts: Int) -> Operation {
        .sum(
            .init(
                parts: Array(buffers.parts.prefix(parts)), stride: buffers.partStride, columns: linear.outputs,
                bias: linear.bias.map { weights.store.vector(VectorPart($0, range: 0..<linear.outputs)) }, rows: buffers.hidden))
    }

    private func cache(layer: Int, heads: Range<Int>) -> Operation.Cache {
        guard let cache = caches.first(where: { $0.holds(layer: layer, heads: heads) }) else {
            preconditionFailure("heads \(heads) of layer \(layer) have no keys and values here")
        }
        return cache.cache(layer: layer, heads: heads)
    }

    private func factor(_ part: LinearPart, _ target: Operation.Product.Target) -> Operation.Product.Factor {
        .init(matrix: weights.matrix(part), bias: part.bias.map { weights.store.vector($0) }, target: target)
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
            kind: spec.kind == .rms ? .rms : .layer, weight: weights.store.vector(VectorPart(spec.weight, range: 0..<count)),
            bias: spec.bias.map { weights.store.vector(VectorPart($0, range: 0..<count)) }, epsilon: Float(spec.epsilon))
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
