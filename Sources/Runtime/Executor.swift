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
/// One thread calls it. Several steps may be submitted before the first is waited for, up to `schedule.stepsInFlight`; they run in the
/// order in which they came. Each device of a stage and each way between two memories is a lane, a thread of its own; a lone lane runs on
/// the caller's thread within `submit`. Kernels run on pinned pools. Nothing is allocated per step in steady state. Results do not depend
/// on batch company, slices, cuts, placement, stages or thread counts.
public final class Executor {
    /// Tokens per KV block. Block i of a sequence holds positions `i * blockTokens ..< (i + 1) * blockTokens`.
    public static let blockTokens = ReplicaSchedule.keyValueBlockTokens

    public struct Options: Sendable {
        /// Kernels to use; nil: the best this processor has.
        public var instructionSet: InstructionSet?
        /// Worker threads of a processor of which the plan does not say how many.
        public var threads: Int
        /// The plan's GPUs, by their keys.
        public var emulated: [Emulation]
        /// The folder of the plan's disk: where keys and values go.
        public var diskDirectory: String
        /// Records what each lane does; nil: nothing is recorded.
        public var trace: RunTrace?

        public init(
            instructionSet: InstructionSet? = nil, threads: Int = 1, emulated: [Emulation] = [], diskDirectory: String = "/var/tmp",
            trace: RunTrace? = nil
        ) {
            self.instructionSet = instructionSet
            self.threads = threads
            self.emulated = emulated
            self.diskDirectory = diskDirectory
            self.trace = trace
        }
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

    let devices: LocalDevices
    let stages: [StageRunner]
    private let shared: StepBuffers
    private let channels = ChannelStorage()
    /// Of the steps in flight: step n uses n modulo their count.
    let tables: [StepTables]
    /// Threads of the stages' lanes; empty where the caller's thread runs the only one.
    private(set) var lanes: [Lane] = []
    let variants: StepVariants
    /// Most tokens of a micro-batch.
    let partTokens: Int
    /// Micro-batches are no larger, unless one sequence brings more: what devices compute at once bounds their buffers.
    private static let microBatchTokens = 2048
    /// Whether a step may only begin when the one before is done.
    let oneStepAtATime: Bool
    /// Logits of all steps in flight, in host memory.
    let logitsRows: Rows
    /// By step in flight: which of its rows of logits has the n-th row that was asked for.
    var rowPlaces: [[Int32]]
    /// Positions the table of learned positions has; nil where there is none.
    let positionLimit: Int?
    /// Steps submitted so far, and waited for.
    var submitted: UInt32 = 0
    var completed: UInt32 = 0
    /// The step that `run` ran.
    var last: StepTicket?

    /// Executes all stages of a plan.
    ///
    /// - Parameter device: what runs in the place of the plan's processor; nil: the processor.
    /// - Throws: `RuntimeError`, `MemoryError`, `DeviceError`, or a checkpoint error from reading tensors.
    public convenience init(
        plan: Plan, model: ModelSpec, checkpoint: Checkpoint, options: Options = Options(), device: (any Device)? = nil,
        progress: ((Double) -> Void)? = nil
    ) throws {
        try self.init(
            StageSlice.all(of: plan, model: model), of: plan, checkpoint: checkpoint, options: options, device: device, progress: progress)
    }

    /// Executes neighbouring stages of a plan's replica: sizes and reserves everything, compiles what each lane does, and then packs the
    /// weights (in parallel; `progress` gets values in 0...1 from the calling thread).
    ///
    /// - Parameters:
    ///   - slices: in order, the first with the embedding and the last with the output matrix: what comes and goes over a network has no
    ///     lane yet.
    ///   - given: what runs in the place of the plan's processor; nil: the processor.
    /// - Throws: `RuntimeError`, `MemoryError`, `DeviceError`, or a checkpoint error from reading tensors.
    public init(
        _ slices: [StageSlice], of plan: Plan, checkpoint: Checkpoint, options: Options = Options(), device given: (any Device)? = nil,
        progress: ((Double) -> Void)? = nil
    ) throws {
        guard let first = slices.first, first.stage.hasEmbedding, slices.last?.stage.hasOutput == true else {
            throw RuntimeError.unsupported("stages without the model's ends")
        }
        let model = first.model
        let replica = plan.replicas[0], schedule = replica.schedule
        self.schedule = schedule
        self.plan = plan
        self.model = model
        self.options = options
        let devices = try LocalDevices(plan, options: options, replacement: given)
        self.devices = devices
        cpu = devices.processor.cpu
        vocabularySize = model.vocabularySize
        blockCount = schedule.blockCount
        variants = first.variants
        let limits = StepLimits(
            tokens: min(schedule.stepTokens, max(schedule.sliceTokens, Self.microBatchTokens)), stepTokens: schedule.stepTokens,
            logits: schedule.stepLogits)
        partTokens = limits.tokens
        let kinds = StepTableKinds(model)
        let isStaged = slices.contains { slice in slice.stage.keyValue.contains { slice.isStaged($0) } }
        if isStaged, schedule.sharesPrefixes {
            throw RuntimeError.unsupported("prompts that share blocks of keys and values which are brought elsewhere to be attended to")
        }
        oneStepAtATime = slices.contains(where: \.hasSeveralAttending)
        var tables: [StepTables] = []
        for slot in 0..<schedule.stepsInFlight {
            tables.append(
                try StepTables(
                    memory: devices.host, slot: slot, tokens: limits.stepTokens, logits: limits.logits, rotaries: kinds.rotaries,
                    tileTokens: kinds.tileTokens, pools: schedule.pools, isStaged: isStaged))
        }
        self.tables = tables
        rowPlaces = Array(repeating: Array(repeating: 0, count: schedule.stepLogits), count: schedule.stepsInFlight)
        let shared = StepBuffers(model: model, devices: devices, limits: limits, slots: schedule.stepsInFlight)
        self.shared = shared
        logitsRows = try shared.logits(devices.hostID)
        var boundaries: [StageBoundary] = []
        for (boundary, next) in zip(replica.boundaries, slices.dropFirst()) {
            let memory = next.memory(of: boundary.receiver)
            boundaries.append(
                StageBoundary(
                    channel: channels.make(), sender: boundary.sender, receiver: boundary.receiver, receivingMemory: memory,
                    target: try shared.hidden(memory)))
        }
        var stages: [StageRunner] = []
        for (number, slice) in slices.enumerated() {
            stages.append(
                try StageRunner(
                    slice: slice, checkpoint: checkpoint, devices: devices, tables: kinds, limits: limits, schedule: schedule,
                    shared: shared, channels: channels, inlet: number > 0 ? boundaries[number - 1] : nil,
                    outlet: number < boundaries.count ? boundaries[number] : nil, directory: options.diskDirectory, trace: options.trace))
        }
        self.stages = stages
        if case .learned(let table, let offset) = model.positions {
            positionLimit = (table.shape.first ?? 0) - offset
        } else {
            positionLimit = nil
        }
        // Everything fits: now it is read.
        let total = max(1, stages.reduce(0) { $0 + $1.weights.matrixBytes })
        var loaded = 0
        for stage in stages {
            try stage.load(checkpoint, cpu: cpu) { bytes in
                loaded += bytes
                progress?(Double(loaded) / Double(total))
            }
        }
        let all = stages.flatMap(\.lanes)
        if all.count > 1 {
            for lane in all {
                let work = LaneWork(lane: lane, tables: tables)
                lanes.append(try Lane(name: lane.name) { work.run($0) })
            }
        }
    }

    deinit { for lane in lanes { lane.stop() } }

    /// Bytes of weights, KV cache and everything else as allocated: what the plan's line on the terminal prints.
    public var memory: (weights: Int, keyValue: Int, scratch: Int) {
        var weights = 0, keyValue = 0, used = 0
        for memory in devices.memories.values {
            weights += memory.ledger.bytes(for: .weights)
            keyValue += memory.ledger.bytes(for: .keyValue)
            used += memory.ledger.used
        }
        return (weights, keyValue, used - weights - keyValue)
    }

    /// Seconds that each resource worked so far, by the names that predictions have for them: `cpu0 compute`, `to gpu0`, `from gpu0`,
    /// `disk read`. To be asked between steps.
    public var busySeconds: [String: Double] {
        var result: [String: Double] = [:]
        for stage in stages {
            for (device, lane) in stage.deviceLanes { result["\(device) compute", default: 0] += lane.busySeconds }
            for streamer in stage.weights.streamers {
                let seconds = streamer.figures.readingSeconds
                if seconds > 0 { result["disk read", default: 0] += seconds }
            }
        }
        for device in devices.emulated {
            if device.inbound.figures.bytes > 0 { result["to \(device.name)"] = device.inbound.figures.seconds }
            if device.outbound.figures.bytes > 0 { result["from \(device.name)"] = device.outbound.figures.seconds }
        }
        return result
    }

    /// The share of emulated devices' jobs that took longer than their figures say; nil where nothing is emulated. Above .01 the times of a
    /// run mean nothing.
    public var emulationLate: Double? {
        if devices.emulated.isEmpty { return nil }
        var jobs = 0, late = 0
        for device in devices.emulated {
            jobs += device.figures.jobs
            late += device.figures.late
        }
        return Double(late) / Double(max(1, jobs))
    }

    /// Bytes of host memory that are really taken by steps of so many tokens and rows of logits, with so many KV blocks in use: pages of
    /// buffers for larger steps are never touched.
    public func touchedBytes(stepTokens: Int, logits: Int, blocks: Int) -> Int {
        let ledger = devices.host.ledger
        func part(_ purpose: MemoryPurpose, _ used: Int, of all: Int) -> Int {
            Int(Double(ledger.bytes(for: purpose)) * min(1, Double(used) / Double(max(1, all))))
        }
        return ledger.bytes(for: .weights) + ledger.bytes(for: .staging) + part(.keyValue, blocks, of: blockCount)
            + part(.activations, stepTokens, of: schedule.stepTokens) + part(.scratch, stepTokens, of: partTokens)
            + part(.logits, logits, of: schedule.stepLogits)
    }

    /// What is allocated of each memory, by purpose; the host's first.
    public var memories: [MemoryAccount] {
        devices.memories.sorted { $0.key.rawValue < $1.key.rawValue }.map { MemoryAccount($0.value) }
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
    public var bytesReadPerStep: Int { stages.reduce(0) { $0 + $1.weights.matrixBytes } }

    /// Bytes of weights that a step with logits streams from disk.
    public var bytesStreamedPerStep: Int {
        stages.flatMap(\.weights.streamers).flatMap(\.pieces).reduce(0) { $0 + $1.byteCount }
    }

    /// Multiply-add operations x 2 per token without attention and without the output matrix, and of the output matrix alone.
    public var operationsPerToken: (layers: Int, output: Int) {
        let output = 2 * model.output.outputs * model.output.inputs
        return (model.linears.reduce(0) { $0 + 2 * $1.outputs * $1.inputs } - output, output)
    }
}

/// What a lane's thread does with step after step.
private final class LaneWork: @unchecked Sendable {
    private let lane: StageLane
    private let tables: [StepTables]

    init(lane: StageLane, tables: [StepTables]) {
        self.lane = lane
        self.tables = tables
    }

    func run(_ number: UInt32) { lane.run(tables[Int(number &- 1) % tables.count], step: number) }
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
