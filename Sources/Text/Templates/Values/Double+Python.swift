#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension Double {
    static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

    /// `repr`: the fewest digits that give the same number back, with an exponent below 1e-4 and from 1e16.
    var pythonDescription: String {
        if isNaN { return "nan" }
        if isInfinite { return self < 0 ? "-inf" : "inf" }
        if self == 0 { return sign == .minus ? "-0.0" : "0.0" }
        let (digits, point) = shortestDigits
        let prefix = self < 0 ? "-" : ""
        let exponent = point - 1
        if exponent < -4 || exponent >= 16 {
            let head = String(decoding: digits.prefix(1), as: UTF8.self)
            let tail = String(decoding: digits.dropFirst(), as: UTF8.self)
            let magnitude = abs(exponent)
            return prefix + head + (tail.isEmpty ? "" : "." + tail) + "e" + (exponent < 0 ? "-" : "+") + (magnitude < 10 ? "0" : "")
                + String(magnitude)
        }
        if point <= 0 { return prefix + "0." + String(repeating: "0", count: -point) + String(decoding: digits, as: UTF8.self) }
        if digits.count <= point {
            return prefix + String(decoding: digits, as: UTF8.self) + String(repeating: "0", count: point - digits.count) + ".0"
        }
        return prefix + String(decoding: digits[..<point], as: UTF8.self) + "." + String(decoding: digits[point...], as: UTF8.self)
    }

    /// The shortest decimal digits of the magnitude, without zeros at either end, and how many of them stand before the point.
    private var shortestDigits: (digits: [UInt8], point: Int) {
        var digits: [UInt8] = []
        var point = 0
        var sawPoint = false
        var exponent = 0
        var bytes = Array(magnitude.description.utf8)[...]
        if let mark = bytes.firstIndex(of: UInt8(ascii: "e")) {
            exponent = Int(String(decoding: bytes[(mark + 1)...], as: UTF8.self)) ?? 0
            bytes = bytes[..<mark]
        }
        for byte in bytes {
            if byte == UInt8(ascii: ".") {
                sawPoint = true
                continue
            }
            digits.append(byte)
            if !sawPoint { point += 1 }
        }
        point += exponent
        while digits.first == UInt8(ascii: "0") {
            digits.removeFirst()
            point -= 1
        }
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        return (digits, point)
    }
}
