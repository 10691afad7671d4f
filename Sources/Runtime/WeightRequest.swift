import Models
import Plans

/// What a stage needs of the checkpoint: everything a weight store holds, said before anything is read.
struct WeightRequests {
    var matrices: [LinearPart] = []
    var vectors: [VectorPart] = []
    /// Looked up row by row, as the checkpoint stores them.
    var tables: [TensorReference] = []

    mutating func add(_ part: LinearPart, isResident: Bool = true) {
        if isResident { matrices.append(part) }
        if let bias = part.bias { vectors.append(bias) }
    }

    mutating func add(_ norm: NormSpec?, count: Int) {
        guard let norm else { return }
        vectors.append(VectorPart(norm.weight, range: 0..<count))
        if let bias = norm.bias { vectors.append(VectorPart(bias, range: 0..<count)) }
    }
}

extension StageSlice {
    /// Everything this slice keeps in memory to multiply, add or look up, in the order of use.
    var weights: WeightRequests {
        var requests = WeightRequests()
        if stage.hasEmbedding {
            requests.tables.append(model.embedding.table)
            if case .learned(let table, _) = model.positions { requests.tables.append(table) }
            if let projection = model.embedding.projection { requests.add(LinearPart(projection)) }
        }
        for placement in modules {
            switch placement.module {
            case .attention(let index):
                let layer = model.layers[index], attention = layer.attention
                requests.add(layer.attentionNorm, count: model.hiddenSize)
                requests.add(attention.queryNorm, count: attention.headSize)
                requests.add(attention.keyNorm, count: attention.headSize)
                for shard in placement.shards {
                    let parts = attention.parts(of: shard.range, formats: formats)
                    for part in [parts.query, parts.key, parts.value, parts.output] { requests.add(part, isResident: !isOnDisk(shard)) }
                }
            case .feedForward(let index):
                let layer = model.layers[index]
                requests.add(layer.feedForwardNorm, count: model.hiddenSize)
                for shard in placement.shards {
                    let parts = layer.feedForward.parts(of: shard.range, formats: formats)
                    for part in parts.inner + [parts.down] { requests.add(part, isResident: !isOnDisk(shard)) }
                }
            case .output:
                requests.add(model.finalNorm, count: model.hiddenSize)
                if let projection = model.outputProjection { requests.add(LinearPart(projection)) }
                for shard in placement.shards { requests.add(LinearPart(model.output, rows: shard.range), isResident: !isOnDisk(shard)) }
            case .embedding, .shared: break
            }
        }
        return requests
    }
}
