/// The `tokenizer.ggml.*` values of a GGUF header, as plain data.
///
/// A reader of GGUF fills in what the file has; nil or empty is "absent".
public struct GGUFTokenizerFields: Sendable {
    /// `tokenizer.ggml.model`: `llama`, `gpt2`, `t5`.
    public var model = ""
    /// `tokenizer.ggml.pre`.
    public var preTokenizer: String?
    /// `tokenizer.ggml.tokens`.
    public var tokens: [String] = []
    /// `tokenizer.ggml.scores`.
    public var scores: [Float] = []
    /// `tokenizer.ggml.token_type`.
    public var tokenTypes: [Int32] = []
    /// `tokenizer.ggml.merges`: two pieces with a space between.
    public var merges: [String] = []
    /// `tokenizer.ggml.bos_token_id` and so on.
    public var beginID: Int?
    public var endID: Int?
    public var unknownID: Int?
    public var padID: Int?
    public var endOfTurnID: Int?
    public var endOfMessageID: Int?
    /// `tokenizer.ggml.add_bos_token`, `add_eos_token`, `add_space_prefix`, `remove_extra_whitespaces`.
    public var addsBegin: Bool?
    public var addsEnd: Bool?
    public var addsSpacePrefix: Bool?
    public var removesExtraSpaces: Bool?
    /// `tokenizer.ggml.precompiled_charsmap`.
    public var characterMap: [UInt8] = []
    /// `general.architecture` and `general.name`: some rules are known by the name of the model only.
    public var architecture: String?
    public var name: String?

    public init() {}
}
