import Models

extension Stage {
    /// Devices that multiply or attend in it; those that only look embeddings up are left out.
    public var devices: Set<DeviceID> {
        var found: Set<DeviceID> = []
        for placement in placements where placement.module != .embedding {
            for shard in placement.shards { for computer in shard.computers { found.insert(computer.device) } }
        }
        for share in keyValue { for computer in share.computers { found.insert(computer.device) } }
        return found
    }

    /// Memories that hold its weights, its keys and values and its hidden states.
    public var memories: Set<MemoryID> {
        var found: Set<MemoryID> = [hiddenStates]
        for placement in placements { for shard in placement.shards { found.insert(shard.home) } }
        for share in keyValue { found.insert(share.memory) }
        return found
    }

    /// The modules that its placements must be, in order: those of its range of modules (`modules`), with the model's ends where it has
    /// them.
    func expectedModules(_ shape: ModelShape) -> [Module] {
        var expected: [Module] = hasEmbedding ? [.embedding] : []
        let modules = modules
        for layer in layers where layer >= 0 && layer < shape.layerCount {
            if modules.contains(2 * layer) { expected.append(.attention(layer: layer)) }
            if modules.contains(2 * layer + 1) {
                if shape.layer(layer).feedForward.hasSharedModule { expected.append(.shared(layer: layer)) }
                expected.append(.feedForward(layer: layer))
            }
        }
        if hasOutput { expected.append(.output) }
        return expected
    }
}
