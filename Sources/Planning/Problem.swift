public import Models
public import Plans

/// What a search is given: hardware with the user's wishes applied, model, workload, objective.
public struct Problem: Sendable {
    public let hardware: Hardware
    public let shape: ModelShape
    public let workload: Workload
    public let objective: Objective
    public let constraints: Constraints
    public let seed: UInt64
    let limits: QueueModel.Limits
    /// Requests that rate workloads are scored with: the same for every plan.
    let requests: [Workload.Request]
    let fingerprint: String
    let keyValueFormat: KeyValueFormat
    /// Most sequences that a replica runs together where requests arrive over time; 1: no batching.
    var mostSequences = 256
    /// Whether `evaluate` simulates requests step by step with the engine's scheduler, as `motley simulate` does, or uses the quick queue
    /// model that searches use.
    var simulatesSteps = true
    let pins: [DevicePin]
    let realiser: Realiser

    /// The searches over layer counts take their square.
    static let mostLayers = 2048

    /// Requests of a Poisson workload a plan is scored with.
    static let scoredRequests = 400
    /// Of a trace or a batch only the first are simulated.
    static let mostRequests = 4000

    public init(_ scenario: Scenario, seed: UInt64 = 1) throws(ConstraintError) {
        guard scenario.model.layerCount <= Self.mostLayers, scenario.model.layerCount > 0 else {
            throw ConstraintError(
                message: "\(scenario.model.name) has \(scenario.model.layerCount) layers; models of 1 to \(Self.mostLayers) are planned for"
            )
        }
        hardware = try Hardware(scenario.hardware).restricted(by: scenario.constraints)
        shape = scenario.model
        workload = scenario.workload
        objective = scenario.objective
        constraints = scenario.constraints
        self.seed = seed
        keyValueFormat = scenario.constraints.keyValueFormat ?? .f16
        fingerprint = scenario.hardware.fingerprint
        limits = Self.limits(scenario)
        requests = Array(QueueModel.requests(workload, count: Self.scoredRequests, seed: seed).prefix(Self.mostRequests))
        pins = try Self.pins(constraints, hardware, shape)
        realiser = Realiser(hardware: hardware, shape: shape, keyValueFormat: keyValueFormat, workload: workload)
    }

    var memoryModel: MemoryModel { MemoryModel(hardware: hardware, shape: shape, workload: workload) }

    /// Positions that a sequence takes of the KV cache at full context: whole blocks.
    var blockTokensPerSequence: Int {
        let tokens = ReplicaSchedule.keyValueBlockTokens, (sum, overflow) = workload.contextTokens.addingReportingOverflow(tokens - 1)
        return overflow ? .max / tokens * tokens : max(1, sum / tokens) * tokens
    }

    /// Sequences a lone step runs together: the batch, or 1 where requests arrive over time.
    var togetherSequences: Int { workload.batch ?? 1 }

    private static func limits(_ scenario: Scenario) -> QueueModel.Limits {
        guard case .slo(let level) = scenario.objective else { return .init() }
        switch level {
        case .deadline(let seconds): return .init(total: seconds)
        case .limits(let first, let each): return .init(first: first ?? .infinity, each: each ?? .infinity)
        case .scaled(let factor, let device, let count):
            let seconds = referenceSeconds(device: device, count: count, shape: scenario.model, workload: scenario.workload)
            return .init(total: factor * seconds)
        }
    }

    /// What a lone request takes on so many devices of one kind in one machine, tensor-parallel over all of them whether the model fits or
    /// not: a yardstick.
    static func referenceSeconds(device name: String, count: Int, shape: ModelShape, workload: Workload) -> Double {
        guard let device = CatalogueDevice.named(name)?.profile else { return .infinity }
        let machine = MachineProfile(
            name: "reference", memory: MemoryProfile(capacity: 1 << 40, bytesPerSecond: 200e9),
            devices: Array(repeating: device, count: count))
        let hardware = Hardware(Profile(machines: [machine]))
        let parts = hardware.gpus.map { PartDraft(1 / Double(count), home: hardware.devices[$0].memory, device: $0) }
        let stage = StageDraft(
            machine: 0, layers: 0..<shape.layerCount, plans: [LayerDraft(attention: parts, feedForward: parts)], output: parts,
            embeddingHome: hardware.hosts[0],
            keyValue: parts.map { KeyValueDraft(share: $0.share, memory: $0.home, device: $0.device) }, hidden: parts.first?.home ?? 0)
        let plan = Realiser(hardware: hardware, shape: shape, keyValueFormat: .f16, workload: workload)
            .plan([ReplicaDraft(stages: [stage])])
        guard let model = try? ReplicaModel(plan.replicas[0], hardware: hardware, shape: shape) else { return .infinity }
        let prompt = workload.meanPrompt, output = workload.meanOutput
        return model.prefillSeconds(sequences: 1, promptTokens: prompt) + max(0, output - 1)
            * model.decodeRound(sequences: 1, context: prompt + output / 2)
    }
}

/// A plan with what the cost model says of it.
public struct Evaluation: Sendable {
    /// With its prediction.
    public var plan: Plan
    public var prediction: Prediction
    /// The objective as a number to be made small.
    public var score: Double
    /// What does not fit; a plan is usable only where this is empty.
    public var overflows: [String]
    public var strategy: String
    /// For people: what the strategy did.
    public var note: String
    public var pricePerHour: Double?
    /// Whether its requests were simulated step by step.
    var isSimulated = false

    public var fits: Bool { overflows.isEmpty }
}
