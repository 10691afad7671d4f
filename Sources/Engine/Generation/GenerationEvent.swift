/// Names a request of one engine.
public struct GenerationID: Hashable, Sendable {
    var rawValue: Int
}

/// What an engine says of a request, in order: tokens, then `finished` or `failed`, which comes exactly once and last.
public enum GenerationEvent: Sendable {
    /// Of the prompt's tokens, and those generated before the request came, so many are computed; comes where they take more than one step.
    case prefilled(tokens: Int, of: Int)
    case token(GeneratedToken)
    case finished(GenerationSummary)
    case failed(GenerationError)
}

public struct GeneratedToken: Sendable {
    public var token: Int32
    /// What can be shown now: empty while a character or a possible stop string is incomplete.
    public var text: String
    /// The most likely tokens, best first; as many as were asked for.
    public var logProbabilities: [TokenLogProbability]
    /// The token's own, which need not be among them; nil where none were asked for.
    public var logProbability: Double?
}
