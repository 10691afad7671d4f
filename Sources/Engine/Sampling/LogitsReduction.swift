/// Reductions over a vocabulary of logits, eight lanes at a time. NaN counts as minus infinity throughout.
enum LogitsReduction {
    private typealias Lanes = SIMD8<Float>

    /// The largest logit; minus infinity if there is none.
    static func maximum(_ logits: UnsafeBufferPointer<Float>) -> Float {
        guard let base = logits.baseAddress else { return -.infinity }
        let raw = UnsafeRawPointer(base)
        let count = logits.count
        var best0 = Lanes(repeating: -.infinity)
        var best1 = best0
        var index = 0
        while index + 16 <= count {
            let a = raw.loadUnaligned(fromByteOffset: index * 4, as: Lanes.self)
            let b = raw.loadUnaligned(fromByteOffset: index * 4 + 32, as: Lanes.self)
            best0.replace(with: a, where: a .> best0)
            best1.replace(with: b, where: b .> best1)
            index += 16
        }
        best0.replace(with: best1, where: best1 .> best0)
        var best = best0.max()
        while index < count {
            if base[index] > best { best = base[index] }
            index += 1
        }
        return best
    }

    /// Whether any of sixteen logits from `pointer` on is at least `threshold` (or above it).
    @inline(__always)
    static func anyOfSixteen(_ pointer: UnsafePointer<Float>, atLeast threshold: Float, strictly: Bool) -> Bool {
        let raw = UnsafeRawPointer(pointer)
        let limit = Lanes(repeating: threshold)
        let a = raw.loadUnaligned(as: Lanes.self)
        let b = raw.loadUnaligned(fromByteOffset: 32, as: Lanes.self)
        let mask = strictly ? (a .> limit) .| (b .> limit) : (a .>= limit) .| (b .>= limit)
        let words = unsafeBitCast(mask, to: SIMD4<UInt64>.self)
        return words[0] | words[1] | words[2] | words[3] != 0
    }

    /// Position of the first logit equal to `value`, the largest one.
    static func firstIndex(of value: Float, in logits: UnsafeBufferPointer<Float>) -> Int? {
        guard let base = logits.baseAddress else { return nil }
        var index = 0
        while index + 16 <= logits.count, !anyOfSixteen(base + index, atLeast: value, strictly: false) { index += 16 }
        while index < logits.count {
            if base[index] == value { return index }
            index += 1
        }
        return nil
    }

    /// Logits per partial sum of `exponentialSums`.
    static let sumLength = 1024

    /// Sum over `exp((logit - maximum) * scale)`; each run of `sumLength` logits also goes to `partial` where given (`count / sumLength`,
    /// rounded up, values).
    static func exponentialSum(
        _ logits: UnsafeBufferPointer<Float>, maximum: Float, scale: Float, partial: UnsafeMutablePointer<Double>? = nil
    ) -> Double {
        var total = 0.0
        var start = 0
        var run = 0
        while start < logits.count {
            let end = min(start + sumLength, logits.count)
            let sum = runSum(UnsafeBufferPointer(rebasing: logits[start..<end]), maximum: maximum, scale: scale)
            partial?[run] = sum
            total += sum
            start = end
            run += 1
        }
        return total
    }

    private static func runSum(_ logits: UnsafeBufferPointer<Float>, maximum: Float, scale: Float) -> Double {
        guard let base = logits.baseAddress else { return 0 }
        let raw = UnsafeRawPointer(base)
        var lanes = Lanes()
        var index = 0
        while index + 8 <= logits.count {
            lanes += exponential((raw.loadUnaligned(fromByteOffset: index * 4, as: Lanes.self) - maximum) * scale)
            index += 8
        }
        var sum = Double(lanes.sum())
        while index < logits.count {
            sum += Double(exponential((base[index] - maximum) * scale))
            index += 1
        }
        return sum
    }

    /// e^x as the lanes of `exponentialSum` compute it, to the bit: every operation rounds the same way.
    @inline(__always)
    static func exponential(_ x: Float) -> Float {
        guard x >= -87 else { return 0 }
        let shifter: Float = 12_582_912
        let shifted = x * 1.442_695_04 + shifter
        let n = shifted - shifter
        let r = (x - n * 0.693_359_375) + n * 2.121_944_4e-4
        var p: Float = 1.987_569_1e-4
        p = p * r + 1.398_199_95e-3
        p = p * r + 8.333_452e-3
        p = p * r + 4.166_579_6e-2
        p = p * r + 1.666_666_55e-1
        p = p * r + 5.000_000_1e-1
        p = p * r * r + r + 1
        return p * Float(bitPattern: (shifted.bitPattern &- shifter.bitPattern &+ 127) << 23)
    }

    /// e^x for x <= 0, to about 1 unit in the last place; 0 below -87 and for NaN. Splits x into n ln 2 + r and takes a polynomial of r.
    @inline(__always)
    private static func exponential(_ x: SIMD8<Float>) -> SIMD8<Float> {
        // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
        let shifter = Lanes(repeating: 12_582_912)
        let isTiny = .!(x .>= Lanes(repeating: -87))
        let clamped = x.replacing(with: -87, where: isTiny)
        let shifted = clamped * 1.442_695_04 + shifter
        let n = shifted - shifter
        let r = (clamped - n * 0.693_359_375) + n * 2.121_944_4e-4
        var p = Lanes(repeating: 1.987_569_1e-4)
        p = p * r + 1.398_199_95e-3
        p = p * r + 8.333_452e-3
        p = p * r + 4.166_579_6e-2
        p = p * r + 1.666_666_55e-1
        p = p * r + 5.000_000_1e-1
        p = p * r * r + r + 1
        let exponent = unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- unsafeBitCast(shifter, to: SIMD8<Int32>.self)
        let power = unsafeBitCast((exponent &+ 127) &<< 23, to: Lanes.self)
        return (p * power).replacing(with: 0, where: isTiny)
    }
}
