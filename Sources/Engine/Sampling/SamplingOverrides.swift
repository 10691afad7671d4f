/// What a caller wants of sampling; nil: what the checkpoint advises.
public struct SamplingOverrides: Sendable, Equatable {
    public var temperature: Double?
    public var topK: Int?
    public var topP: Double?
    public var minP: Double?
    public var repetitionPenalty: Double?
    public var frequencyPenalty: Double?
    public var presencePenalty: Double?
    public var logitBias: [Int32: Float] = [:]
    public var seed: UInt64?

    public init() {}

    /// The advised parameters with everything in its place that the caller wants otherwise. Not validated yet.
    public func applied(to advised: SamplingParameters) -> SamplingParameters {
        var result = advised
        if let temperature { result.temperature = temperature }
        if let topK { result.topK = topK }
        if let topP { result.topP = topP }
        if let minP { result.minP = minP }
        if let repetitionPenalty { result.repetitionPenalty = repetitionPenalty }
        if let frequencyPenalty { result.frequencyPenalty = frequencyPenalty }
        if let presencePenalty { result.presencePenalty = presencePenalty }
        result.logitBias.merge(logitBias) { $1 }
        if let seed { result.seed = seed }
        return result
    }
}
