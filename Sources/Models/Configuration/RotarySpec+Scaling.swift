#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// How a model stretches its rotary frequencies beyond the context it was first trained with.
enum RotaryScaling: Equatable {
    case none
    /// All frequencies divided by one factor (arXiv 2306.15595).
    case linear(factor: Double)
    /// Llama 3.1: long wavelengths divided by the factor, short ones kept, those between blended.
    case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Double)

    func apply(_ frequencies: [Double]) -> [Double] {
        switch self {
        case .none: return frequencies
        case .linear(let factor): return frequencies.map { $0 / factor }
        case .llama3(let factor, let low, let high, let context):
            return frequencies.map { frequency in
                let turns = context * frequency / (2 * Double.pi)
                if turns < low { return frequency / factor }
                if turns > high { return frequency }
                let blend = (turns - low) / (high - low)
                return (1 - blend) * frequency / factor + blend * frequency
            }
        }
    }
}

extension RotarySpec {
    init(base: Double, dimensions: Int, pairing: Pairing, scaling: RotaryScaling) {
        let frequencies = (0..<dimensions / 2).map { pow(base, -2 * Double($0) / Double(dimensions)) }
        self.init(base: base, dimensions: dimensions, pairing: pairing, inverseFrequencies: scaling.apply(frequencies))
    }
}
