public import Checkpoints
public import JSON
import Text

/// The text side of a checkpoint: tokenizer and chat template, read when first needed, by a thread of its own if `prepare` was called.
public final class ModelText: Sendable {
    private enum State: Sendable {
        case untouched
        case reading
        case ready(Result<Tokenizer, any Error>)
    }

    private let checkpoint: Checkpoint
    private let state = Monitor(State.untouched)

    public init(checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    /// The checkpoint at `path`, which may hold nothing but a vocabulary.
    public convenience init(path: String) throws { self.init(checkpoint: try Checkpoint.open(path: path)) }

    /// Whether the checkpoint brings a tokenizer at all.
    public var hasTokenizer: Bool { checkpoint.hasTokenizer }

    // MARK: Tokenizer

    /// Starts reading the tokenizer now.
    public func prepare() {
        guard hasTokenizer, claim() else { return }
        _ = SystemThread { self.read() }
    }

    private func tokenizer() throws -> Tokenizer {
        if claim() { read() }
        return try state.wait { state in
            if case .ready(let result) = state { return result }
            return nil
        }.get()
    }

    /// Whether the caller is the one to read the tokenizer.
    private func claim() -> Bool {
        state.update { state in
            guard case .untouched = state else { return false }
            state = .reading
            return true
        }
    }

    private func read() {
        let result = Result { try checkpoint.tokenizer() }
        state.update { $0 = .ready(result) }
    }

    /// Ids of a text. `addsSpecial`: with what the tokenizer puts around a text (a beginning token, for example). `parsesSpecial`: the names of
    /// special tokens in the text become those tokens.
    public func encode(_ text: String, addsSpecial: Bool, parsesSpecial: Bool = true) throws -> [Int32] {
        try tokenizer().encode(text, addSpecial: addsSpecial, parseSpecial: parsesSpecial)
    }

    /// Text of ids; special tokens are left out unless `keepsSpecial`.
    public func decode(_ tokens: [Int32], keepsSpecial: Bool = false) throws -> String {
        let tokenizer = try tokenizer()
        for (position, token) in tokens.enumerated() where token < 0 || Int(token) >= tokenizer.vocabularySize {
            throw GenerationError.invalidToken(id: Int(token), position: position, vocabularySize: tokenizer.vocabularySize)
        }
        return tokenizer.decode(tokens, skipSpecial: !keepsSpecial)
    }

    /// Turns a stream of tokens into text, without special tokens; nil where there is no tokenizer. `continuing`: the tokens go on after a text,
    /// so that the space before their first word stays.
    public func decoder(continuing: Bool) throws -> (any TokenDecoder)? {
        hasTokenizer ? StreamingTokenDecoder(decoder: StreamingDecoder(try tokenizer(), skipSpecial: true, continuing: continuing)) : nil
    }

    /// Tokens that end a reply. The checkpoint's own list, and for GGUF, whose list is often short, what the vocabulary is known to end with.
    public func endTokens(listed: [Int]) throws -> Set<Int32> {
        var tokens = Set(listed.compactMap { Int32(exactly: $0) })
        var trustsList = !tokens.isEmpty
        if case .gguf = checkpoint.metadata { trustsList = false }
        if !trustsList, hasTokenizer { tokens.formUnion(try tokenizer().endIDs) }
        return tokens
    }

    // MARK: Chat template

    /// Whether there is a chat template.
    public var hasTemplate: Bool { get throws { !(try checkpoint.chatTemplates().isEmpty) } }

    /// The text a chat template makes of `messages`, `tools`, `documents`, `add_generation_prompt` and whatever else the object holds.
    public func render(_ variables: JSONObject) throws -> String {
        let templates = try checkpoint.chatTemplates()
        var rest = variables
        func list(_ key: String) -> [JSON]? {
            defer { rest[key] = nil }
            return variables[key]?.array
        }
        let messages = list("messages") ?? []
        let tools = list("tools")
        let documents = list("documents")
        let addsPrompt = variables["add_generation_prompt"]?.bool ?? false
        rest["add_generation_prompt"] = nil
        // A template for conversations with tools comes under a name of its own.
        let named = tools == nil ? nil : templates.first { $0.name == "tool_use" }
        guard let chosen = named ?? templates.first else {
            throw CheckpointError(
                .missing, file: checkpoint.path, fault: "brings no chat template", remedy: "run --raw uses the prompt as it is")
        }
        let template = try Text.ChatTemplate(source: chosen.source)
        return try template.render(
            messages: messages, tools: tools, documents: documents, addGenerationPrompt: addsPrompt, specialTokens: try checkpoint.specialTokens(),
            variables: rest)
    }
}

/// A streaming decoder as the engine wants it.
private struct StreamingTokenDecoder: TokenDecoder {
    var decoder: StreamingDecoder

    mutating func append(_ token: Int32) -> String { decoder.append(token) }
    mutating func finish() -> String { decoder.finish() }
}
