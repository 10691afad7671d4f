/// Turns tokens into text as they arrive, never giving out half a UTF-8 character.
///
///     var decoder = StreamingDecoder(tokenizer, skipSpecial: true)
///     for token in tokens { print(decoder.append(token), terminator: "") }
///     print(decoder.finish())
///
/// The pieces given out, joined, are what `Tokenizer.decode` returns for all tokens at once.
public struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipSpecial: Bool
    /// Bytes not given out yet: the start of a character, or of content to be removed from the start.
    private var pending: [UInt8] = []
    private var isFirst: Bool
    private var removals: Int

    /// - Parameters:
    ///   - skipSpecial: leave out control tokens.
    ///   - continuing: the tokens go on after others, so that the space before their first word is kept. By default they start a text.
    public init(_ tokenizer: Tokenizer, skipSpecial: Bool = false, continuing: Bool = false) {
        self.tokenizer = tokenizer
        self.skipSpecial = skipSpecial
        isFirst = !continuing
        removals = continuing ? 0 : tokenizer.decoding.leadingCount
    }

    /// The text that is complete after one more token; empty while a character is incomplete.
    public mutating func append(_ token: Int32) -> String {
        take(token)
        removeLeading(isFinal: false)
        if removals > 0 { return "" }
        let complete = Self.completeCount(pending)
        if complete == 0 { return "" }
        let text = String(decoding: pending[..<complete], as: UTF8.self)
        pending.removeFirst(complete)
        return text
    }

    /// What is left: U+FFFD in place of a character that was never completed.
    public mutating func finish() -> String {
        removeLeading(isFinal: true)
        removals = 0
        let text = String(decoding: pending, as: UTF8.self)
        pending = []
        return text
    }

    mutating func decodeAll(_ tokens: [Int32]) -> String {
        pending.reserveCapacity(tokens.count * 4)
        for token in tokens { take(token) }
        return finish()
    }

    private mutating func take(_ token: Int32) {
        guard token >= 0, Int(token) < tokenizer.vocabularySize, !(skipSpecial && tokenizer.isSpecial(token)) else { return }
        if tokenizer.decoding.joinsWithSpaces && !isFirst { pending.append(0x20) }
        tokenizer.decoding.append(Int(token), isFirst: isFirst, to: &pending)
        isFirst = false
    }

    /// Removes content from the start of the text as soon as enough of it is known; sets `removals` to 0 when nothing more can be removed.
    private mutating func removeLeading(isFinal: Bool) {
        let content = tokenizer.decoding.leadingContent
        while removals > 0, !pending.isEmpty {
            if pending.count < content.count, !isFinal, content.starts(with: pending) { return }
            guard pending.starts(with: content) else {
                removals = 0
                return
            }
            pending.removeFirst(content.count)
            removals -= 1
        }
    }

    /// The bytes up to which no character is incomplete.
    private static func completeCount(_ bytes: [UInt8]) -> Int {
        var start = bytes.count
        var back = 0
        while start > 0, back < 4 {
            start -= 1
            back += 1
            let byte = bytes[start]
            if byte < 0x80 { return bytes.count }
            if byte >= 0xC0 {
                let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
                return back < length && byte < 0xF5 && byte >= 0xC2 && mayContinue(bytes[start...]) ? start : bytes.count
            }
        }
        return bytes.count
    }

    /// Whether a lead byte and the bytes after it can still become a character.
    private static func mayContinue(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let lead = bytes.first else { return false }
        guard let second = bytes.dropFirst().first else { return true }
        switch lead {
        case 0xE0: return second >= 0xA0
        case 0xED: return second < 0xA0
        case 0xF0: return second >= 0x90
        case 0xF4: return second < 0x90
        default: return true
        }
    }
}
