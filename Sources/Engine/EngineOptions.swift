/// How an engine runs its executor.
public struct EngineOptions: Sendable {
    /// Most tokens of prompt and generated tokens of one request.
    public var contextLength: Int
    /// What the model allows at most; named where a prompt is refused.
    public var modelContextLength: Int
    /// Most requests that run at once; later ones wait.
    public var sequences: Int
    /// Most tokens per step; nil: what the executor takes.
    public var stepTokens: Int?
    /// Most tokens of one prompt per step; nil: the whole step.
    public var sliceTokens: Int?
    /// Whether prompts that begin alike are computed once.
    public var sharesPrefixes: Bool
    /// Most steps that the executor has at once; nil: as many as it takes. The decoding sequences are divided over them.
    public var stepsInFlight: Int?

    public init(
        contextLength: Int, modelContextLength: Int? = nil, sequences: Int = 64, stepTokens: Int? = nil, sliceTokens: Int? = nil,
        sharesPrefixes: Bool = true, stepsInFlight: Int? = nil
    ) {
        self.contextLength = contextLength
        self.modelContextLength = modelContextLength ?? contextLength
        self.sequences = sequences
        self.stepTokens = stepTokens
        self.sliceTokens = sliceTokens
        self.sharesPrefixes = sharesPrefixes
        self.stepsInFlight = stepsInFlight
    }
}
