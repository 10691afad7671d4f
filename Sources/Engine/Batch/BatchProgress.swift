/// How far a batch is.
public struct BatchProgress: Sendable, Equatable {
    /// Lines of the input.
    public var total = 0
    /// Answers that were in the output before.
    public var kept = 0
    /// Answers written since, and those of them that say that the request failed.
    public var written = 0
    /// All answers that say so, kept ones among them.
    public var failed = 0
    /// Requests that the engine has.
    public var running = 0
    /// Tokens of the prompts of written answers; tokens generated so far, also for requests that are still running.
    public var promptTokens = 0
    public var generatedTokens = 0
    /// Since the first request.
    public var seconds = 0.0

    init() {}

    /// Before the first request.
    public init(_ input: BatchInput, _ output: BatchOutput) {
        (total, kept, failed) = (input.count, output.kept, output.keptFailures)
    }

    public var done: Int { kept + written }
    public var isComplete: Bool { done == total }

    /// Seconds until the rest is done, at the rate so far; nil: nothing is known yet.
    public var secondsLeft: Double? {
        written > 0 ? seconds / Double(written) * Double(total - done) : isComplete ? 0 : nil
    }
    public var generatedRate: Double? { seconds > 0 && generatedTokens > 0 ? Double(generatedTokens) / seconds : nil }
}
