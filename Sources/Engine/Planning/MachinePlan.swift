import Checkpoints
public import Devices
import Models
public import Planning
public import Plans

/// What a command wants planned for this machine, and within which limits.
public struct PlanRequest: Sendable {
    /// nil: `auto`.
    public var strategy: Strategy?
    public var objective: Objective
    /// Of each sequence; what it is planned for, not what it may come to.
    public var promptTokens: Int
    public var outputTokens: Int
    /// Side by side.
    public var sequences: Int
    /// Bytes that the whole process may take; nil: what is free.
    public var memoryBytes: Int?
    /// Only these compute; empty: all.
    public var deviceNames: [String]
    public var constraints: Constraints
    public var emulated: [Emulation]
    /// Rows of logits that a step may ask for; more than sequences where every token's are wanted.
    public var logitsRows = 1

    /// Tokens of a prompt that the plan has room for in one step: a few are always there.
    var plannedTokens: Int { max(64, promptTokens) }

    public init(
        strategy: Strategy? = nil, objective: Objective = .latency, promptTokens: Int = 512, outputTokens: Int = 128, sequences: Int = 1,
        memoryBytes: Int? = nil, deviceNames: [String] = [], constraints: Constraints = Constraints(), emulated: [Emulation] = []
    ) {
        self.strategy = strategy
        self.objective = objective
        self.promptTokens = promptTokens
        self.outputTokens = outputTokens
        self.sequences = sequences
        self.memoryBytes = memoryBytes
        self.deviceNames = deviceNames
        self.constraints = constraints
        self.emulated = emulated
    }

    /// Whether it asks for nothing but the obvious: everything resident on the processor, where that fits.
    public var isPlain: Bool {
        strategy == nil && memoryBytes == nil && deviceNames.isEmpty && constraints == Constraints() && emulated.isEmpty
    }
}

/// A plan for this machine with what it was made from: its prediction can be made again for other tokens.
public struct MachinePlan: Sendable {
    public var plan: Plan
    public var problem: Problem
    /// The search that found it; nil for a plan that was given.
    public var result: Planner.Result?
}

extension Model {
    /// Plans this model for this machine.
    ///
    /// - Parameter progress: gets the finished share while the machine is measured for the first time.
    /// - Throws: `LoadError.nothingFits` with the reason, `.plan` for a wish that cannot be kept.
    public func planned(_ request: PlanRequest, options: LoadOptions, progress: (Double) -> Void = { _ in }) throws -> MachinePlan {
        try planned(request, options: options, profile: profile(request, options: options, progress: progress))
    }

    /// The same for hardware that is said.
    func planned(_ request: PlanRequest, options: LoadOptions, profile: Profile) throws -> MachinePlan {
        do {
            let problem = try problem(request, profile: profile, context: options.contextLength)
            var result = try Planner(problem).plan(request.strategy ?? .auto, timeLimit: 10)
            var plan = result.best.plan
            // As large as what was planned for, which is what memory was counted for: longer prompts take more steps.
            for index in plan.replicas.indices {
                let schedule = plan.replicas[index].schedule
                let tokens = request.plannedTokens.multipliedReportingOverflow(by: request.sequences)
                plan.replicas[index].schedule = schedule.limited(
                    sequences: request.sequences, stepTokens: max(request.sequences, tokens.overflow ? .max : tokens.partialValue)
                ).with(stepLogits: max(request.sequences, request.logitsRows))
            }
            result.best.plan = plan
            return MachinePlan(plan: plan, problem: problem, result: result)
        } catch let error as ConstraintError {
            throw LoadError.plan(error.description)
        } catch let error as Planner.NothingFits {
            throw LoadError.nothingFits(error.description)
        }
    }

    /// What the cost model needs to say how long a plan takes here that was made before.
    public func machinePlan(_ plan: Plan, _ request: PlanRequest, options: LoadOptions, progress: (Double) -> Void = { _ in })
        -> MachinePlan?
    {
        let profile = profile(request, options: options, progress: progress)
        guard let problem = try? problem(request, profile: profile, context: options.contextLength),
            let bound = try? plan.bound(to: problem.hardware.inventory)
        else { return nil }
        return MachinePlan(plan: bound, problem: problem)
    }

    private func problem(_ request: PlanRequest, profile: Profile, context: Int) throws -> Problem {
        var shape = ModelShape(spec)
        shape.fingerprint = checkpoint.fingerprintText()
        var constraints = request.constraints
        if !request.deviceNames.isEmpty {
            let labels = Hardware(profile).devices.map(\.label)
            for name in request.deviceNames where !labels.contains(name) {
                throw ConstraintError(message: "there is no device \(name); there are \(labels.joined(separator: ", "))")
            }
            constraints.excluded += labels.filter { !request.deviceNames.contains($0) }
        }
        let workload = Workload(
            prompt: .fixed(request.plannedTokens), output: .fixed(max(1, request.outputTokens)), demand: .batch(request.sequences),
            contextLimit: context)
        return try Problem(
            Scenario(hardware: profile, model: shape, workload: workload, objective: request.objective, constraints: constraints))
    }

    /// The machine as it was measured, with the memory that is free now, and the devices that are emulated.
    private func profile(_ request: PlanRequest, options: LoadOptions, progress: (Double) -> Void) -> Profile {
        var profile = LocalProfile.load(
            threads: options.threads, instructionSet: options.instructionSet, directory: options.diskDirectory, progress: progress)
        guard !profile.machines.isEmpty else { return profile }
        let room = ProcessMemory.available.map { $0 + ProcessMemory.resident }
        var capacity = min(room ?? .max, request.memoryBytes ?? .max)
        if capacity == .max { capacity = profile.machines[0].memory.usable }
        // What this process has taken already is not the model's.
        profile.machines[0].memory.capacity = max(1, capacity - ProcessMemory.resident)
        profile.machines[0].memory.reserved = 0
        for emulation in request.emulated { profile.machines[0].devices.append(DeviceProfile(emulation)) }
        return profile
    }
}

extension DeviceProfile {
    /// An emulated device: its figures are taken as they are.
    init(_ emulation: Emulation) {
        let rate = emulation.operationsPerSecond
        self.init(
            name: "emulated", key: emulation.name, kind: .gpu,
            memory: MemoryProfile(capacity: emulation.memoryBytes, bytesPerSecond: emulation.readBytesPerSecond),
            readBytesPerSecond: emulation.readBytesPerSecond, operations: OperationRates(single: rate, half: rate, integer: rate),
            attentionOperations: rate,
            link: DeviceLink(
                toDevice: emulation.linkBytesPerSecond, fromDevice: emulation.linkBytesPerSecond, latency: emulation.latency),
            launch: 1e-9, origin: .declared, source: "emulated")
    }
}
