public import Checkpoints
public import JSON

/// The text side of a checkpoint: tokenizer and chat template, read when first needed, by a thread of its own if `prepare` was called.
public final class ModelText: Sendable {
    private let checkpoint: Checkpoint

    public init(checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    /// The checkpoint at `path`, which may hold nothing but a vocabulary.
    public convenience init(path: String) throws { self.init(checkpoint: try Checkpoint.open(path: path)) }

    /// Starts reading the tokenizer now.
    public func prepare() {}

    /// Whether the checkpoint brings a tokenizer at all.
    public var hasTokenizer: Bool { false }

    /// Ids of a text. `addsSpecial`: with what the tokenizer puts around a text (a beginning token, for example). `parsesSpecial`: the names of
    /// special tokens in the text become those tokens.
    public func encode(_ text: String, addsSpecial: Bool, parsesSpecial: Bool = true) throws -> [Int32] { throw missing }

    /// Text of ids; special tokens are left out unless `keepsSpecial`.
    public func decode(_ tokens: [Int32], keepsSpecial: Bool = false) throws -> String { throw missing }

    /// Turns a stream of tokens into text; nil where there is no tokenizer.
    public func decoder() throws -> (any TokenDecoder)? { nil }

    /// Whether there is a chat template.
    public var hasTemplate: Bool { get throws { false } }

    /// The chat template's text for `messages`, `tools`, `add_generation_prompt` and whatever else the object holds.
    public func render(_ variables: JSONObject) throws -> String { throw missing }

    private var missing: LoadError { .invalidOption("\(checkpoint.path): tokenizers are not available yet") }
}
