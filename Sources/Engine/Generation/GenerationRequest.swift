/// A prompt and what is wanted of it.
public struct GenerationRequest: Sendable {
    /// Token ids, run exactly as they are.
    public var prompt: [Int32]
    public var sampling: SamplingParameters
    /// Most tokens to generate; nil: as many as the context has room for.
    public var maximumTokens: Int?
    /// Tokens that end the generation; the ending token is part of the result's tokens, not of its text.
    public var endTokens: Set<Int32>
    /// Texts that end the generation; they are not part of the result's text.
    public var stopStrings: [String]
    /// Most likely tokens to report with each generated one; 0: none.
    public var logProbabilities: Int
    /// Turns tokens into text; nil: the text stays empty.
    public var decoder: (any TokenDecoder)?

    public init(
        prompt: [Int32], sampling: SamplingParameters = .greedy, maximumTokens: Int? = nil, endTokens: Set<Int32> = [], stopStrings: [String] = [],
        logProbabilities: Int = 0, decoder: (any TokenDecoder)? = nil
    ) {
        self.prompt = prompt
        self.sampling = sampling
        self.maximumTokens = maximumTokens
        self.endTokens = endTokens
        self.stopStrings = stopStrings
        self.logProbabilities = logProbabilities
        self.decoder = decoder
    }
}

/// Turns a stream of tokens into a stream of text that never holds half a character.
public protocol TokenDecoder: Sendable {
    mutating func append(_ token: Int32) -> String
    /// What is left when the tokens end.
    mutating func finish() -> String
}

/// Names a request of one engine.
public struct GenerationID: Hashable, Sendable {
    var rawValue: Int
}

/// What an engine says of a request, in order: tokens, then `finished` or `failed`, which comes exactly once and last.
public enum GenerationEvent: Sendable {
    /// Of the prompt's tokens so many are computed; comes where a prompt takes more than one step.
    case prefilled(tokens: Int, of: Int)
    case token(GeneratedToken)
    case finished(GenerationSummary)
    case failed(GenerationError)
}

public struct GeneratedToken: Sendable {
    public var token: Int32
    /// What can be shown now: empty while a character or a possible stop string is incomplete.
    public var text: String
    /// Best first; as many as were asked for.
    public var logProbabilities: [TokenLogProbability]
}

/// Why generation ended.
public enum FinishReason: String, Sendable {
    case endToken = "end"
    case stopString = "stop"
    case length = "length"
    case cancelled = "cancelled"
}

/// How a request went.
public struct GenerationSummary: Sendable {
    public var reason: FinishReason
    /// Text that was held back until the end.
    public var text: String
    public var promptTokens: Int
    /// Tokens of the prompt whose keys and values were known already.
    public var sharedTokens: Int
    public var generatedTokens: Int
    /// From submission to the first step.
    public var waitingSeconds: Double
    /// From the first step to the first token.
    public var prefillSeconds: Double
    /// From the first to the last token.
    public var decodeSeconds: Double

    /// Tokens of the prompt computed per second, or nil if nothing was measured.
    public var prefillRate: Double? {
        prefillSeconds > 0 && promptTokens > sharedTokens ? Double(promptTokens - sharedTokens) / prefillSeconds : nil
    }
    /// Tokens after the first per second, or nil if there were none.
    public var decodeRate: Double? { decodeSeconds > 0 && generatedTokens > 1 ? Double(generatedTokens - 1) / decodeSeconds : nil }
}
