import Models
import Plans

/// What a memory holds of a stage's weights: everything in a weight store, said before anything is read.
struct WeightRequests {
    var matrices: [LinearPart] = []
    var vectors: [VectorPart] = []
    /// Looked up row by row, as the checkpoint stores them.
    var tables: [TensorReference] = []

    /// - Parameters:
    ///   - isHere: whether the matrix is kept.
    ///   - isUsed: whether it is multiplied here, so that its bias is wanted.
    mutating func add(_ part: LinearPart, isHere: Bool = true, isUsed: Bool = true) {
        if isHere { matrices.append(part) }
        if isUsed, let bias = part.bias { vectors.append(bias) }
    }

    mutating func add(_ norm: NormSpec?, count: Int) {
        guard let norm else { return }
        vectors.append(VectorPart(norm.weight, range: 0..<count))
        if let bias = norm.bias { vectors.append(VectorPart(bias, range: 0..<count)) }
    }
}

extension StageSlice {
    /// Everything of this slice that a memory holds: shards whose home it is, and the norms, biases and tables that devices beside it use.
    func weights(in memory: MemoryID) -> WeightRequests {
        var requests = WeightRequests()
        if stage.hasEmbedding, self.memory(of: embedder) == memory {
            requests.tables.append(model.embedding.table)
            if case .learned(let table, _) = model.positions { requests.tables.append(table) }
            if let projection = model.embedding.projection { requests.add(LinearPart(projection)) }
        }
        for placement in modules {
            let isUsed = computes(placement.module, beside: memory)
            switch placement.module {
            case .attention(let index):
                let layer = model.layers[index], attention = layer.attention
                if isUsed {
                    requests.add(layer.attentionNorm, count: model.hiddenSize)
                    requests.add(attention.queryNorm, count: attention.headSize)
                    requests.add(attention.keyNorm, count: attention.headSize)
                }
            case .feedForward(let index):
                if isUsed { requests.add(model.layers[index].feedForwardNorm, count: model.hiddenSize) }
            case .output:
                // Whoever has the hidden states at the end norms and projects them: known only when the program is made.
                if hasDevice(beside: memory) {
                    requests.add(model.finalNorm, count: model.hiddenSize)
                    if let projection = model.outputProjection { requests.add(LinearPart(projection)) }
                }
                for shard in placement.shards {
                    let part = LinearPart(model.output, rows: shard.range)
                    requests.add(part, isHere: shard.home == memory, isUsed: isUsed)
                }
            case .embedding, .shared: break
            }
            for shard in placement.shards {
                for part in parts(of: placement.module, shard.range) {
                    requests.add(part, isHere: shard.home == memory, isUsed: isUsed)
                }
            }
        }
        return requests
    }

    /// Who looks token rows up: the first of the devices that the plan names for it.
    var embedder: DeviceID {
        let placement = modules.first { $0.module == .embedding }
        guard let device = placement?.shards.first?.computers.first?.device else { preconditionFailure("a stage without embedding") }
        return device
    }

    private func hasDevice(beside memory: MemoryID) -> Bool { allDevices.contains { self.memory(of: $0) == memory } }

    /// Whether a device that computes from a memory multiplies or attends for a module.
    private func computes(_ module: Module, beside memory: MemoryID) -> Bool {
        for placement in modules where placement.module == module {
            for shard in placement.shards where shard.computers.contains(where: { self.memory(of: $0.device) == memory }) { return true }
        }
        guard case .attention(let layer) = module else { return false }
        return stage.keyValue.contains { share in
            share.layers.contains(layer) && share.computers.contains { self.memory(of: $0.device) == memory }
        }
    }
}
