/// How replies are to be generated, whatever the prompt.
public struct GenerationSettings: Sendable {
    public var sampling: SamplingParameters
    /// Most tokens of a reply; nil: to the end of the context.
    public var maximumTokens: Int?
    /// Texts that end a reply and are no part of it.
    public var stopStrings: [String]
    /// Whether a reply goes on behind the model's end tokens.
    public var ignoresEndTokens: Bool
    /// Most likely tokens to report with each generated one; 0: none.
    public var logProbabilities: Int

    public init(
        sampling: SamplingParameters = .greedy, maximumTokens: Int? = nil, stopStrings: [String] = [], ignoresEndTokens: Bool = false,
        logProbabilities: Int = 0
    ) {
        self.sampling = sampling
        self.maximumTokens = maximumTokens
        self.stopStrings = stopStrings
        self.ignoresEndTokens = ignoresEndTokens
        self.logProbabilities = logProbabilities
    }
}
