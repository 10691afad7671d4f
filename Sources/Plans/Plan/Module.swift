/// A weight-bearing part of the model.
public enum Module: Sendable, Equatable, Hashable {
    /// Unit: vocabulary rows. The devices of its shards look the rows up; learned position tables lie with it.
    case embedding
    /// Unit: KV-head groups of the layer (a KV head with its query heads and its part of the output matrix).
    case attention(layer: Int)
    /// Router and shared experts of a mixture of experts: one unit, undivided, in the stage of the layer's feed-forward; absent for dense
    /// layers.
    case shared(layer: Int)
    /// Unit: FFN columns (rows of gate and up, columns of down), or experts where there are experts.
    case feedForward(layer: Int)
    /// Unit: vocabulary rows.
    case output

    /// nil for the model's ends.
    public var layer: Int? {
        switch self {
        case .attention(let layer), .shared(let layer), .feedForward(let layer): layer
        case .embedding, .output: nil
        }
    }
}

extension Module: CustomStringConvertible {
    public var description: String {
        switch self {
        case .embedding: "the embedding"
        case .attention(let layer): "attention of layer \(layer)"
        case .shared(let layer): "the shared part of layer \(layer)"
        case .feedForward(let layer): "feed-forward of layer \(layer)"
        case .output: "the output matrix"
        }
    }
}
