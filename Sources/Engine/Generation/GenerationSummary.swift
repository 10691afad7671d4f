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
    /// Tokens, of the prompt and of those generated before, whose keys and values were known already.
    public var sharedTokens: Int
    /// Tokens generated in all.
    public var generatedTokens: Int
    /// How many of them the request brought with it.
    public var continuedTokens: Int
    /// The seed of its draws: with it as a parameter the same request gives the same tokens.
    public var seed: UInt64
    /// From submission to the first step.
    public var waitingSeconds: Double
    /// From the first step to the first new token.
    public var prefillSeconds: Double
    /// From the first new token to the last.
    public var decodeSeconds: Double

    /// Tokens computed per second before the first new one, or nil if nothing was measured.
    public var prefillRate: Double? {
        let computed = promptTokens + continuedTokens - sharedTokens
        return prefillSeconds > 0 && computed > 0 ? Double(computed) / prefillSeconds : nil
    }
    /// New tokens after the first per second, or nil if there were none.
    public var decodeRate: Double? {
        let followers = generatedTokens - continuedTokens - 1
        return decodeSeconds > 0 && followers > 0 ? Double(followers) / decodeSeconds : nil
    }
}
