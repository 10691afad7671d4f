extension TokenizerDefinition {
    /// Reads the tokenizer of a GGUF header: models `gpt2` (byte-level BPE), `llama` (SentencePiece BPE) and `t5` (Unigram).
    ///
    /// - Throws: `TokenizerError` that names the key at fault or the splitting rule that is not known.
    public init(gguf fields: GGUFTokenizerFields) throws {
        guard !fields.tokens.isEmpty else { throw TokenizerError("tokenizer.ggml.tokens is missing or empty") }
        let count = fields.tokens.count
        for (values, key) in [(fields.scores.count, "scores"), (fields.tokenTypes.count, "token_type")] where values != 0 && values != count
        {
            throw TokenizerError("tokenizer.ggml.\(key) has \(values) entries for \(count) tokens")
        }
        let isSentencePiece: Bool
        switch fields.model {
        case "gpt2":
            self.init(model: .mergesByRank, pieces: fields.tokens)
            isSentencePiece = false
        case "llama":
            self.init(model: .mergesByScore, pieces: fields.tokens)
            isSentencePiece = true
        case "t5":
            self.init(model: .unigram, pieces: fields.tokens)
            isSentencePiece = true
        default:
            throw TokenizerError("tokenizer.ggml.model \"\(fields.model)\" is not supported; gpt2, llama and t5 are")
        }
        kinds =
            fields.tokenTypes.isEmpty
            ? Array(repeating: .normal, count: count)
            : fields.tokenTypes.map { PieceKind(rawValue: UInt8(truncatingIfNeeded: $0)) ?? .normal }
        try readIDs(fields)
        if isSentencePiece { try readSentencePiece(fields) } else { try readBytePairs(fields) }
        readAddedTokens(fields)
        findOtherEnds()
    }

    private mutating func readIDs(_ fields: GGUFTokenizerFields) throws(TokenizerError) {
        func id(_ value: Int?, _ key: String) throws(TokenizerError) -> Int32? {
            // The largest 32-bit number stands for "none".
            guard let value, value != -1, value != Int(UInt32.max) else { return nil }
            guard value >= 0, value < fields.tokens.count else {
                throw TokenizerError("tokenizer.ggml.\(key) is \(value), outside of the vocabulary of \(fields.tokens.count)")
            }
            return Int32(truncatingIfNeeded: value)
        }
        beginID = try id(fields.beginID, "bos_token_id")
        endID = try id(fields.endID, "eos_token_id")
        unknownID = try id(fields.unknownID, "unknown_token_id")
        padID = try id(fields.padID, "padding_token_id")
        if fields.model == "llama" {
            beginID = beginID ?? (fields.beginID == nil && fields.tokens.count > 2 ? 1 : nil)
            endID = endID ?? (fields.endID == nil && fields.tokens.count > 2 ? 2 : nil)
        }
        if unknownID == nil, let found = kinds.firstIndex(of: .unknown) { unknownID = Int32(truncatingIfNeeded: found) }
        for other in [try id(fields.endOfTurnID, "eot_token_id"), try id(fields.endOfMessageID, "eom_token_id")] {
            if let other { otherEndIDs.append(other) }
        }
    }

    private mutating func readSentencePiece(_ fields: GGUFTokenizerFields) throws(TokenizerError) {
        guard !fields.scores.isEmpty else {
            throw TokenizerError("tokenizer.ggml.scores is missing, which the model \"\(fields.model)\" needs")
        }
        scores = fields.scores.map { $0.isNaN ? -.infinity : Double($0) }
        byteFallback = kinds.contains(.byte)
        let addsPrefix = fields.addsSpacePrefix ?? true
        if !fields.characterMap.isEmpty, model == .unigram {
            normalisers.append(.characterMap(try CharacterMap(fields.characterMap, byCharacter: false)))
        }
        if fields.removesExtraSpaces == true, model == .unigram { normalisers.append(.collapseSpaces) }
        if addsPrefix { normalisers.append(.prepend(" ")) }
        normalisers.append(.replace(" ", with: "▁"))
        decoders = [.replace("▁", with: " "), .byteFallback, .fuse]
        if addsPrefix { decoders.append(.strip(content: " ", left: 1, right: 0)) }
        let isUnigram = model == .unigram
        if fields.addsBegin ?? !isUnigram, let beginID { prefix = [beginID] }
        if fields.addsEnd ?? isUnigram, let endID { suffix = [endID] }
    }

    private mutating func readBytePairs(_ fields: GGUFTokenizerFields) throws(TokenizerError) {
        let rule = try SplittingRule(named: fields.preTokenizer ?? "default")
        preTokenizers = rule.preTokenizers + [.byteLevel(addsPrefixSpace: fields.addsSpacePrefix ?? false, splits: false)]
        ignoresMerges = rule.ignoresMerges
        normalisers = rule.normalisers
        decoders = [.byteLevel]
        guard !fields.merges.isEmpty else {
            throw TokenizerError("tokenizer.ggml.merges is missing or empty, which the model \"gpt2\" needs")
        }
        let table = try PieceTable(fields.tokens)
        merges.reserveCapacity(fields.merges.count)
        for (index, text) in fields.merges.enumerated() { merges.append(try Self.merge(text, index, table)) }
        if fields.addsBegin ?? rule.addsBegin, let beginID { prefix = [beginID] }
        if fields.addsEnd ?? false, let endID { suffix = [endID] }
    }

    private mutating func readAddedTokens(_ fields: GGUFTokenizerFields) {
        // Phi-3's control tokens take the white space after them along; the header cannot say so.
        let name = (fields.name ?? "").lowercased()
        let isPhi3 = fields.model == "llama" && (fields.architecture == "phi3" || name.contains("phi-3") || name.contains("phi3"))
        for (id, kind) in kinds.enumerated() where kind == .control || kind == .userDefined || kind == .unknown {
            let content = fields.tokens[id]
            if content.isEmpty { continue }
            var token = AddedToken(id: Int32(truncatingIfNeeded: id), content: content, isSpecial: kind != .userDefined)
            // A converter may have called them anything: what starts or ends a text steers the model.
            if [beginID, endID].contains(token.id) || ["<s>", "</s>"].contains(content) { token.isSpecial = true }
            if isPhi3 {
                token.stripsRight = !["<unk>", "<s>", "<|endoftext|>"].contains(content) && (kind == .control || content == "</s>")
            }
            addedTokens.append(token)
        }
    }
}
