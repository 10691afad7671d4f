public import Checkpoints
public import Models
public import Plans

/// What can go wrong between a plan and a running model.
public enum RuntimeError: Error, Sendable, CustomStringConvertible {
    /// The plan asks for something this executor or machine cannot do.
    case unsupported(String)
    /// The plan does not fit the model.
    case invalidPlan(String)
    /// A memory of the plan would overflow: what was needed and what there is, in bytes.
    case outOfMemory(what: String, needed: Int, available: Int)

    public var description: String {
        switch self {
        case .unsupported(let what): "not supported: \(what)"
        case .invalidPlan(let what): "the plan does not fit: \(what)"
        case .outOfMemory(let what, let needed, let available):
            "\(what) needs \(needed) bytes, \(available) are available"
        }
    }
}

/// Executes a plan: holds the packed weights, the KV cache and the compiled program of one stage on this machine's CPU.
///
/// One engine thread calls `run`; the kernels run on the executor's own pinned pool. Nothing is allocated per step in steady state.
/// Greedy results do not depend on batch company, slicing or thread count.
public final class Executor {
    /// Tokens per KV block. Block i of a sequence holds positions `i * blockTokens ..< (i + 1) * blockTokens`.
    public static let blockTokens = 64

    public struct Options: Sendable {
        /// Most tokens one step may bring (all entries together).
        public var maximumStepTokens: Int
        /// Most logits rows one step may ask for.
        public var maximumLogits: Int

        public init(maximumStepTokens: Int = 2048, maximumLogits: Int = 256) {
            self.maximumStepTokens = maximumStepTokens
            self.maximumLogits = maximumLogits
        }
    }

    public let model: ModelSpec
    public let plan: Plan
    public let options: Options
    /// KV blocks this executor has room for; `Step.Entry.blocks` are indices below it.
    public let blockCount: Int
    public let vocabularySize: Int

    /// Packs the weights (in parallel; `progress` gets values in 0...1 from the calling thread) and allocates the KV cache of the plan's capacity.
    /// - Throws: `RuntimeError`, or a checkpoint error from reading tensors.
    public init(plan: Plan, model: ModelSpec, checkpoint: Checkpoint, options: Options = Options(), progress: ((Double) -> Void)? = nil) throws {
        self.plan = plan
        self.model = model
        self.options = options
        blockCount = 0
        vocabularySize = model.vocabularySize
        throw RuntimeError.unsupported("the executor is being written")
    }

    /// Runs one step. Afterwards `logits(row:)` gives the rows asked for, numbered over all entries in order.
    public func run(_ step: Step) throws {}

    /// Logits (vocabularySize floats) of row `row` of the last step; valid until the next `run`.
    public func logits(row: Int) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: nil, count: 0) }

    /// Copies KV block `source` to `destination` (all layers): what a sequence does before it writes into a shared, partly filled block.
    public func copyBlock(from source: Int32, to destination: Int32) {}

    /// Bytes of weights, KV cache and scratch as allocated, by kind: what the plan's line on the terminal prints.
    public var memory: (weights: Int, keyValue: Int, scratch: Int) { (0, 0, 0) }

    /// Bytes the KV cache of `tokens` tokens takes under `format`, before anything is allocated.
    public static func keyValueBytes(model: ModelSpec, format: KeyValueFormat, tokens: Int) -> Int { 0 }

    /// Bytes of weights that one decode step reads.
    public var bytesReadPerStep: Int { 0 }
    /// Multiply-add operations x 2 per token without attention and without the output matrix, and of the output matrix alone.
    public var operationsPerToken: (layers: Int, output: Int) { (0, 0) }
}
