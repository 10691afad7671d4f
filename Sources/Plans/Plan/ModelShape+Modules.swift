public import Checkpoints
public import Models

/// Units, cuts and bytes of a plan's modules: the one statement that the planner's memory model and `PlanCheck` share.
extension ModelShape {
    /// Units of a module: what shards' ranges count.
    public func units(of module: Module) -> Int {
        switch module {
        case .embedding, .output: vocabularySize
        case .attention(let layer): self.layer(layer).attention.keyValueHeadCount
        case .shared: 1
        case .feedForward(let layer): self.layer(layer).feedForward.units
        }
    }

    /// At multiples of how many units a module may be cut.
    public func grain(of module: Module, formats: [TensorFormat]) -> Int {
        switch module {
        case .embedding, .output: CutGrain.vocabularyRows
        case .attention(let layer): self.layer(layer).attention.grain(formats: formats)
        case .shared: 1
        case .feedForward(let layer): self.layer(layer).feedForward.grain(formats: formats)
        }
    }

    /// Elements of a whole module, without norms.
    public func elements(of module: Module) -> Int {
        switch module {
        case .embedding: embeddingElements
        case .output: outputElements
        case .attention(let layer): self.layer(layer).attention.elements
        case .shared(let layer): self.layer(layer).feedForward.sharedModuleElements
        case .feedForward(let layer): self.layer(layer).feedForward.dividedElements
        }
    }

    /// Bytes of so many of a module's units, in a format or (nil) as the model stores them.
    ///
    /// The kernels pack 16 rows together, so that vocabulary rows are rounded up to whole groups.
    public func bytes(of module: Module, units: Int, format: TensorFormat?) -> Double {
        let all = self.units(of: module)
        guard units > 0, all > 0 else { return 0 }
        var count = Double(units)
        if module == .output || module == .embedding { count = (count / 16).rounded(.up) * 16 }
        return Double(elements(of: module)) * (count / Double(all)) * (format?.bytesPerElement ?? bytesPerElement)
    }
}

extension AttentionShape {
    /// Whether keys and values are one vector that all heads share (latent attention), and not one of each for every KV head.
    public var isLatent: Bool { keyValueElements != keyValueHeadCount * (keySize + valueSize) }

    /// Bytes of a block of 64 positions of so many of the layer's KV heads. A latent vector is divided among the heads that read it.
    public func keyValueBlockBytes(heads: Int, _ format: KeyValueFormat) -> Double {
        if isLatent {
            let all = Double(format.blockBytes(keySize: keyValueElements, valueSize: 0))
            return all * Double(heads) / Double(max(1, keyValueHeadCount))
        }
        return Double(heads) * Double(format.blockBytes(keySize: keySize, valueSize: valueSize))
    }

    /// Bytes of one position of all KV heads.
    public func keyValuePositionBytes(_ format: KeyValueFormat) -> Double {
        keyValueBlockBytes(heads: keyValueHeadCount, format) / Double(ReplicaSchedule.keyValueBlockTokens)
    }
}
