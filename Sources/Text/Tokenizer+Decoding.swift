extension Tokenizer {
    /// The text of a whole sequence of tokens. Bytes that form no UTF-8 become U+FFFD; ids outside of the vocabulary are left out.
    ///
    /// - Parameter skipSpecial: leave out control tokens.
    public func decode(_ tokens: [Int32], skipSpecial: Bool = false) -> String {
        var decoder = StreamingDecoder(self, skipSpecial: skipSpecial)
        return decoder.decodeAll(tokens)
    }

    /// The bytes a token stands for inside of a text: perhaps a part of a character only. Empty for ids outside of the vocabulary.
    public func bytes(of token: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        if token >= 0, Int(token) < table.count { decoding.append(Int(token), isFirst: false, to: &bytes) }
        return bytes
    }
}
