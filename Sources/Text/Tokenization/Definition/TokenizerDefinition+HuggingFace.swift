public import JSON

extension TokenizerDefinition {
    /// Ids above this are taken for damage: no vocabulary is that large.
    private static let maximumIDs = 1 << 23

    /// Reads a `tokenizer.json` (models BPE and Unigram) and, where there is one, its `tokenizer_config.json`.
    ///
    /// - Throws: `TokenizerError` that names the part that is missing, contradictory or not supported.
    public init(tokenizerJSON json: JSON, configuration: JSON?) throws {
        guard let model = json["model"] else {
            throw TokenizerError("tokenizer.json has no \"model\"; is it the file that the tokenizers library writes?")
        }
        // Files from before the type was written down are told apart by their parts.
        let type = model["type"]?.string ?? (model["merges"] != nil ? "BPE" : "Unigram")
        switch type {
        case "BPE": try self.init(bytePairModel: model)
        case "Unigram": try self.init(unigramModel: model)
        default: throw TokenizerError("the model type \"\(type)\" is not supported; BPE and Unigram are")
        }
        try readAddedTokens(json["added_tokens"])
        normalisers = try Self.normalisers(json["normalizer"])
        preTokenizers = try Self.preTokenizers(json["pre_tokenizer"])
        decoders = try Self.decoders(json["decoder"])
        try readPostProcessor(json["post_processor"])
        if kinds.count < pieces.count { kinds += repeatElement(.normal, count: pieces.count - kinds.count) }
        if let id = unknownID, kinds[Int(id)] == .normal { kinds[Int(id)] = .unknown }
        try readConfiguration(configuration)
        findOtherEnds()
    }

    /// Reads the older pair of files of byte-level BPE: `vocab.json` and the lines of `merges.txt`.
    public init(vocabulary: JSON, merges text: String, configuration: JSON?) throws {
        let lines = text.utf8.split(separator: 0x0A).map { String(decoding: $0.last == 0x0D ? $0.dropLast() : $0, as: UTF8.self) }
        let merges = lines.filter { !$0.hasPrefix("#version") }.map { JSON.string($0) }
        try self.init(bytePairModel: .object(JSONObject([("vocab", vocabulary), ("merges", .array(merges))])))
        let addsPrefixSpace = configuration?["add_prefix_space"]?.bool ?? false
        preTokenizers = [.byteLevel(addsPrefixSpace: addsPrefixSpace, splits: true)]
        decoders = [.byteLevel]
        kinds = Array(repeating: .normal, count: pieces.count)
        if configuration?["bos_token"] == nil, configuration?["eos_token"] == nil, let end = try PieceTable(pieces).id(of: "<|endoftext|>")
        {
            addedTokens = [AddedToken(id: end, content: "<|endoftext|>", isSpecial: true)]
            (beginID, endID) = (end, end)
        }
        try readConfiguration(configuration)
        // GPT-2's own tokenizer adds nothing; OPT's, recognised by its class and its start token, adds the start.
        if prefix.isEmpty, suffix.isEmpty, let begin = beginID {
            let isOPT = configuration?["add_bos_token"]?.bool ?? false
            if isOPT { prefix = [begin] }
        }
        findOtherEnds()
    }

    private static func identifier(_ json: JSON, _ what: @autoclosure () -> String) throws(TokenizerError) -> Int32 {
        guard let value = json.int, value >= 0, value < maximumIDs else {
            throw TokenizerError("\(what()) is \(shown(json)); a whole number below \(maximumIDs) is expected")
        }
        return Int32(value)
    }

    static func shown(_ json: JSON) -> String {
        let text = json.serialized()
        return text.count > 80 ? text.prefix(80) + "…" : text
    }

    // MARK: Models

    private init(bytePairModel model: JSON) throws(TokenizerError) {
        guard let vocabulary = model["vocab"]?.object else { throw TokenizerError("the BPE model has no \"vocab\" object") }
        var highest = -1
        for (piece, id) in vocabulary { highest = max(highest, Int(try Self.identifier(id, "the id of the piece \"\(piece)\""))) }
        guard highest < max(1024, vocabulary.count * 16) else {
            throw TokenizerError("the highest id is \(highest) in a vocabulary of \(vocabulary.count) pieces")
        }
        var pieces = [String](repeating: "", count: highest + 1)
        for (piece, id) in vocabulary { pieces[id.int ?? 0] = piece }
        self.init(model: .mergesByRank, pieces: pieces)

        for (key, label) in [("continuing_subword_prefix", "a prefix"), ("end_of_word_suffix", "a suffix")] {
            if let affix = model[key]?.string, !affix.isEmpty {
                throw TokenizerError("a BPE model with \(label) of word parts (\"\(key)\": \"\(affix)\") is not supported")
            }
        }
        if let dropout = model["dropout"]?.double, dropout != 0 {
            throw TokenizerError("a BPE model with dropout \(dropout) gives a different result each time; set it to null")
        }
        byteFallback = model["byte_fallback"]?.bool ?? false
        fusesUnknown = model["fuse_unk"]?.bool ?? false
        ignoresMerges = model["ignore_merges"]?.bool ?? false
        let table = try PieceTable(pieces)
        if let unknown = model["unk_token"]?.string {
            unknownID = table.id(of: unknown)
        }
        guard let list = model["merges"]?.array else { throw TokenizerError("the BPE model has no \"merges\" array") }
        merges.reserveCapacity(list.count)
        for (index, merge) in list.enumerated() {
            switch merge {
            case .string(let text): merges.append(try Self.merge(text, index, table))
            case .array(let parts):
                guard parts.count == 2, let left = parts[0].string, let right = parts[1].string else {
                    throw TokenizerError("merge \(index) is \(Self.shown(merge)); two pieces are expected")
                }
                merges.append(try Self.merge(left, right, index, table))
            default: throw TokenizerError("merge \(index) is \(Self.shown(merge)); two pieces are expected")
            }
        }
    }

    /// A merge written as two pieces with a space between.
    static func merge(_ text: String, _ index: Int, _ table: PieceTable) throws(TokenizerError) -> Merge {
        var text = text
        let found: Merge? = text.withUTF8 { bytes in
            guard let cut = bytes.dropFirst().firstIndex(of: 0x20) else { return nil }
            let left = UnsafeBufferPointer(rebasing: bytes[..<cut])
            let right = UnsafeBufferPointer(rebasing: bytes[(cut + 1)...])
            if right.contains(0x20) { return nil }
            return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytes.count) { joined in
                _ = joined.update(fromContentsOf: left)
                _ = UnsafeMutableBufferPointer(rebasing: joined[cut...]).update(fromContentsOf: right)
                let merged = UnsafeBufferPointer(UnsafeMutableBufferPointer(rebasing: joined[..<(bytes.count - 1)]))
                return Merge(left: table.id(of: left), right: table.id(of: right), merged: table.id(of: merged))
            }
        }
        guard let found else { throw TokenizerError("merge \(index) is \"\(text)\"; two pieces with a space between are expected") }
        guard found.left >= 0, found.right >= 0, found.merged >= 0 else {
            throw TokenizerError("merge \(index), \"\(text)\", has a part or a result that is not in the vocabulary")
        }
        return found
    }

    private static func merge(_ left: String, _ right: String, _ index: Int, _ table: PieceTable) throws(TokenizerError) -> Merge {
        guard let leftID = table.id(of: left), let rightID = table.id(of: right), let merged = table.id(of: left + right) else {
            throw TokenizerError("merge \(index), \"\(left)\" and \"\(right)\", has a part or a result that is not in the vocabulary")
        }
        return Merge(left: leftID, right: rightID, merged: merged)
    }

    private init(unigramModel model: JSON) throws(TokenizerError) {
        guard let vocabulary = model["vocab"]?.array else { throw TokenizerError("the Unigram model has no \"vocab\" array") }
        var pieces: [String] = []
        var scores: [Double] = []
        for (index, entry) in vocabulary.enumerated() {
            guard let piece = entry[0]?.string, let score = entry[1]?.double, !score.isNaN else {
                throw TokenizerError("piece \(index) of the Unigram model is \(Self.shown(entry)); a text and a score are expected")
            }
            pieces.append(piece)
            scores.append(score)
        }
        guard pieces.count < Self.maximumIDs else { throw TokenizerError("a vocabulary of \(pieces.count) pieces is too large") }
        self.init(model: .unigram, pieces: pieces)
        self.scores = scores
        byteFallback = model["byte_fallback"]?.bool ?? false
        if let unknown = model["unk_id"], !unknown.isNull {
            let id = try Self.identifier(unknown, "\"unk_id\"")
            guard Int(id) < pieces.count else { throw TokenizerError("\"unk_id\" is \(id), outside of the vocabulary of \(pieces.count)") }
            unknownID = id
        }
    }

    // MARK: Added tokens

    private mutating func readAddedTokens(_ json: JSON?) throws(TokenizerError) {
        kinds = Array(repeating: .normal, count: pieces.count)
        for (index, entry) in (json?.array ?? []).enumerated() {
            guard let content = entry["content"]?.string, let idValue = entry["id"] else {
                throw TokenizerError("added token \(index) lacks \"content\" or \"id\"")
            }
            try add(content: content, id: try Self.identifier(idValue, "the id of the added token \"\(content)\""), entry)
        }
        if model == .unigram { scores += repeatElement(0, count: pieces.count - scores.count) }
    }

    private mutating func add(content: String, id: Int32, _ flags: JSON) throws(TokenizerError) {
        let index = Int(id)
        guard index < max(1024, pieces.count * 2 + 65536) else {
            throw TokenizerError("the added token \"\(content)\" has the id \(id), far beyond the vocabulary of \(pieces.count)")
        }
        if index >= pieces.count {
            pieces += repeatElement("", count: index + 1 - pieces.count)
            kinds += repeatElement(.normal, count: index + 1 - kinds.count)
        }
        pieces[index] = content
        var token = AddedToken(id: id, content: content, isSpecial: flags["special"]?.bool ?? false)
        token.stripsLeft = flags["lstrip"]?.bool ?? false
        token.stripsRight = flags["rstrip"]?.bool ?? false
        token.isSingleWord = flags["single_word"]?.bool ?? false
        token.isNormalised = flags["normalized"]?.bool ?? !token.isSpecial
        kinds[index] = token.isSpecial ? .control : .userDefined
        addedTokens.append(token)
    }

    // MARK: What surrounds a text

    private mutating func readPostProcessor(_ json: JSON?) throws(TokenizerError) {
        guard let json, !json.isNull else { return }
        let type = json["type"]?.string ?? ""
        switch type {
        case "Sequence":
            for processor in json["processors"]?.array ?? [] {
                guard processor["type"]?.string != "Sequence" else {
                    throw TokenizerError("a sequence of post-processors inside of another")
                }
                try readPostProcessor(processor)
            }
        case "ByteLevel": break
        case "TemplateProcessing": try readTemplate(json)
        case "RobertaProcessing", "BertProcessing":
            guard let first = json["cls"]?[1], let last = json["sep"]?[1] else {
                throw TokenizerError("a \(type) without \"cls\" and \"sep\"")
            }
            prefix.append(try Self.identifier(first, "the id of \"cls\""))
            suffix.append(try Self.identifier(last, "the id of \"sep\""))
        default: throw TokenizerError("the post-processor \"\(type)\" is not supported")
        }
    }

    private mutating func readTemplate(_ json: JSON) throws(TokenizerError) {
        var afterText = false
        for part in json["single"]?.array ?? [] {
            if part["Sequence"] != nil {
                afterText = true
            } else if let name = part["SpecialToken"]?["id"]?.string {
                guard let ids = json["special_tokens"]?[name]?["ids"]?.array else {
                    throw TokenizerError("the template's token \"\(name)\" is not among its \"special_tokens\"")
                }
                for id in ids {
                    let id = try Self.identifier(id, "the id of the template's token \"\(name)\"")
                    if afterText { suffix.append(id) } else { prefix.append(id) }
                }
            } else {
                throw TokenizerError("a part of the template is \(Self.shown(part)); a token or a sequence is expected")
            }
        }
    }

    /// `tokenizer_config.json`: which tokens begin, end and pad, and tokens that `tokenizer.json` does not list.
    private mutating func readConfiguration(_ configuration: JSON?) throws(TokenizerError) {
        guard let configuration else { return }
        let known = Set(addedTokens.map(\.id))
        for (key, flags) in configuration["added_tokens_decoder"]?.object ?? [:] {
            guard let value = Int(key), let content = flags["content"]?.string else { continue }
            let id = try Self.identifier(.integer(value), "the id of the added token \"\(content)\"")
            if !known.contains(id) { try add(content: content, id: id, flags) }
        }
        if model == .unigram, scores.count < pieces.count { scores += repeatElement(0, count: pieces.count - scores.count) }
        let table = try PieceTable(pieces)
        func id(_ key: String) -> Int32? {
            guard let value = configuration[key], let name = value.string ?? value["content"]?.string else { return nil }
            return table.id(of: name)
        }
        beginID = id("bos_token") ?? beginID
        endID = id("eos_token") ?? endID
        padID = id("pad_token") ?? padID
        if unknownID == nil, model != .mergesByRank { unknownID = id("unk_token") }
        for special in [beginID, endID, padID] {
            if let special, !addedTokens.contains(where: { $0.id == special }) {
                addedTokens.append(AddedToken(id: special, content: pieces[Int(special)], isSpecial: true))
                kinds[Int(special)] = .control
            }
        }
        // Classes of the Llama family add the start by their configuration where the file's template adds nothing.
        let name = configuration["tokenizer_class"]?.string ?? ""
        if prefix.isEmpty, suffix.isEmpty, ["Llama", "CodeLlama", "Gemma", "Cohere"].contains(where: name.hasPrefix) {
            if configuration["add_bos_token"]?.bool == true, let beginID { prefix = [beginID] }
            if configuration["add_eos_token"]?.bool == true, let endID { suffix = [endID] }
        }
    }
}
