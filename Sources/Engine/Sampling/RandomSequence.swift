/// The numbers that a request's tokens are drawn with: a pure function of seed and place, so that a request goes on anywhere with the
/// numbers it would have got here.
enum RandomSequence {
    /// Number `index` (from 0) of the seed's sequence, in 0..<1 (SplitMix64: Steele, Lea, Flood 2014).
    static func uniform(seed: UInt64, index: Int) -> Double {
        var mixed = seed &+ (UInt64(truncatingIfNeeded: index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return Double(mixed >> 11) * 0x1p-53
    }

    /// A seed that was never used, below 2^53: a reader of JSON that knows only floating-point numbers reads it back as it is.
    static func newSeed() -> UInt64 { UInt64.random(in: 0..<(1 << 53)) }
}
