/// Finds added tokens in a text: the leftmost, and of those the longest.
struct AddedTokenMatcher: Sendable {
    private let trie: ByteTrie
    private var tokens: [TokenizerDefinition.AddedToken] = []
    /// Whether a token starts with the byte.
    private var starts = [Bool](repeating: false, count: 256)
    private let space = UnicodeProperties.spaceTable
    private let word = UnicodeProperties.wordTable

    var isEmpty: Bool { tokens.isEmpty }

    /// - Parameter contents: what to search for, per token; empty ones are left out.
    init(_ tokens: [TokenizerDefinition.AddedToken], contents: [[UInt8]]) throws(TokenizerError) {
        var trie = ByteTrie()
        for (token, content) in zip(tokens, contents) {
            guard let first = content.first else { continue }
            starts[Int(first)] = true
            try trie.insert(content, value: Int32(truncatingIfNeeded: self.tokens.count))
            self.tokens.append(token)
        }
        self.trie = trie
    }

    /// Calls `text` and `token` for the parts of `lower..<upper`, from left to right.
    func split(
        _ bytes: UnsafePointer<UInt8>, _ lower: Int, _ upper: Int, parseSpecial: Bool, text: (_ start: Int, _ end: Int) -> Void,
        token: (_ id: Int32) -> Void
    ) {
        var done = lower
        var position = lower
        while position < upper {
            guard starts[Int(bytes[position])], let (index, matchEnd) = longestMatch(bytes, position, upper) else {
                position += 1
                continue
            }
            let candidate = tokens[index]
            var start = position
            var end = matchEnd
            position = matchEnd
            if candidate.isSpecial && !parseSpecial { continue }
            if candidate.isSingleWord && touchesWord(bytes, start, end, lower, upper) { continue }
            if candidate.stripsLeft {
                while start > done {
                    let previous = scalarStart(bytes, before: start, from: done)
                    if !space.contains(decodeScalar(bytes, previous, start).value) { break }
                    start = previous
                }
            }
            if candidate.stripsRight {
                while end < upper, case let scalar = decodeScalar(bytes, end, upper), space.contains(scalar.value) { end += scalar.length }
            }
            if start > done { text(done, start) }
            token(candidate.id)
            done = end
            position = max(position, end)
        }
        if done < upper { text(done, upper) }
    }

    private func longestMatch(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ upper: Int) -> (index: Int, end: Int)? {
        var best: (Int, Int)?
        var node: Int32 = 0
        var position = start
        while position < upper {
            node = trie.step(node, bytes[position])
            if node < 0 { break }
            position += 1
            let value = trie.values[Int(node)]
            if value >= 0 { best = (Int(value), position) }
        }
        return best
    }

    private func touchesWord(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ lower: Int, _ upper: Int) -> Bool {
        if start > lower {
            let previous = scalarStart(bytes, before: start, from: lower)
            if word.contains(decodeScalar(bytes, previous, start).value) { return true }
        }
        return end < upper && word.contains(decodeScalar(bytes, end, upper).value)
    }
}
