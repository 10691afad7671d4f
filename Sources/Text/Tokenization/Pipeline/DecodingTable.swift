/// The bytes of every token, and what the decoders do to a text as a whole.
struct DecodingTable: Sendable {
    private var bytes: [UInt8] = []
    private var offsets: [UInt32] = [0]
    private let decoders: [TokenDecoder]
    private let table: PieceTable
    private let literal: [Bool]
    /// Removed from the start of a text, up to this many times.
    private(set) var leadingContent: [UInt8] = []
    private(set) var leadingCount = 0
    /// Whether the first token's bytes differ from those it has elsewhere.
    private(set) var firstDiffers = false
    private(set) var joinsWithSpaces = false

    /// - Parameter literal: by id, whether a piece is text as it stands rather than byte-level characters.
    init(_ decoders: [TokenDecoder], table: PieceTable, literal: [Bool]) throws(TokenizerError) {
        self.decoders = decoders
        self.table = table
        self.literal = literal
        var fused = false
        for decoder in decoders {
            switch decoder {
            case .fuse: fused = true
            case .joinWithSpaces: joinsWithSpaces = true
            case .metaspace(_, let dropsFirst): firstDiffers = firstDiffers || dropsFirst
            case .strip(let content, let left, let right) where fused:
                guard right == 0 else { throw TokenizerError("a decoder that strips the end of the text is not supported") }
                leadingContent = Array(content.utf8)
                leadingCount = content.isEmpty ? 0 : left
            default: break
            }
        }
        var bytes: [UInt8] = []
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(table.count + 1)
        bytes.reserveCapacity(table.bytes.count)
        for id in 0..<table.count {
            append(id, isFirst: false, to: &bytes)
            offsets.append(UInt32(truncatingIfNeeded: bytes.count))
        }
        self.bytes = bytes
        self.offsets = offsets
    }

    /// Appends what a token stands for.
    func append(_ token: Int, isFirst: Bool, to output: inout [UInt8]) {
        if offsets.count == table.count + 1, !(isFirst && firstDiffers) {
            output.append(contentsOf: bytes[Int(offsets[token])..<Int(offsets[token + 1])])
            return
        }
        table.withPiece(token) { piece in
            if decoders.count == 1, case .byteLevel = decoders[0] {
                if literal[token] || !ByteLevelAlphabet.appendBytes(of: piece, to: &output) { output.append(contentsOf: piece) }
                return
            }
            var text = Array(piece)
            var fused = false
            for decoder in decoders {
                if apply(decoder, token, isFirst, &fused, &text) { break }
            }
            output.append(contentsOf: text)
        }
    }

    /// Applies one step; true if the text is final.
    private func apply(_ decoder: TokenDecoder, _ token: Int, _ isFirst: Bool, _ fused: inout Bool, _ text: inout [UInt8]) -> Bool {
        switch decoder {
        case .byteLevel:
            if literal[token] { return true }
            var decoded: [UInt8] = []
            if text.withUnsafeBufferPointer({ ByteLevelAlphabet.appendBytes(of: $0, to: &decoded) }) { text = decoded }
        case .byteFallback:
            if let byte = Self.fallbackByte(text) {
                text = [byte]
                return true
            }
        case .replace(let old, let new): text = Self.replace(Array(old.utf8), Array(new.utf8), text)
        case .metaspace(let replacement, let dropsFirst):
            text = Self.replace(Array(replacement.utf8), isFirst && dropsFirst ? [] : [0x20], text)
        case .strip(let content, let left, let right):
            if fused { break }
            let content = Array(content.utf8)
            if content.isEmpty { break }
            for _ in 0..<left where text.starts(with: content) { text.removeFirst(content.count) }
            for _ in 0..<right where text.reversed().starts(with: content.reversed()) { text.removeLast(content.count) }
        case .fuse: fused = true
        case .joinWithSpaces: break
        }
        return false
    }

    /// The byte of `<0x0A>`.
    static func fallbackByte(_ piece: [UInt8]) -> UInt8? {
        guard piece.count == 6, piece[0] == UInt8(ascii: "<"), piece[1] == UInt8(ascii: "0"), piece[2] == UInt8(ascii: "x"),
            piece[5] == UInt8(ascii: ">")
        else { return nil }
        return UInt8(String(decoding: piece[3...4], as: UTF8.self), radix: 16)
    }

    private static func replace(_ old: [UInt8], _ new: [UInt8], _ text: [UInt8]) -> [UInt8] {
        guard let first = old.first, text.contains(first) else { return text }
        var output: [UInt8] = []
        var position = 0
        while position < text.count {
            if text.count - position >= old.count, text[position..<position + old.count].elementsEqual(old) {
                output.append(contentsOf: new)
                position += old.count
            } else {
                output.append(text[position])
                position += 1
            }
        }
        return output
    }
}
