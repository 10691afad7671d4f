/// GPT-2's alphabet of 256 printable characters, one per byte: bytes that print stand for themselves, the others are moved to U+0100 and
/// on.
enum ByteLevelAlphabet {
    /// The scalar of each byte.
    static let scalars: [UInt32] = {
        var result = [UInt32](repeating: 0, count: 256)
        var next: UInt32 = 256
        for byte in 0..<256 {
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: result[byte] = UInt32(byte)
            default:
                result[byte] = next
                next += 1
            }
        }
        return result
    }()

    /// The byte of each scalar below 0x144, or -1.
    static let bytes: [Int16] = {
        var result = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { result[Int(scalar)] = Int16(byte) }
        return result
    }()

    /// Appends the bytes a piece stands for; false, appending nothing, if a character is not of the alphabet.
    static func appendBytes(of piece: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) -> Bool {
        guard let base = piece.baseAddress else { return true }
        let start = bytes.count
        var position = 0
        return Self.bytes.withUnsafeBufferPointer { table in
            while position < piece.count {
                let scalar = decodeScalar(base, position, piece.count)
                guard scalar.value < 0x144, table[Int(scalar.value)] >= 0 else {
                    bytes.removeLast(bytes.count - start)
                    return false
                }
                bytes.append(UInt8(truncatingIfNeeded: table[Int(scalar.value)]))
                position += scalar.length
            }
            return true
        }
    }

    /// Appends the text that stands for `bytes`.
    static func appendText(for bytes: UnsafeBufferPointer<UInt8>, to text: inout [UInt8]) {
        scalars.withUnsafeBufferPointer { scalars in
            for byte in bytes { appendScalar(scalars[Int(byte)], to: &text) }
        }
    }
}
