public import Plans
public import Runtime

/// What the engine needs of an executor: steps in, logits out. One thread uses it.
///
///     let ticket = try executor.submit(step)  // may return before the step has run
///     try executor.wait(ticket)
///     let row = executor.logits(ticket, row: 0)
///
/// Steps run in the order they are submitted in, each on what the ones before it left in the KV cache. At most `stepsInFlight` are
/// submitted and not waited for; they are waited for in the same order, each exactly once, also after a failure.
public protocol StepExecutor: AnyObject {
    /// Tokens per KV block.
    var keyValueBlockTokens: Int { get }
    var blockCount: Int { get }
    var vocabularySize: Int { get }
    /// Most tokens of one step, over all its entries.
    var maximumStepTokens: Int { get }
    /// Most rows of logits of one step.
    var maximumLogits: Int { get }
    /// Most steps that may be submitted and not waited for: 1 for an executor that runs a step where it is submitted.
    var stepsInFlight: Int { get }

    /// Starts a step. Nothing of `step` is kept once it was waited for: its arrays are used again.
    /// - Throws: where the step cannot be started; it then has no ticket, and those in flight are not affected.
    func submit(_ step: Step) throws -> StepTicket

    /// Waits until the oldest step that was not waited for has run.
    /// - Throws: where it failed. Those submitted behind it are still to be waited for; what they give means nothing.
    func wait(_ ticket: StepTicket) throws

    /// Row `row` of the step's logits, numbered over all entries in order. Valid once the step was waited for, and until as many more steps
    /// as may be in flight have been submitted after it: `stepsInFlight` sets of rows are used in turn.
    func logits(_ ticket: StepTicket, row: Int) -> UnsafeBufferPointer<Float>
}

extension StepExecutor {
    /// Refuses tokens outside of the vocabulary; `position` is that of the first one.
    func check(_ tokens: [Int32], from position: Int = 0) throws(GenerationError) {
        for (offset, token) in tokens.enumerated() where token < 0 || Int(token) >= vocabularySize {
            throw .invalidToken(id: Int(token), position: position + offset, vocabularySize: vocabularySize)
        }
    }
}

extension Executor: StepExecutor {
    public var keyValueBlockTokens: Int { Executor.blockTokens }
    public var maximumStepTokens: Int { options.maximumStepTokens }
    public var maximumLogits: Int { options.maximumLogits }
    public var stepsInFlight: Int { options.stepsInFlight }
}
