/// A string as Python sees it: a sequence of Unicode scalars, compared, indexed and counted by scalar.
///
/// Held as UTF-8, whose byte order is the order of scalars. Swift's `String` would not do: it counts grapheme clusters and calls
/// canonically equivalent strings equal.
struct PythonText: Hashable, Sendable {
    let bytes: [UInt8]
    /// Scalars in `bytes`.
    let count: Int

    static let empty = PythonText(ascii: [])

    /// Takes valid UTF-8.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var continuation = 0
        bytes.withUnsafeBufferPointer { for byte in $0 where byte & 0xC0 == 0x80 { continuation &+= 1 } }
        count = bytes.count - continuation
    }

    init(_ bytes: ArraySlice<UInt8>) { self.init(Array(bytes)) }

    /// Takes bytes below 128.
    init(ascii bytes: [UInt8]) {
        self.bytes = bytes
        count = bytes.count
    }

    init(_ string: String) { self.init(Array(string.utf8)) }

    init(_ scalars: some Sequence<Unicode.Scalar>) {
        var bytes: [UInt8] = []
        for scalar in scalars { bytes.append(scalar: scalar) }
        self.init(bytes)
    }

    var string: String { String(decoding: bytes, as: UTF8.self) }
    var isEmpty: Bool { bytes.isEmpty }
    var isASCII: Bool { count == bytes.count }

    static func == (left: PythonText, right: PythonText) -> Bool { left.bytes == right.bytes }
    func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }

    static func + (left: PythonText, right: PythonText) -> PythonText {
        PythonText(left.bytes + right.bytes)
    }
}

extension PythonText: Comparable {
    static func < (left: PythonText, right: PythonText) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

extension PythonText: ExpressibleByStringLiteral {
    init(stringLiteral value: String) { self.init(value) }
}

extension PythonText {
    /// The scalars in order.
    var scalars: [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(count)
        var index = 0
        while index < bytes.count {
            let (scalar, length) = bytes.scalar(at: index)
            result.append(scalar)
            index += length
        }
        return result
    }

    /// The byte where scalar number `position` starts; `position` is in 0...count.
    func byteOffset(ofScalar position: Int) -> Int {
        if isASCII { return position }
        var remaining = position
        var index = 0
        while remaining > 0, index < bytes.count {
            index += bytes.scalarLength(at: index)
            remaining -= 1
        }
        return index
    }

    /// How many scalars start before byte `offset`.
    func scalarPosition(ofByte offset: Int) -> Int {
        if isASCII { return offset }
        var position = 0
        for byte in bytes[..<offset] where byte & 0xC0 != 0x80 { position += 1 }
        return position
    }

    /// The scalars of a range within 0...count.
    func slice(_ range: Range<Int>) -> PythonText {
        if isASCII { return PythonText(ascii: Array(bytes[range])) }
        let start = byteOffset(ofScalar: range.lowerBound)
        var end = start
        for _ in range where end < bytes.count { end += bytes.scalarLength(at: end) }
        return PythonText(bytes[start..<end])
    }

    /// Each scalar as a text of its own.
    var characters: [PythonText] {
        var result: [PythonText] = []
        result.reserveCapacity(count)
        var index = 0
        while index < bytes.count {
            let length = bytes.scalarLength(at: index)
            result.append(PythonText(bytes[index..<index + length]))
            index += length
        }
        return result
    }
}

extension [UInt8] {
    mutating func append(scalar: Unicode.Scalar) {
        let value = scalar.value
        switch value {
        case 0..<0x80:
            append(UInt8(truncatingIfNeeded: value))
        case 0x80..<0x800:
            append(UInt8(truncatingIfNeeded: 0xC0 | value >> 6))
            append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
        case 0x800..<0x10000:
            append(UInt8(truncatingIfNeeded: 0xE0 | value >> 12))
            append(UInt8(truncatingIfNeeded: 0x80 | value >> 6 & 0x3F))
            append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
        default:
            append(UInt8(truncatingIfNeeded: 0xF0 | value >> 18))
            append(UInt8(truncatingIfNeeded: 0x80 | value >> 12 & 0x3F))
            append(UInt8(truncatingIfNeeded: 0x80 | value >> 6 & 0x3F))
            append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
        }
    }

    mutating func append(_ text: PythonText) { append(contentsOf: text.bytes) }
    mutating func append(ascii string: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: string.utf8Start, count: string.utf8CodeUnitCount))
    }

    /// The length in bytes of the scalar that starts at `index`, from its first byte, never past the end.
    func scalarLength(at index: Int) -> Int {
        let first = self[index]
        let length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        return Swift.min(length, count - index)
    }

    /// The scalar that starts at `index` and its length in bytes.
    func scalar(at index: Int) -> (Unicode.Scalar, Int) {
        let first = UInt32(self[index])
        let length = scalarLength(at: index)
        let value: UInt32
        switch length {
        case 2: value = (first & 0x1F) << 6 | UInt32(self[index + 1] & 0x3F)
        case 3: value = (first & 0x0F) << 12 | UInt32(self[index + 1] & 0x3F) << 6 | UInt32(self[index + 2] & 0x3F)
        case 4:
            value =
                (first & 0x07) << 18 | UInt32(self[index + 1] & 0x3F) << 12 | UInt32(self[index + 2] & 0x3F) << 6
                | UInt32(self[index + 3] & 0x3F)
        default: value = first
        }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
    }

    /// Where the scalar that ends before `index` starts.
    func scalarStart(before index: Int) -> Int {
        var start = index - 1
        while start > 0, self[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }
}
