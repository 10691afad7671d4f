/// What has come of a request: its events joined.
public struct Reply: Sendable {
    /// New tokens, an ending one included.
    public private(set) var tokens: [Int32] = []
    public private(set) var text = ""
    /// One list per token, of the most likely ones; empty where none were asked for.
    public private(set) var logProbabilities: [[TokenLogProbability]] = []
    /// Each token's own, where any were asked for.
    public private(set) var tokenLogProbabilities: [Double] = []
    /// How it ended; nil: there is more to come.
    public private(set) var summary: GenerationSummary?

    public init() {}

    /// Takes the next event in.
    /// - Throws: what the request failed with.
    public mutating func add(_ event: GenerationEvent) throws(GenerationError) {
        switch event {
        case .prefilled: break
        case .token(let token):
            tokens.append(token.token)
            text += token.text
            if !token.logProbabilities.isEmpty { logProbabilities.append(token.logProbabilities) }
            if let own = token.logProbability { tokenLogProbabilities.append(own) }
        case .finished(let summary):
            text += summary.text
            self.summary = summary
        case .failed(let error): throw error
        }
    }
}
