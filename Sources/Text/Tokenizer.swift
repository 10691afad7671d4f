import Synchronization

/// Turns text into the token ids of a model, and back.
///
///     let tokenizer = try Tokenizer(TokenizerDefinition(tokenizerJSON: json, configuration: nil))
///     let ids = tokenizer.encode("Hello, world")
///     tokenizer.decode(ids, skipSpecial: true)  // "Hello, world"
///
/// Immutable and safe to share between threads. Encoding takes time linear in the text (n log n for words without any seam); its working
/// memory is pooled, a few MB per thread that encodes at the same time.
public final class Tokenizer: Sendable {
    let table: PieceTable
    let splitting: SplittingPipeline
    let normalisation: NormalisationPipeline
    let rawTokens: AddedTokenMatcher
    let normalisedTokens: AddedTokenMatcher
    let decoding: DecodingTable
    let prefix: [Int32]
    let suffix: [Int32]
    private let special: [Bool]
    let pool = Mutex<[EncodingScratch]>([])

    /// The id that starts a text, if the vocabulary has one.
    public let beginID: Int32?
    /// The id that ends a text.
    public let endID: Int32?
    public let unknownID: Int32?
    public let padID: Int32?
    /// Every id that ends an answer: `endID`, end of turn, end of message.
    public let endIDs: Set<Int32>

    /// - Throws: `TokenizerError` or `PatternError` where the definition contradicts itself or needs a splitting rule that is not
    ///   supported.
    public init(_ definition: TokenizerDefinition) throws {
        guard !definition.pieces.isEmpty else { throw TokenizerError("the vocabulary is empty") }
        guard definition.preTokenizers.count <= SplittingPipeline.maximumSteps,
            definition.normalisers.count <= SplittingPipeline.maximumSteps
        else { throw TokenizerError("more than \(SplittingPipeline.maximumSteps) steps of normalising or splitting") }
        table = try PieceTable(definition.pieces)
        let count = table.count
        func check(_ id: Int32, _ what: String) throws(TokenizerError) {
            guard id >= 0, Int(id) < count else { throw TokenizerError("\(what) is \(id), outside of the vocabulary of \(count)") }
        }
        for token in definition.addedTokens { try check(token.id, "the id of the added token \"\(token.content)\"") }
        for id in definition.prefix + definition.suffix { try check(id, "the id of a token around the text") }
        for (id, name) in [
            (definition.beginID, "bos"), (definition.endID, "eos"), (definition.unknownID, "unk"), (definition.padID, "pad"),
        ] {
            if let id { try check(id, "the \(name) id") }
        }
        for id in definition.otherEndIDs { try check(id, "the id of an end token") }
        for merge in definition.merges {
            for id in [merge.left, merge.right, merge.merged] where id < 0 || Int(id) >= count {
                try check(id, "the id of a piece in a merge")
            }
        }

        normalisation = try NormalisationPipeline(definition.normalisers)
        var readsBytes = SplittingPipeline.yieldsBytes(definition.preTokenizers)
        for case .byteLevel in definition.normalisers { readsBytes = false }
        let encoder = try WordEncoder(definition, table: table, readsBytes: readsBytes)
        splitting = try SplittingPipeline(definition.preTokenizers, encoder: encoder)

        let raw = definition.addedTokens.filter { !$0.isNormalised }
        rawTokens = try AddedTokenMatcher(raw, contents: raw.map { Array($0.content.utf8) })
        let normalised = definition.addedTokens.filter(\.isNormalised)
        let pipeline = normalisation
        normalisedTokens = try AddedTokenMatcher(
            normalised,
            contents: normalised.map { token in
                let content = Array(token.content.utf8)
                return content.withUnsafeBufferPointer { pipeline.normalise($0) }
            })

        var literal = [Bool](repeating: false, count: count)
        var special = [Bool](repeating: false, count: count)
        for (id, kind) in definition.kinds.prefix(count).enumerated() where kind == .control { special[id] = true }
        for token in definition.addedTokens {
            literal[Int(token.id)] = true
            special[Int(token.id)] = token.isSpecial
        }
        self.special = special
        decoding = try DecodingTable(definition.decoders, table: table, literal: literal)
        prefix = definition.prefix
        suffix = definition.suffix
        beginID = definition.beginID
        endID = definition.endID
        unknownID = definition.unknownID
        padID = definition.padID
        endIDs = Set(definition.otherEndIDs + (definition.endID.map { [$0] } ?? []))
    }

    /// The number of ids, those of added tokens included. A model may have more rows than that.
    public var vocabularySize: Int { table.count }

    /// The id of a piece or an added token, written as in the vocabulary (`Ġthe`, `▁the`, `<|im_end|>`).
    public func token(for piece: String) -> Int32? {
        table.id(of: piece)
    }

    /// A token as the vocabulary writes it, or nil for an id outside of it.
    public func piece(of token: Int32) -> String? {
        guard token >= 0, Int(token) < table.count else { return nil }
        return table.withPiece(Int(token)) { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether a token steers the model rather than standing for text.
    public func isSpecial(_ token: Int32) -> Bool {
        token >= 0 && Int(token) < special.count && special[Int(token)]
    }
}
