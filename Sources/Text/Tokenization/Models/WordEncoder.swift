/// Turns one word into ids: the model behind the splitting. What it does depends on the word's bytes alone.
struct WordEncoder: Sendable {
    private let table: PieceTable
    private let pairs: PairTable
    private let unigram: UnigramModel?
    /// Whether a word is raw bytes whose pieces are written in the byte-level alphabet, or characters as they are in the pieces.
    private let readsBytes: Bool
    /// The symbol of every byte (`readsBytes`) or ASCII character; -1 if there is none.
    private let singles: [Int32]
    /// Characters that are part of a piece but none themselves: symbols from `table.count` on.
    private let partials: PieceTable
    /// The `<0x…>` pieces, all 256 of them, or empty.
    private let byteIDs: [Int32]
    private let unknownID: Int32
    private let fusesUnknown: Bool
    private let ignoresMerges: Bool
    /// Whether no piece continues after a word's start mark "▁", so that a text can be cut there without changing the result.
    private let cutsAtMarks: Bool

    private static let mark: (UInt8, UInt8, UInt8) = (0xE2, 0x96, 0x81)

    init(_ definition: TokenizerDefinition, table: PieceTable, readsBytes: Bool) throws(TokenizerError) {
        self.table = table
        self.readsBytes = readsBytes
        unknownID = definition.unknownID ?? -1
        fusesUnknown = definition.fusesUnknown
        ignoresMerges = definition.ignoresMerges

        func kind(_ id: Int) -> TokenizerDefinition.PieceKind {
            definition.kinds.indices.contains(id) ? definition.kinds[id] : .normal
        }
        func joins(_ id: Int) -> Bool {
            switch kind(id) {
            case .normal, .userDefined, .unused: true
            case .unknown, .control, .byte: false
            }
        }

        var byteIDs: [Int32] = []
        if definition.byteFallback {
            for byte in 0..<256 {
                let digits = String(byte, radix: 16, uppercase: true)
                guard let id = table.id(of: "<0x" + (digits.count < 2 ? "0" : "") + digits + ">") else {
                    byteIDs = []
                    break
                }
                byteIDs.append(id)
            }
        }
        self.byteIDs = byteIDs

        singles = (0..<(readsBytes ? 256 : 128)).map { value in
            var text: [UInt8] = []
            appendScalar(readsBytes ? ByteLevelAlphabet.scalars[value] : UInt32(value), to: &text)
            return text.withUnsafeBufferPointer { table.id(of: $0) }
        }

        var pairs = PairTable(capacity: 0)
        var partials: [String] = []
        switch definition.model {
        case .mergesByRank:
            pairs = PairTable(capacity: definition.merges.count)
            for (rank, merge) in definition.merges.enumerated() {
                pairs.insert(merge.left, merge.right, rank: UInt32(truncatingIfNeeded: rank), merged: merge.merged)
            }
            unigram = nil
        case .mergesByScore:
            (pairs, partials) = Self.scoredPairs(definition, table, joins)
            unigram = nil
        case .unigram:
            guard definition.scores.count >= table.count else { throw TokenizerError("a unigram model has fewer scores than pieces") }
            unigram = try UnigramModel(
                table: table, scores: definition.scores, isPiece: { kind($0) == .normal || kind($0) == .userDefined })
        }
        self.pairs = pairs
        self.partials = try PieceTable(partials)

        var cuts = !readsBytes && !definition.ignoresMerges && table.id(of: "▁") != nil
        if cuts {
            if definition.model == .mergesByRank {
                cuts = definition.merges.allSatisfy { !Self.hasInnerMark(table, Int($0.merged)) }
            } else {
                cuts = (0..<table.count).allSatisfy { !joins($0) || !Self.hasInnerMark(table, $0) }
            }
        }
        cutsAtMarks = cuts
    }

    /// Every way to join two symbols into a piece, ranked by the piece's score: equal scores have equal ranks, the leftmost goes first.
    private static func scoredPairs(
        _ definition: TokenizerDefinition, _ table: PieceTable, _ joins: (Int) -> Bool
    ) -> (PairTable, [String]) {
        var ranks: [Double: UInt32] = [:]
        for score in Set(definition.scores).sorted(by: >) { ranks[score] = UInt32(truncatingIfNeeded: ranks.count) }
        var pairs = PairTable(capacity: table.count * 4)
        var partials: [String] = []
        var partialIDs: [UInt32: Int32] = [:]
        func symbol(_ part: UnsafeBufferPointer<UInt8>, isCharacter: Bool) -> Int32 {
            let id = table.id(of: part)
            if id >= 0 { return joins(Int(id)) ? id : -1 }
            guard isCharacter, let base = part.baseAddress else { return -1 }
            let scalar = decodeScalar(base, 0, part.count).value
            if let known = partialIDs[scalar] { return known }
            let new = Int32(truncatingIfNeeded: table.count + partials.count)
            partialIDs[scalar] = new
            partials.append(String(decoding: part, as: UTF8.self))
            return new
        }
        for id in 0..<table.count where joins(id) && definition.scores.indices.contains(id) {
            guard let rank = ranks[definition.scores[id]] else { continue }
            table.withPiece(id) { piece in
                guard let base = piece.baseAddress else { return }
                let first = decodeScalar(base, 0, max(1, piece.count)).length
                var cut = first
                while cut < piece.count {
                    let length = decodeScalar(base, cut, piece.count).length
                    let left = symbol(UnsafeBufferPointer(rebasing: piece[..<cut]), isCharacter: cut == first)
                    if left >= 0 {
                        let right = symbol(UnsafeBufferPointer(rebasing: piece[cut...]), isCharacter: cut + length == piece.count)
                        if right >= 0 { pairs.insert(left, right, rank: rank, merged: Int32(truncatingIfNeeded: id)) }
                    }
                    cut += length
                }
            }
        }
        return (pairs, partials)
    }

    /// Whether "▁" follows something else in a piece.
    private static func hasInnerMark(_ table: PieceTable, _ id: Int) -> Bool {
        table.withPiece(id) { piece in
            guard let base = piece.baseAddress else { return false }
            var position = 0
            while position + 3 <= piece.count, isMark(base, position) { position += 3 }
            while position + 3 <= piece.count {
                if isMark(base, position) { return true }
                position += 1
            }
            return false
        }
    }

    @inline(__always)
    private static func isMark(_ text: UnsafePointer<UInt8>, _ position: Int) -> Bool {
        text[position] == mark.0 && text[position + 1] == mark.1 && text[position + 2] == mark.2
    }
}

// MARK: Encoding

extension WordEncoder {
    /// Appends the ids of the word `start..<end`; the buffer can be read up to `readable`.
    @inline(__always)
    func encode(
        _ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, readable: Int, _ scratch: EncodingScratch, _ ids: inout [Int32]
    ) {
        if cutsAtMarks {
            encodeInParts(text, start, end, readable, scratch, &ids)
        } else {
            encodeCached(text, start, end, readable, scratch, &ids)
        }
    }

    private func encodeInParts(
        _ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ readable: Int, _ scratch: EncodingScratch, _ ids: inout [Int32]
    ) {
        var part = start
        while part < end {
            var next = part
            while next + 3 <= end, Self.isMark(text, next) { next += 3 }
            while next < end, text[next] != Self.mark.0 || next + 3 > end || !Self.isMark(text, next) { next += 1 }
            encodeCached(text, part, next, readable, scratch, &ids)
            part = next
        }
    }

    @inline(__always)
    private func encodeCached(
        _ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ readable: Int, _ scratch: EncodingScratch, _ ids: inout [Int32]
    ) {
        guard end - start <= WordCache.maximumBytes else {
            encodeNew(text, start, end, scratch, &ids)
            return
        }
        let key = WordCache.key(text, start, end, readable: readable)
        if scratch.cache.append(key, to: &ids) { return }
        let first = ids.count
        encodeNew(text, start, end, scratch, &ids)
        scratch.cache.insert(key, ids, from: first)
    }

    private func encodeNew(_ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ scratch: EncodingScratch, _ ids: inout [Int32]) {
        let word = UnsafeBufferPointer(start: text + start, count: end - start)
        if ignoresMerges {
            var id: Int32 = -1
            if readsBytes {
                scratch.piece.removeAll(keepingCapacity: true)
                ByteLevelAlphabet.appendText(for: word, to: &scratch.piece)
                id = scratch.piece.withUnsafeBufferPointer { table.id(of: $0) }
            } else {
                id = table.id(of: word)
            }
            if id >= 0 {
                ids.append(id)
                return
            }
        }
        if let unigram {
            unigram.segment(text, start, end, lattice: &scratch.lattice) { start, end, id in
                if id >= 0 { ids.append(id) } else { appendUnknown(UnsafeBufferPointer(start: text + start, count: end - start), &ids) }
            }
            return
        }
        if readsBytes { fillBytes(word, scratch) } else { fillCharacters(word, scratch) }
        scratch.merger.merge(pairs)
        for symbol in scratch.merger.symbols {
            if symbol < table.count {
                ids.append(symbol)
            } else {
                partials.withPiece(Int(symbol) - table.count) { appendUnknown($0, &ids) }
            }
        }
        scratch.merger.trim(above: 1 << 18)
    }

    /// What a text without a piece becomes: its bytes' pieces, or one unknown token, or nothing.
    private func appendUnknown(_ text: UnsafeBufferPointer<UInt8>, _ ids: inout [Int32]) {
        if !byteIDs.isEmpty {
            for byte in text { ids.append(byteIDs[Int(byte)]) }
        } else if unknownID >= 0 {
            ids.append(unknownID)
        }
    }

    private func fillBytes(_ word: UnsafeBufferPointer<UInt8>, _ scratch: EncodingScratch) {
        scratch.merger.symbols.removeAll(keepingCapacity: true)
        for byte in word {
            let symbol = singles[Int(byte)]
            if symbol >= 0 { scratch.merger.symbols.append(symbol) } else { appendUnknownSymbol(scratch) }
        }
    }

    private func fillCharacters(_ word: UnsafeBufferPointer<UInt8>, _ scratch: EncodingScratch) {
        scratch.merger.symbols.removeAll(keepingCapacity: true)
        guard let base = word.baseAddress else { return }
        var position = 0
        while position < word.count {
            let length = decodeScalar(base, position, word.count).length
            let character = UnsafeBufferPointer(start: base + position, count: length)
            var symbol: Int32
            if length == 1, base[position] < 0x80 { symbol = singles[Int(base[position])] } else { symbol = table.id(of: character) }
            if symbol < 0, partials.count > 0 {
                let partial = partials.id(of: character)
                if partial >= 0 { symbol = Int32(truncatingIfNeeded: table.count) + partial }
            }
            if symbol >= 0 {
                scratch.merger.symbols.append(symbol)
            } else if !byteIDs.isEmpty {
                for byte in character { scratch.merger.symbols.append(byteIDs[Int(byte)]) }
            } else {
                appendUnknownSymbol(scratch)
            }
            position += length
        }
    }

    private func appendUnknownSymbol(_ scratch: EncodingScratch) {
        if unknownID < 0 || (fusesUnknown && scratch.merger.symbols.last == unknownID) { return }
        scratch.merger.symbols.append(unknownID)
    }
}
