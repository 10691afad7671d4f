/// A token and the natural logarithm of its probability under the model: log-softmax of the raw logits, before bias, penalties and
/// temperature.
public struct TokenLogProbability: Sendable, Equatable {
    public var token: Int32
    public var logProbability: Double

    public init(token: Int32, logProbability: Double) {
        self.token = token
        self.logProbability = logProbability
    }
}

extension Sampler {
    /// The `count` most likely tokens, best first.
    func logProbabilities(_ logits: UnsafeBufferPointer<Float>, count: Int) throws(GenerationError) -> [TokenLogProbability] {
        guard count > 0 else { return [] }
        let (maximum, logSum) = try normaliser(logits)
        let best = topTokens(logits, count: count)
        return best.map { TokenLogProbability(token: $0.token, logProbability: Double($0.logit) - Double(maximum) - logSum) }
    }

    /// The natural logarithm of one token's probability.
    func logProbability(of token: Int32, _ logits: UnsafeBufferPointer<Float>) throws(GenerationError) -> Double {
        let (maximum, logSum) = try normaliser(logits)
        return Double(logits[Int(token)]) - Double(maximum) - logSum
    }

    private func normaliser(_ logits: UnsafeBufferPointer<Float>) throws(GenerationError) -> (maximum: Float, logSum: Double) {
        let maximum = LogitsReduction.maximum(logits)
        guard maximum.isFinite else { throw .brokenLogits }
        return (maximum, logarithm(LogitsReduction.exponentialSum(logits, maximum: maximum, scale: 1)))
    }
}
