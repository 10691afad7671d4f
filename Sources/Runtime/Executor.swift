public import Checkpoints
public import Devices
public import Models
public import Plans

/// Executes a plan: weights, KV caches and programs of its stages on this machine's devices.
///
///     let ticket = try executor.submit(step)
///     try executor.wait(ticket)
///     executor.logits(ticket, row: 0)
///
/// One thread calls it. Several steps may be submitted before the first is waited for, up to
/// `schedule.stepsInFlight`; they run in the order in
/// which they came, each stage
/// one at a time, so that every stage of a pipeline has one. A lone stage runs on the caller's thread within `submit`.
/// Kernels run on pinned pools. Nothing is allocated per step in steady state. Results do not depend on batch company, slices, cuts,
/// stages or thread counts.
public final class Executor {
    /// Tokens per KV block. Block i of a sequence holds positions `i * blockTokens ..< (i + 1) * blockTokens`.
    public static let blockTokens = ReplicaSchedule.keyValueBlockTokens

    public struct Options: Sendable {
        /// Kernels to use; nil: the best this processor has.
        public var instructionSet: InstructionSet?

        public init(instructionSet: InstructionSet? = nil) { self.instructionSet = instructionSet }
    }

    public let model: ModelSpec
    public let plan: Plan
    public let options: Options
    /// How it is driven: the most that one step may bring and ask for, the steps in flight, the KV blocks.
    public let schedule: ReplicaSchedule
    public let cpu: CPU
    /// KV blocks this executor has room for; `Step.Entry.blocks` are indices below it.
    public let blockCount: Int
    public let vocabularySize: Int

    let host: HostMemory
    let stages: [StageRunner]
    /// Of the steps in flight: step n uses n modulo their count.
    let tables: [StepTables]
    /// By stage; empty where the caller's thread runs the lone stage.
    private(set) var lanes: [Lane] = []
    /// Positions the table of learned positions has; nil where there is none.
    let positionLimit: Int?
    /// Steps submitted so far, and waited for.
    var submitted: UInt32 = 0
    var completed: UInt32 = 0
    /// The step that `run` ran.
    var last: StepTicket?

    /// Packs the weights (in parallel; `progress` gets values in 0...1 from the calling thread) and allocates the KV cache of the plan's
    /// capacity.
    ///
    /// - Parameter device: what runs in the place of the plan's processor; nil: the processor.
    /// - Throws: `RuntimeError`, `MemoryError`, `DeviceError`, or a checkpoint error from reading tensors.
    public init(
        plan: Plan, model: ModelSpec, checkpoint: Checkpoint, options: Options = Options(), device given: (any Device)? = nil,
        progress: ((Double) -> Void)? = nil
    ) throws {
        let slices = try StageSlice.all(of: plan, model: model)
        schedule = plan.replicas[0].schedule
        self.plan = plan
        self.model = model
        self.options = options
        let host = HostMemory()
        self.host = host
        let processor = try CPUDevice(threads: plan.devices[0].threads ?? 1, instructionSet: options.instructionSet, memory: host)
        let device = given ?? processor
        cpu = processor.cpu
        vocabularySize = model.vocabularySize
        blockCount = schedule.blockCount
        let limits = StepLimits(tokens: schedule.stepTokens, logits: schedule.stepLogits)
        let kinds = StepTableKinds(model)
        var tables: [StepTables] = []
        for slot in 0..<schedule.stepsInFlight {
            tables.append(
                try StepTables(
                    memory: host, slot: slot, tokens: limits.tokens, logits: limits.logits, rotaries: kinds.rotaries,
                    tileTokens: kinds.tileTokens))
        }
        self.tables = tables
        var stages: [StageRunner] = []
        for (number, slice) in slices.enumerated() {
            stages.append(
                try StageRunner(
                    slice: slice, checkpoint: checkpoint, device: device, packer: processor.cpu, tables: kinds, limits: limits,
                    schedule: schedule
                ) { part in progress?((Double(number) + part) / Double(slices.count)) })
        }
        self.stages = stages
        if case .learned(let table, let offset) = model.positions {
            positionLimit = (table.shape.first ?? 0) - offset
        } else {
            positionLimit = nil
        }
        if stages.count > 1 { lanes = try Self.makeLanes(stages, tables) }
    }

    /// A thread for each stage; stage i starts a step when stage i - 1 is done with it.
    private static func makeLanes(_ stages: [StageRunner], _ tables: [StepTables]) throws -> [Lane] {
        var lanes: [Lane] = []
        for number in stages.indices {
            let work = StageWork(
                stage: stages[number], next: number + 1 < stages.count ? stages[number + 1] : nil, tables: tables, before: lanes.last?.done)
            lanes.append(try Lane(name: "stage \(number)") { work.run($0) })
        }
        return lanes
    }

    deinit { for lane in lanes { lane.stop() } }

    /// Bytes of weights, KV cache and everything else as allocated: what the plan's line on the terminal prints.
    public var memory: (weights: Int, keyValue: Int, scratch: Int) {
        let ledger = host.ledger
        let weights = ledger.bytes(for: .weights), keyValue = ledger.bytes(for: .keyValue)
        return (weights, keyValue, ledger.used - weights - keyValue)
    }

    /// Bytes the KV cache of `tokens` tokens takes under `format`, before anything is allocated; Int.max where it overflows.
    public static func keyValueBytes(model: ModelSpec, format: KeyValueFormat, tokens: Int) -> Int {
        let blocks = tokens / blockTokens + (tokens % blockTokens == 0 ? 0 : 1)
        return KeyValueCache.byteCount(model.layers.map(\.attention), format: format, blocks: blocks) ?? .max
    }

    /// Bytes of packed weights the model takes, before anything is allocated; Int.max where it overflows.
    public static func weightBytes(model: ModelSpec) -> Int {
        var seen: Set<TensorReference> = []
        var total = 0
        for linear in model.linears where seen.insert(linear.weight).inserted {
            guard let bytes = packedByteCount(format: linear.weight.format, rows: linear.outputs, columns: linear.inputs) else {
                return Int.max
            }
            let (sum, overflow) = total.addingReportingOverflow(bytes)
            if overflow { return Int.max }
            total = sum
        }
        return total
    }

    /// Bytes of weights that one decode step reads.
    public var bytesReadPerStep: Int { stages.reduce(0) { $0 + $1.weights.store.matrixBytes } }

    /// Bytes of weights that a step with logits streams from disk.
    public var bytesStreamedPerStep: Int { stages.reduce(0) { $0 + ($1.weights.streamer?.pieces.reduce(0) { $0 + $1.byteCount } ?? 0) } }

    /// Multiply-add operations x 2 per token without attention and without the output matrix, and of the output matrix alone.
    public var operationsPerToken: (layers: Int, output: Int) {
        let output = 2 * model.output.outputs * model.output.inputs
        return (model.linears.reduce(0) { $0 + 2 * $1.outputs * $1.inputs } - output, output)
    }
}

/// What a stage's lane does with step after step.
private final class StageWork: @unchecked Sendable {
    private let stage: StageRunner
    private let next: StageRunner?
    private let tables: [StepTables]
    private let before: Event?

    init(stage: StageRunner, next: StageRunner?, tables: [StepTables], before: Event?) {
        self.stage = stage
        self.next = next
        self.tables = tables
        self.before = before
    }

    func run(_ number: UInt32) {
        before?.wait(number)
        let tables = tables[Int(number - 1) % tables.count]
        stage.run(tables, step: number)
        if let next { stage.send(tables, to: next) }
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
