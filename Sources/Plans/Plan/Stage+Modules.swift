/// Which of its layers a stage has both modules of. A boundary between two stages may lie between a layer's attention and its feed-forward:
/// that layer is then in `layers` of both, its attention (with its keys and values) in the placements of the first and its feed-forward,
/// with what its experts share, in those of the second. What crosses such a boundary are hidden states, as between layers.
extension Stage {
    /// false where the first layer's attention is in the stage before.
    public var startsWithAttention: Bool {
        guard let first = layers.first else { return true }
        return placements.contains { $0.module == .attention(layer: first) }
    }

    /// false where the last layer's feed-forward is in the stage after.
    public var endsWithFeedForward: Bool {
        guard let last = layers.last else { return true }
        return placements.reversed().contains { $0.module == .feedForward(layer: last) }
    }

    /// Layers whose attention is here, and whose keys and values therefore are.
    public var attentionLayers: Range<Int> { startsWithAttention ? layers : layers.lowerBound + 1..<layers.upperBound }

    /// Layers whose feed-forward is here.
    public var feedForwardLayers: Range<Int> { endsWithFeedForward ? layers : layers.lowerBound..<layers.upperBound - 1 }

    /// The stage's part of the model's modules, two per layer: attention of layer n is 2n, its feed-forward 2n + 1.
    public var modules: Range<Int> {
        let first = 2 * layers.lowerBound + (startsWithAttention ? 0 : 1), end = 2 * layers.upperBound - (endsWithFeedForward ? 0 : 1)
        return first..<max(first, end)
    }
}
