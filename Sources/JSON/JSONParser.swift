/// A recursive-descent parser over bytes in memory. Recursion is bounded by `maximumDepth`; every step is linear in the input.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let maximumDepth: Int
    private var position = 0
    private var depth = 0
    /// Reused for strings with escapes.
    private var scratch: [UInt8] = []

    init(_ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    mutating func document() throws(JSONError) -> JSON {
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
        skipSpace()
        let value = try value()
        skipSpace()
        if position < bytes.count { throw error("a value ends here, but more follows") }
        return value
    }

    private func error(_ message: String, at offset: Int? = nil) -> JSONError {
        JSONError(message: message, offset: offset ?? position)
    }

    /// The byte at the position, or 0 at the end: no syntax has a meaning for 0.
    private var current: UInt8 {
        @inline(__always) get { position < bytes.count ? bytes[position] : 0 }
    }

    @inline(__always)
    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func value() throws(JSONError) -> JSON {
        switch current {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "N"): return try literal("NaN", .number(.nan))
        case UInt8(ascii: "I"): return try literal("Infinity", .number(.infinity))
        default: throw error(position >= bytes.count ? "the input ends where a value is expected" : "a value is expected")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let count = word.utf8CodeUnitCount
        guard bytes.count - position >= count else { throw error("the input ends inside \(word)") }
        for index in 0..<count where bytes[position + index] != word.utf8Start[index] {
            throw error("an unknown word; \(word) is expected")
        }
        position += count
        return value
    }

    private mutating func descend() throws(JSONError) {
        depth += 1
        if depth > maximumDepth { throw error("arrays and objects nest deeper than \(maximumDepth)") }
        position += 1
        skipSpace()
    }

    private mutating func array() throws(JSONError) -> JSON {
        try descend()
        defer { depth -= 1 }
        var elements: [JSON] = []
        if current == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value())
            skipSpace()
            switch current {
            case UInt8(ascii: ","):
                position += 1
                skipSpace()
            case UInt8(ascii: "]"):
                position += 1
                return .array(elements)
            default:
                throw error("',' or ']' is expected in an array")
            }
        }
    }

    private mutating func object() throws(JSONError) -> JSON {
        try descend()
        defer { depth -= 1 }
        var members: [JSONObject.Element] = []
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(JSONObject())
        }
        while true {
            guard current == UInt8(ascii: "\"") else { throw error("a key in double quotes is expected") }
            let key = try string()
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw error("':' is expected after a key") }
            position += 1
            skipSpace()
            members.append((key: key, value: try value()))
            skipSpace()
            switch current {
            case UInt8(ascii: ","):
                position += 1
                skipSpace()
            case UInt8(ascii: "}"):
                position += 1
                return .object(JSONObject(members))
            default:
                throw error("',' or '}' is expected in an object")
            }
        }
    }
}

// MARK: Strings

extension JSONParser {
    /// At the opening quote; ends after the closing one.
    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let text = try text(UnsafeBufferPointer(rebasing: bytes[start..<position]), from: start)
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            if byte < 0x20 { throw error("a control character inside a string must be escaped") }
            position += 1
        }
        throw error("a string does not end", at: start - 1)
    }

    private func text(_ utf8: UnsafeBufferPointer<UInt8>, from start: Int) throws(JSONError) -> String {
        guard let text = String(validating: utf8, as: UTF8.self) else { throw error("a string is not valid UTF-8", at: start) }
        return text
    }

    /// At the first backslash of a string that began at `start`.
    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<position]))
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                let text = scratch.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
                guard let text else { throw error("a string is not valid UTF-8", at: start) }
                return text
            }
            if byte == UInt8(ascii: "\\") {
                try escape()
            } else if byte < 0x20 {
                throw error("a control character inside a string must be escaped")
            } else {
                scratch.append(byte)
                position += 1
            }
        }
        throw error("a string does not end", at: start - 1)
    }

    private mutating func escape() throws(JSONError) {
        position += 1
        switch current {
        case UInt8(ascii: "\""): scratch.append(UInt8(ascii: "\""))
        case UInt8(ascii: "\\"): scratch.append(UInt8(ascii: "\\"))
        case UInt8(ascii: "/"): scratch.append(UInt8(ascii: "/"))
        case UInt8(ascii: "b"): scratch.append(0x08)
        case UInt8(ascii: "f"): scratch.append(0x0C)
        case UInt8(ascii: "n"): scratch.append(0x0A)
        case UInt8(ascii: "r"): scratch.append(0x0D)
        case UInt8(ascii: "t"): scratch.append(0x09)
        case UInt8(ascii: "u"):
            position += 1
            appendScalar(try surrogatePair())
            return
        default: throw error("an unknown escape in a string")
        }
        position += 1
    }

    /// After `\u`: the scalar of four hexadecimal digits, or of two such escapes that form a surrogate pair.
    private mutating func surrogatePair() throws(JSONError) -> Unicode.Scalar {
        let replacement: Unicode.Scalar = "\u{FFFD}"
        let first = try hexadecimal()
        guard (0xD800..<0xE000).contains(first) else { return Unicode.Scalar(first) ?? replacement }
        guard first < 0xDC00, bytes.count - position >= 6, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
        else {
            return replacement
        }
        let escape = position
        position += 2
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second) else {
            position = escape
            return replacement
        }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? replacement
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw error("four hexadecimal digits are expected after \\u") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch bytes[position] {
            case let byte where byte >= 0x30 && byte <= 0x39: digit = byte - 0x30
            case let byte where byte >= 0x41 && byte <= 0x46: digit = byte - 0x41 + 10
            case let byte where byte >= 0x61 && byte <= 0x66: digit = byte - 0x61 + 10
            default: throw error("four hexadecimal digits are expected after \\u")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    @inline(__always)
    private mutating func appendScalar(_ scalar: Unicode.Scalar) {
        if scalar.value < 0x80 {
            scratch.append(UInt8(truncatingIfNeeded: scalar.value))
        } else {
            scratch.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
        }
    }
}

// MARK: Numbers

extension JSONParser {
    private static let exactPowersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    /// The digits at the position, appended to a decimal significand that stops growing (and says so) once it overflows.
    private mutating func digits(_ significand: inout UInt64, _ overflowed: inout Bool) -> Int {
        let start = position
        while position < bytes.count, case let digit = bytes[position] &- 0x30, digit <= 9 {
            let (product, high) = significand.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            if high || carry { overflowed = true } else { significand = sum }
            position += 1
        }
        return position - start
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        let negative = current == UInt8(ascii: "-")
        if negative {
            position += 1
            if current == UInt8(ascii: "I") { return try literal("Infinity", .number(-.infinity)) }
        }
        let leadingZero = current == UInt8(ascii: "0")
        var significand: UInt64 = 0
        var overflowed = false
        let wholeDigits = digits(&significand, &overflowed)
        if wholeDigits == 0 { throw error("a digit is expected") }
        if leadingZero && wholeDigits > 1 { throw error("a number starts with a needless 0", at: start) }
        var whole = true
        var exponent = 0
        if current == UInt8(ascii: ".") {
            whole = false
            position += 1
            exponent = -digits(&significand, &overflowed)
            if exponent == 0 { throw error("a digit is expected after '.'") }
        }
        if current | 0x20 == UInt8(ascii: "e") {
            whole = false
            position += 1
            let negativeExponent = current == UInt8(ascii: "-")
            if negativeExponent || current == UInt8(ascii: "+") { position += 1 }
            var written: UInt64 = 0
            var huge = false
            if digits(&written, &huge) == 0 { throw error("a digit is expected in an exponent") }
            let bounded = Int(Swift.min(written, 1_000_000))
            exponent += negativeExponent ? -bounded : bounded
            overflowed = overflowed || huge
        }
        if whole && !overflowed {
            if !negative, let value = Int(exactly: significand) { return .integer(value) }
            if negative, significand <= UInt64(Int.max) + 1 { return .integer(Int(truncatingIfNeeded: 0 &- significand)) }
        }
        // A significand of 53 bits times or divided by an exact power of ten is rounded once: the nearest value.
        if !overflowed, significand <= 1 << 53, exponent >= -22, exponent <= 22 {
            let power = Self.exactPowersOfTen[abs(exponent)]
            let value = exponent < 0 ? Double(significand) / power : Double(significand) * power
            return .number(negative ? -value : value)
        }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
        guard let value = Double(text) else { throw error("a number that cannot be represented", at: start) }
        return .number(value)
    }
}
