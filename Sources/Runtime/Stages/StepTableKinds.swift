import CKernels
import Devices
import Models

/// Which tables a step must bring for a model: a rotary table for each kind of rotation, a tiling of its tokens for each number of query
/// heads per KV head.
struct StepTableKinds {
    let rotaries: [StepTables.Rotary]
    /// Most tokens of an attention tile, by tiling.
    let tileTokens: [Int]

    init(_ model: ModelSpec) {
        if case .rotary(let rotary) = model.positions {
            rotaries = [StepTables.Rotary(inverseFrequencies: rotary.inverseFrequencies, magnitude: rotary.magnitude)]
        } else {
            rotaries = []
        }
        tileTokens = Set(model.layers.map { Self.tileTokens($0.attention) }).sorted()
    }

    private static func tileTokens(_ attention: AttentionSpec) -> Int { Int(mk_attention_tile_tokens(Int64(max(1, attention.groupSize)))) }

    /// The rotary table of a layer; nil: it rotates nothing.
    func rotary(of layer: Int) -> Int? { rotaries.isEmpty ? nil : 0 }

    func tiling(of attention: AttentionSpec) -> Int {
        guard let tiling = tileTokens.firstIndex(of: Self.tileTokens(attention)) else { preconditionFailure("a layer of another model") }
        return tiling
    }
}
