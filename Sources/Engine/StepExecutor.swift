public import Plans
public import Runtime

/// What the engine needs of an executor: steps in, logits out. One thread uses it.
public protocol StepExecutor: AnyObject {
    /// Tokens per KV block.
    var keyValueBlockTokens: Int { get }
    /// How it is driven: its plan's.
    var schedule: ReplicaSchedule { get }
    var blockCount: Int { get }
    var vocabularySize: Int { get }
    var maximumStepTokens: Int { get }
    var maximumLogits: Int { get }
    func run(_ step: Step) throws
    /// Row `row` of the last step's logits; valid until the next `run`.
    func logits(row: Int) -> UnsafeBufferPointer<Float>
}

extension StepExecutor {
    /// Of an executor without a plan: one step at a time, as much as it takes.
    public var schedule: ReplicaSchedule {
        ReplicaSchedule(
            blockTokens: keyValueBlockTokens, pools: [blockCount], sequences: maximumLogits, stepTokens: maximumStepTokens, stepLogits: maximumLogits)
    }
}

extension Executor: StepExecutor {
    public var schedule: ReplicaSchedule { plan.replicas[0].schedule }
    public var keyValueBlockTokens: Int { Executor.blockTokens }
    public var maximumStepTokens: Int { options.maximumStepTokens }
    public var maximumLogits: Int { options.maximumLogits }
}
