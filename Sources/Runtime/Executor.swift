public import Checkpoints
public import Devices
public import Models
public import Plans

/// Executes a plan: holds the packed weights, the KV cache and the compiled program of one stage on this machine's CPU.
///
/// One engine thread calls `run`; the kernels run on the executor's own pinned pool. Nothing is allocated per step in steady state.
/// Greedy results do not depend on batch company, slicing or thread count.
public final class Executor {
    /// Tokens per KV block. Block i of a sequence holds positions `i * blockTokens ..< (i + 1) * blockTokens`.
    public static let blockTokens = ReplicaSchedule.keyValueBlockTokens

    public struct Options: Sendable {
        /// Most tokens one step may bring (all entries together).
        public var maximumStepTokens: Int
        /// Most logits rows one step may ask for.
        public var maximumLogits: Int
        /// Kernels to use; nil: the best this processor has.
        public var instructionSet: InstructionSet?

        public init(maximumStepTokens: Int = 512, maximumLogits: Int = 256, instructionSet: InstructionSet? = nil) {
            self.instructionSet = instructionSet
            self.maximumStepTokens = maximumStepTokens
            self.maximumLogits = maximumLogits
        }
    }

    public let model: ModelSpec
    public let plan: Plan
    public let options: Options
    public let cpu: CPU
    /// KV blocks this executor has room for; `Step.Entry.blocks` are indices below it.
    public let blockCount: Int
    public let vocabularySize: Int

    let checkpoint: Checkpoint
    let weights: Weights
    let cache: KeyValueCache
    let buffers: StepBuffers
    let embedding: EmbeddingLookup
    let jobs = JobStorage()
    /// The embedding's projection (mostly empty), the layers, and what makes logits of chosen rows.
    let program: StageProgram
    /// Block tables of the step's entries, one behind another.
    var blockTable: UnsafeMutablePointer<Int32>
    var blockTableCapacity: Int
    var logitsRows = 0

    /// Packs the weights (in parallel; `progress` gets values in 0...1 from the calling thread) and allocates the KV cache of the plan's capacity.
    /// - Throws: `RuntimeError`, or a checkpoint error from reading tensors.
    public init(plan: Plan, model: ModelSpec, checkpoint: Checkpoint, options: Options = Options(), progress: ((Double) -> Void)? = nil) throws {
        let stage = try ResidentStage(plan: plan, model: model)
        guard options.maximumStepTokens > 0, options.maximumLogits > 0, !model.layers.isEmpty else {
            throw RuntimeError.invalidPlan("a step needs at least one token, one row of logits and one layer")
        }
        guard let cpu = CPU(threads: stage.threads, instructionSet: options.instructionSet?.kernel) else {
            throw RuntimeError.outOfMemory(what: "the worker pool", needed: 0, available: 0)
        }
        self.plan = plan
        self.model = model
        self.options = options
        self.cpu = cpu
        self.checkpoint = checkpoint
        vocabularySize = model.vocabularySize
        blockCount = max(1, stage.keyValueBlocks)
        let linears = model.linears
        weights = try Weights(checkpoint: checkpoint, cpu: cpu, linears: linears, progress: progress)
        cache = try KeyValueCache(model: model, format: stage.keyValueFormat, blockCount: blockCount)
        var rotaryDimensions = 0
        if case .rotary(let rotary) = model.positions { rotaryDimensions = rotary.dimensions }
        buffers = try StepBuffers(
            model: model, cpu: cpu, tokens: options.maximumStepTokens, logitsRows: options.maximumLogits, linears: linears,
            rotaryDimensions: rotaryDimensions)
        embedding = try EmbeddingLookup(model: model, weights: weights)
        program = try StageProgram(model: model, weights: weights, cache: cache, buffers: buffers, cpu: cpu, jobs: jobs)
        blockTableCapacity = 4096
        blockTable = .allocate(capacity: blockTableCapacity)
    }

    deinit { blockTable.deallocate() }

    /// Logits (vocabularySize floats) of row `row` of the last step; valid until the next `run`.
    public func logits(row: Int) -> UnsafeBufferPointer<Float> {
        precondition(row >= 0 && row < logitsRows, "the last step has no such row of logits")
        return UnsafeBufferPointer(start: buffers.logits + row * buffers.logitsStride, count: vocabularySize)
    }

    /// Copies KV block `source` to `destination` (all layers): what a sequence does before it writes into a shared, partly filled block.
    public func copyBlock(from source: Int32, to destination: Int32) { cache.copyBlock(from: Int(source), to: Int(destination)) }

    /// Bytes of weights, KV cache and scratch as allocated, by kind: what the plan's line on the terminal prints.
    public var memory: (weights: Int, keyValue: Int, scratch: Int) { (weights.byteCount, cache.byteCount, buffers.byteCount) }

    /// Bytes the KV cache of `tokens` tokens takes under `format`, before anything is allocated; Int.max where it overflows.
    public static func keyValueBytes(model: ModelSpec, format: KeyValueFormat, tokens: Int) -> Int {
        guard (try? KeyValueCache.kernelFormat(format)) != nil else { return Int.max }
        return KeyValueCache.byteCount(model: model, format: format, blocks: tokens / blockTokens + (tokens % blockTokens == 0 ? 0 : 1))
    }

    /// Bytes of packed weights the model takes, before anything is allocated; Int.max where it overflows.
    public static func weightBytes(model: ModelSpec) -> Int {
        var seen: Set<TensorReference> = []
        var total = 0
        for linear in model.linears where seen.insert(linear.weight).inserted {
            guard let bytes = packedByteCount(format: linear.weight.format, rows: linear.outputs, columns: linear.inputs) else { return Int.max }
            let (sum, overflow) = total.addingReportingOverflow(bytes)
            if overflow { return Int.max }
            total = sum
        }
        return total
    }

    /// Bytes of weights that one decode step reads.
    public var bytesReadPerStep: Int { weights.byteCount }

    /// Multiply-add operations x 2 per token without attention and without the output matrix, and of the output matrix alone.
    public var operationsPerToken: (layers: Int, output: Int) {
        let output = 2 * model.output.outputs * model.output.inputs
        return (model.linears.reduce(0) { $0 + 2 * $1.outputs * $1.inputs } - output, output)
    }
}

extension ModelSpec {
    /// Every matrix that is multiplied, in the order of use.
    var linears: [LinearSpec] {
        var result: [LinearSpec] = []
        if let projection = embedding.projection { result.append(projection) }
        for layer in layers {
            result += [layer.attention.query, layer.attention.key, layer.attention.value, layer.attention.output]
            if let gate = layer.feedForward.gate { result.append(gate) }
            result += [layer.feedForward.up, layer.feedForward.down]
        }
        if let projection = outputProjection { result.append(projection) }
        result.append(output)
        return result
    }
}
