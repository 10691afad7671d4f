public import Checkpoints

extension FeedForwardShape {
    /// Whether router and shared experts are a module of their own.
    public var hasSharedModule: Bool { expertsPerToken != nil }

    /// Elements of that module.
    public var sharedModuleElements: Int { hasSharedModule ? sharedElements : 0 }

    /// Elements of the divided part: of all units, and of a dense feed-forward its bias.
    public var dividedElements: Int { units * elementsPerUnit + (hasSharedModule ? 0 : sharedElements) }

    /// Units of a grain: columns, or single experts.
    public func grain(formats: [TensorFormat]) -> Int { hasSharedModule ? 1 : CutGrain.feedForward(size: units, formats: formats) }
}

extension AttentionShape {
    /// Columns of the output matrix that belong to one KV head.
    public var groupColumns: Int { headCount / max(1, keyValueHeadCount) * valueSize }

    /// KV heads of a grain.
    public func grain(formats: [TensorFormat]) -> Int {
        CutGrain.attention(keyValueHeads: keyValueHeadCount, groupColumns: groupColumns, formats: formats)
    }
}
