/// The exact decimal digits of a floating-point number, and their rounding half to even: what `%.2f` and `round` need.
struct ExactDecimal {
    /// Digits 0...9, the most significant first, none of them a leading zero.
    private(set) var digits: [UInt8]
    /// How many digits stand before the decimal point; negative where zeros follow it.
    private(set) var point: Int

    /// Takes the magnitude of a finite number.
    init(_ value: Double) {
        let magnitude = value.magnitude
        guard magnitude != 0 else {
            digits = []
            point = 0
            return
        }
        // value = mantissa * 2^exponent; for a negative exponent that is mantissa * 5^-exponent / 10^-exponent.
        var mantissa = magnitude.significandBitPattern
        var exponent = -1074
        if magnitude.exponentBitPattern > 0 {
            mantissa |= 1 << 52
            exponent += Int(magnitude.exponentBitPattern) - 1
        }
        while exponent < 0, mantissa & 1 == 0 {
            mantissa >>= 1
            exponent += 1
        }
        var limbs = Limbs(mantissa)
        var remaining = abs(exponent)
        while remaining > 0 {
            let step = min(remaining, exponent < 0 ? 12 : 28)
            var factor: UInt64 = 1
            for _ in 0..<step { factor *= exponent < 0 ? 5 : 2 }
            limbs.multiply(by: factor)
            remaining -= step
        }
        digits = limbs.digits
        point = digits.count - (exponent < 0 ? -exponent : 0)
    }

    /// Little-endian, in base 10^9.
    private struct Limbs {
        var values: [UInt64]

        init(_ value: UInt64) {
            values = [value % 1_000_000_000, value / 1_000_000_000 % 1_000_000_000, value / 1_000_000_000_000_000_000]
        }

        mutating func multiply(by factor: UInt64) {
            var carry: UInt64 = 0
            for index in values.indices {
                let product = values[index] * factor + carry
                values[index] = product % 1_000_000_000
                carry = product / 1_000_000_000
            }
            if carry > 0 { values.append(carry) }
        }

        var digits: [UInt8] {
            var result: [UInt8] = []
            for value in values.reversed() {
                var rest = value
                var group = [UInt8](repeating: 0, count: 9)
                for index in group.indices.reversed() {
                    group[index] = UInt8(rest % 10)
                    rest /= 10
                }
                result += group
            }
            return Array(result.drop { $0 == 0 })
        }
    }

    /// Keeps `count` digits, which may be none or negative, rounding half to even.
    mutating func keep(_ count: Int) {
        guard count < digits.count else { return }
        guard count >= 0 else {
            digits = []
            return
        }
        let roundsUp: Bool
        if digits[count] == 5, digits[(count + 1)...].allSatisfy({ $0 == 0 }) {
            roundsUp = count > 0 && digits[count - 1] % 2 == 1
        } else {
            roundsUp = digits[count] >= 5
        }
        digits.removeSubrange(count...)
        guard roundsUp else { return }
        var index = count - 1
        while index >= 0, digits[index] == 9 {
            digits[index] = 0
            index -= 1
        }
        if index >= 0 {
            digits[index] += 1
        } else {
            digits.insert(1, at: 0)
            if count > 0 { digits.removeLast() }
            point += 1
        }
    }

    /// With `places` digits after the point: `%.{places}f`.
    func fixed(_ places: Int) -> String {
        var rounded = self
        rounded.keep(point + places)
        var whole: [UInt8] = []
        var fraction: [UInt8] = []
        for position in 0..<max(1, rounded.point) { whole.append(rounded.digit(position - (rounded.point > 0 ? 0 : 1 - rounded.point))) }
        for place in 0..<places { fraction.append(rounded.digit(rounded.point + place)) }
        return Self.string(whole) + (places > 0 ? "." + Self.string(fraction) : "")
    }

    /// With an exponent and `places` digits after the point: `%.{places}e`.
    func scientific(_ places: Int) -> String {
        var rounded = self
        rounded.keep(places + 1)
        let exponent = rounded.digits.isEmpty ? 0 : rounded.point - 1
        var fraction: [UInt8] = []
        for place in 0..<places { fraction.append(rounded.digit(1 + place)) }
        return Self.string([rounded.digit(0)]) + (places > 0 ? "." + Self.string(fraction) : "") + Self.exponent(exponent)
    }

    /// With `precision` digits in all, in the shorter of both forms: `%.{precision}g`.
    func general(_ precision: Int, keepsZeros: Bool = false) -> String {
        let precision = max(1, precision)
        var rounded = self
        rounded.keep(precision)
        let exponent = rounded.digits.isEmpty ? 0 : rounded.point - 1
        let isScientific = exponent < -4 || exponent >= precision
        var text = isScientific ? rounded.scientific(precision - 1) : rounded.fixed(max(0, precision - 1 - exponent))
        guard !keepsZeros else { return text }
        var suffix = ""
        if isScientific, let mark = text.firstIndex(of: "e") {
            suffix = String(text[mark...])
            text = String(text[..<mark])
        }
        if text.contains(".") {
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
        }
        return text + suffix
    }

    private func digit(_ index: Int) -> UInt8 { digits.indices.contains(index) ? digits[index] : 0 }
    private static func string(_ digits: [UInt8]) -> String { String(decoding: digits.map { $0 + 0x30 }, as: UTF8.self) }
    private static func exponent(_ value: Int) -> String {
        "e" + (value < 0 ? "-" : "+") + (abs(value) < 10 ? "0" : "") + String(abs(value))
    }
}
