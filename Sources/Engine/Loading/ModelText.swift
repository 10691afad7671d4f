public import Checkpoints
import Text

/// The text side of a checkpoint: tokenizer and chat template, read when first needed, the tokenizer by a thread of its own if `prepare`
/// was called. Prompts are rendered in `ModelText+Template.swift`.
public final class ModelText: Sendable {
    let checkpoint: Checkpoint
    private let tokenizer: Deferred<Tokenizer>
    let templates: Deferred<[ChatTemplateSource]>
    /// The template for conversations, and the one for those with tools.
    let template: Deferred<ChatTemplate>
    let toolTemplate: Deferred<ChatTemplate>
    let specialTokens: Deferred<[(name: String, text: String)]>

    public init(checkpoint: Checkpoint) {
        self.checkpoint = checkpoint
        let templates = Deferred { try checkpoint.chatTemplates() }
        tokenizer = Deferred { try checkpoint.tokenizer() }
        self.templates = templates
        template = Deferred { try ChatTemplate(source: Self.source(templates.value(), forTools: false, of: checkpoint)) }
        toolTemplate = Deferred { try ChatTemplate(source: Self.source(templates.value(), forTools: true, of: checkpoint)) }
        specialTokens = Deferred { try checkpoint.specialTokens() }
    }

    /// The checkpoint at `path`, which may hold nothing but a vocabulary.
    public convenience init(path: String) throws { self.init(checkpoint: try Checkpoint.open(path: path)) }

    /// Whether the checkpoint brings a tokenizer at all.
    public var hasTokenizer: Bool { checkpoint.hasTokenizer }

    /// Starts reading the tokenizer now.
    public func prepare() {
        if hasTokenizer { tokenizer.prepare() }
    }

    /// Ids of a text.
    /// - Parameters:
    ///   - addsSpecial: with what the tokenizer puts around a text (a beginning token, for example).
    ///   - parsesSpecial: the names of special tokens in the text become those tokens.
    public func encode(_ text: String, addsSpecial: Bool, parsesSpecial: Bool = true) throws -> [Int32] {
        try tokenizer.value().encode(text, addSpecial: addsSpecial, parseSpecial: parsesSpecial)
    }

    /// Text of ids; special tokens are left out unless `keepsSpecial`.
    public func decode(_ tokens: [Int32], keepsSpecial: Bool = false) throws -> String {
        let tokenizer = try tokenizer.value()
        for (position, token) in tokens.enumerated() where token < 0 || Int(token) >= tokenizer.vocabularySize {
            throw GenerationError.invalidToken(id: Int(token), position: position, vocabularySize: tokenizer.vocabularySize)
        }
        return tokenizer.decode(tokens, skipSpecial: !keepsSpecial)
    }

    /// The bytes a token stands for inside of a text, perhaps a part of a character only; empty where there is no tokenizer and for ids
    /// outside of its vocabulary.
    public func bytes(of token: Int32) throws -> [UInt8] { hasTokenizer ? try tokenizer.value().bytes(of: token) : [] }

    /// Turns a stream of tokens into text, without special tokens; nil where there is no tokenizer.
    /// - Parameter continuing: the tokens go on after a text, so that the space before their first word stays.
    public func decoder(continuing: Bool) throws -> (any TokenDecoder)? {
        guard hasTokenizer else { return nil }
        return StreamingTokenDecoder(decoder: StreamingDecoder(try tokenizer.value(), skipSpecial: true, continuing: continuing))
    }

    /// Tokens that end a reply: those listed by the checkpoint, and for GGUF, whose list is often short, what the vocabulary is known to
    /// end with.
    public func endTokens(listed: [Int]) throws -> Set<Int32> {
        var tokens = Set(listed.compactMap { Int32(exactly: $0) })
        var trustsList = !tokens.isEmpty
        if case .gguf = checkpoint.metadata { trustsList = false }
        if !trustsList, hasTokenizer { tokens.formUnion(try tokenizer.value().endIDs) }
        return tokens
    }
}

/// A streaming decoder as the engine wants it.
private struct StreamingTokenDecoder: TokenDecoder {
    var decoder: StreamingDecoder

    mutating func append(_ token: Int32) -> String { decoder.append(token) }
    mutating func finish() -> String { decoder.finish() }
}
