public import Plans
public import Runtime

/// What the engine needs of an executor: steps in, logits out. One thread uses it.
public protocol StepExecutor: AnyObject {
    /// Tokens per KV block.
    var keyValueBlockTokens: Int { get }
    var blockCount: Int { get }
    var vocabularySize: Int { get }
    var maximumStepTokens: Int { get }
    var maximumLogits: Int { get }
    func run(_ step: Step) throws
    /// Row `row` of the last step's logits; valid until the next `run`.
    func logits(row: Int) -> UnsafeBufferPointer<Float>
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
}
