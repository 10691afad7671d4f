import ArgumentParser
import Devices
import Engine
import Planning
import Plans

/// `motley plan --this-machine`: what the plan of a run here depends on, beside the options that every plan has.
struct ThisMachineOptions: ParsableArguments {
    @Flag(help: "Plan for this machine, as run and bench do, for --model, --prompt, --generate and --parallel.")
    var thisMachine = false

    @Option(name: [.customShort("p"), .long], help: "Tokens of each prompt (default: 512).")
    var prompt: Int?

    @Option(name: [.customShort("n"), .long], help: "Tokens to generate in each sequence (default: 128).")
    var generate: Int?

    @Option(help: "Sequences side by side (default: 1).")
    var parallel: Int?

    @Option(name: [.customShort("t"), .long], help: "Worker threads (default: the processor's cores).")
    var threads: Int?

    @Option(help: "Most memory of the whole process, for example 4GiB (default: what is free).")
    var memory: ByteCount?

    @Option(help: "Compute on this device alone. May be repeated.")
    var device: [String] = []

    @Option(
        help: "A device that does not exist: 'gpu0: memory=2GiB, read=300GB/s, int8=50TOP/s, link=12GB/s'. May be repeated.",
        transform: EmulatedDeviceText.init(parsing:))
    var emulate: [EmulatedDeviceText] = []

    @Option(help: "A folder on the disk to use (default: a folder in the user's cache).")
    var diskDir: String?

    func validate() throws {
        for (name, value) in [("prompt", prompt), ("generate", generate), ("parallel", parallel), ("threads", threads)] {
            if let value, value < 1 || value > 1 << 24 { throw ValidationError("--\(name) is \(value); it must be from 1 to \(1 << 24).") }
        }
    }

    /// Whether something of it was given.
    var isUsed: Bool {
        prompt != nil || generate != nil || parallel != nil || threads != nil || memory != nil || !device.isEmpty || !emulate.isEmpty
            || diskDir != nil
    }

    func plan(_ model: Model, _ input: PlanningOptions) throws -> MachinePlan {
        var constraints = Constraints()
        for pin in input.pins { try constraints.pin(pin) }
        for limit in input.limits { try constraints.limit(limit) }
        constraints.excluded = input.excluded
        if let kv = input.kv { try constraints.keyValue(kv) }
        var objective = Objective.latency
        switch input.objective {
        case nil: objective = (parallel ?? 1) > 1 ? .throughput : .latency
        case "latency": objective = .latency
        case "ttft": objective = .timeToFirstToken
        case "throughput": objective = .throughput
        default: throw FieldError(field: "--objective", message: "expected latency, ttft or throughput for this machine")
        }
        let prompt = prompt ?? min(512, model.contextLength), output = generate ?? 128
        let request = PlanRequest(
            strategy: try input.chosenStrategy, objective: objective, promptTokens: prompt, outputTokens: output, sequences: parallel ?? 1,
            memoryBytes: memory?.bytes, deviceNames: device, constraints: constraints, emulated: emulate.map(\.emulation))
        let context = min(model.contextLength, prompt + output)
        let options = LoadOptions(
            threads: threads ?? ProcessorTopology.coreCount, contextLength: context, sequences: parallel ?? 1,
            emulated: emulate.map(\.emulation), diskDirectory: diskDir)
        let bar = ProgressBar("measuring this machine")
        defer { bar.finish() }
        do {
            return try model.planned(request, options: options) { bar.update($0) }
        } catch LoadError.nothingFits(let what) {
            throw Planner.NothingFits(description: what)
        }
    }
}
