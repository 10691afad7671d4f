/// SentencePiece's compiled normalisation rules: a double-array trie from byte sequences to places in a block of replacements.
///
/// The layout is a 32-bit byte count, the trie's 32-bit units, and the replacements, each ended by a zero byte. Every access is checked.
public struct CharacterMap: Sendable {
    private let units: [UInt32]
    private let replacements: [UInt8]
    /// Whether text is mapped by whole user-perceived characters and shortest matches, as `tokenizer.json` means it, or by longest matches,
    /// as SentencePiece does.
    private let byCharacter: Bool

    /// - Parameter byCharacter: true for the map of a `tokenizer.json`, false for SentencePiece's own behaviour.
    public init(_ bytes: [UInt8], byCharacter: Bool) throws(TokenizerError) {
        guard bytes.count >= 4 else { throw TokenizerError("a precompiled character map of \(bytes.count) bytes; at least 4 are needed") }
        func unit(at offset: Int) -> UInt32 {
            UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16 | UInt32(bytes[offset + 3]) << 24
        }
        let size = Int(unit(at: 0))
        guard size % 4 == 0, size <= bytes.count - 4 else {
            throw TokenizerError("a precompiled character map whose trie of \(size) bytes does not fit its \(bytes.count) bytes")
        }
        units = stride(from: 4, to: 4 + size, by: 4).map { unit(at: $0) }
        replacements = Array(bytes[(4 + size)...])
        self.byCharacter = byCharacter
    }

    /// Decodes the text form of `tokenizer.json`.
    init(base64 text: String, byCharacter: Bool) throws(TokenizerError) {
        var bytes: [UInt8] = []
        var value: UInt32 = 0
        var bits = 0
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = byte - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = byte - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): digit = 62
            case UInt8(ascii: "/"): digit = 63
            default: throw TokenizerError("a precompiled character map that is not base64")
            }
            value = (value & 0xFFFF) << 6 | UInt32(digit)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(bits)))
            }
        }
        try self.init(bytes, byCharacter: byCharacter)
    }

    /// The place of the replacement of the shortest or longest prefix of `text` that has one, and that prefix's length.
    private func match(_ text: UnsafeBufferPointer<UInt8>, longest: Bool) -> (place: Int, length: Int)? {
        guard let root = units.first else { return nil }
        var best: (place: Int, length: Int)?
        var node = Self.offset(root)
        for (index, byte) in text.enumerated() {
            node ^= Int(byte)
            guard units.indices.contains(node), units[node] & 0x8000_00FF == UInt32(byte) else { break }
            let unit = units[node]
            node ^= Self.offset(unit)
            if unit >> 8 & 1 == 1 {
                guard units.indices.contains(node) else { break }
                best = (Int(units[node] & 0x7FFF_FFFF), index + 1)
                if !longest { break }
            }
        }
        return best
    }

    private static func offset(_ unit: UInt32) -> Int {
        Int((unit >> 10) << ((unit & 1 << 9) >> 6))
    }

    private func appendReplacement(_ place: Int, to output: inout [UInt8]) {
        var index = place
        while index < replacements.count, replacements[index] != 0 {
            output.append(replacements[index])
            index += 1
        }
    }

    func append(_ text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        guard let base = text.baseAddress else { return }
        var position = 0
        while position < text.count {
            if byCharacter {
                // ASCII before ASCII is a character by itself, but for the pair of carriage return and line feed.
                let end = characterRunEnd(text, position)
                if end == position + 1 {
                    appendMapped(UnsafeBufferPointer(rebasing: text[position..<end]), to: &output)
                } else {
                    for character in String(decoding: text[position..<end], as: UTF8.self) {
                        var bytes = String(character)
                        bytes.withUTF8 { appendCharacter($0, to: &output) }
                    }
                }
                position = end
            } else if let found = match(UnsafeBufferPointer(rebasing: text[position..<min(text.count, position + 256)]), longest: true) {
                appendReplacement(found.place, to: &output)
                position += found.length
            } else {
                let scalar = decodeScalar(base, position, text.count)
                appendScalar(scalar.value, to: &output)
                position += scalar.length
            }
        }
    }

    private func characterRunEnd(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        var position = start
        while position < text.count {
            let byte = text[position]
            position += 1
            if byte < 0x80, position == text.count || (text[position] < 0x80 && byte != 0x0D) { return position }
        }
        return position
    }

    private func appendCharacter(_ character: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        guard let base = character.baseAddress else { return }
        if character.count < 6, let found = match(character, longest: false) {
            appendReplacement(found.place, to: &output)
            return
        }
        var position = 0
        while position < character.count {
            let length = decodeScalar(base, position, character.count).length
            appendMapped(UnsafeBufferPointer(rebasing: character[position..<position + length]), to: &output)
            position += length
        }
    }

    private func appendMapped(_ part: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        if let found = match(part, longest: false) {
            appendReplacement(found.place, to: &output)
        } else {
            output.append(contentsOf: part)
        }
    }
}
