import Checkpoints

extension RotarySpec {
    /// Reads `ARCHITECTURE.rope.*` and, where the file has it, the tensor `rope_freqs.weight` of divisors per frequency.
    init(_ keys: GGUFHyperparameters, _ tensors: TensorFinder, headSize: Int, pairing: Pairing) throws(CheckpointError) {
        let dimensions = try keys.optionalSize("rope.dimension_count") ?? headSize
        guard dimensions % 2 == 0, dimensions <= headSize else {
            throw keys.error(.malformed, "rope.dimension_count", "\(dimensions) is not an even number up to the head size \(headSize)")
        }
        guard dimensions <= 1 << 16 else { throw keys.error(.malformed, "rope.dimension_count", "\(dimensions) is out of range") }
        let base = try keys.optionalPositive("rope.freq_base") ?? 10_000
        self.init(base: base, dimensions: dimensions, pairing: pairing, scaling: try Self.scaling(keys))
        guard tensors.has("rope_freqs.weight") else { return }
        let divisors = try tensors.values("rope_freqs.weight", count: dimensions / 2)
        for (index, divisor) in divisors.enumerated() {
            guard divisor > 0, divisor.isFinite else {
                throw CheckpointError(
                    .malformed, file: keys.metadata.file, subject: "tensor 'rope_freqs.weight'",
                    fault: "element \(index) is \(divisor), not a positive number")
            }
            inverseFrequencies[index] /= Double(divisor)
        }
    }

    private static func scaling(_ keys: GGUFHyperparameters) throws(CheckpointError) -> RotaryScaling {
        let type = try keys.string("rope.scaling.type") ?? "linear"
        switch type {
        case "none": return .none
        case "linear":
            if let factor = try keys.optionalPositive("rope.scaling.factor") { return .linear(factor: factor) }
            if let factor = try keys.optionalPositive("rope.scale_linear") { return .linear(factor: factor) }
            return .none
        default:
            throw keys.error(.unsupported, "rope.scaling.type", "\(CheckpointError.quote(type)) is not supported; 'linear' and 'none' are")
        }
    }
}
