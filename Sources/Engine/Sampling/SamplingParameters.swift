/// How the next token is chosen from the logits.
///
/// Applied in the order of Hugging Face's transformers: logit bias, repetition penalty (over prompt and generated tokens), frequency and
/// presence penalty (over generated tokens), temperature, top-k, top-p, min-p; then one draw from what is left. llama.cpp divides by the
/// temperature last instead; with generation_config.json's values this order is the one they were tuned for.
public struct SamplingParameters: Sendable, Equatable {
    /// Divides the logits; 0 chooses the largest logit, of equal ones the lowest token.
    public var temperature: Double
    /// Keeps this many of the largest logits; 0: all.
    public var topK: Int
    /// Keeps the fewest most likely tokens whose probabilities reach this sum; 1: all.
    public var topP: Double
    /// Drops tokens less likely than this fraction of the most likely one's probability; 0: none.
    public var minP: Double
    /// Divides positive and multiplies negative logits of tokens that occurred; 1: off.
    public var repetitionPenalty: Double
    /// Subtracted once per occurrence among the generated tokens; 0: off.
    public var frequencyPenalty: Double
    /// Subtracted if the token occurred among the generated ones; 0: off.
    public var presencePenalty: Double
    /// Added to single tokens' logits; minus infinity forbids a token.
    public var logitBias: [Int32: Float]
    /// Equal seeds give equal tokens, whatever else runs beside; nil: every request draws one of its own.
    public var seed: UInt64?

    public init(
        temperature: Double = 0, topK: Int = 0, topP: Double = 1, minP: Double = 0, repetitionPenalty: Double = 1,
        frequencyPenalty: Double = 0,
        presencePenalty: Double = 0, logitBias: [Int32: Float] = [:], seed: UInt64? = nil
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.frequencyPenalty = frequencyPenalty
        self.presencePenalty = presencePenalty
        self.logitBias = logitBias
        self.seed = seed
    }

    public static let greedy = SamplingParameters()

    /// Refuses values that mean nothing, naming value and range.
    public func validate(vocabularySize: Int) throws(GenerationError) {
        func check(_ name: String, _ value: Double, _ range: ClosedRange<Double>) throws(GenerationError) {
            guard range.contains(value) else {
                throw .invalidParameter("\(name) is \(value); it must lie between \(range.lowerBound) and \(range.upperBound)")
            }
        }
        try check("temperature", temperature, 0...1000)
        guard topK >= 0 else { throw .invalidParameter("top-k is \(topK); it must be 0 (all tokens) or more") }
        try check("top-p", topP, 0...1)
        try check("min-p", minP, 0...1)
        guard repetitionPenalty > 0 else {
            throw .invalidParameter("repetition penalty is \(repetitionPenalty); it must be above 0 (1: off)")
        }
        try check("repetition penalty", repetitionPenalty, 0...1000)
        try check("frequency penalty", frequencyPenalty, -1000...1000)
        try check("presence penalty", presencePenalty, -1000...1000)
        for (token, bias) in logitBias {
            guard token >= 0, Int(token) < vocabularySize else {
                throw .invalidParameter("logit bias names token \(token); the vocabulary has tokens 0 to \(vocabularySize - 1)")
            }
            guard !bias.isNaN, bias < .infinity else {
                throw .invalidParameter("logit bias of token \(token) is \(bias); it must be a number")
            }
        }
    }

    /// Whether logits are changed before the temperature.
    var changesLogits: Bool { !logitBias.isEmpty || countsTokens }
    var countsTokens: Bool { repetitionPenalty != 1 || frequencyPenalty != 0 || presencePenalty != 0 }
}
