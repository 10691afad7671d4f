/// Numbers that follow from a seed (SplitMix64).
struct SeededRandom {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int(next() >> 33) % bound }

    /// Nearly normal with deviation 1: four uniform numbers added.
    mutating func normal() -> Float {
        let bits = next()
        let sum = Int(bits & 0xFFFF) + Int(bits >> 16 & 0xFFFF) + Int(bits >> 32 & 0xFFFF) + Int(bits >> 48)
        return Float(sum - 131_070) * (1.732_050_8 / 65_535)
    }

    mutating func shuffled(_ count: Int) -> [Int32] {
        var values = (0..<Int32(count)).map { $0 }
        for index in stride(from: count - 1, to: 0, by: -1) { values.swapAt(index, below(index + 1)) }
        return values
    }
}

/// Shapes of activations that kernels meet, or must survive.
enum InputPattern: Int, CaseIterable, Sendable {
    case normal
    /// A few elements a thousand times the others, as in real models.
    case outliers
    case huge
    case tiny
    /// Below the smallest normal number.
    case vanishing
    /// Every second vector is zero.
    case zeros
    /// Every element is the largest or its negative, in two vectors of three at random, in the others always the same: no sum may saturate.
    case extreme

    func values(rows: Int, columns: Int, random: inout SeededRandom) -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(rows * columns)
        for row in 0..<rows {
            for _ in 0..<columns {
                let x = random.normal()
                switch self {
                case .normal: values.append(x)
                case .outliers: values.append(random.below(37) == 0 ? x * 1000 : x)
                case .huge: values.append(x * 1e15)
                case .tiny: values.append(x * 1e-15)
                case .vanishing: values.append(x * 1e-20 * 1e-20)
                case .zeros: values.append(row % 2 == 1 ? 0 : x)
                case .extreme: values.append(row % 3 == 0 ? (row % 2 == 0 ? 3 : -3) : x < 0 ? -3 : 3)
                }
            }
        }
        return values
    }
}
