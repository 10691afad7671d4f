import ArgumentParser
import Devices
import Engine
import Glibc
import Planning
import Plans

/// What may be used of this machine, and how a plan for it is found.
struct LimitOptions: ParsableArguments {
    @Option(help: "Plan by even, memory, flexgen, hetegen, hexgen, hpipe or auto (default: auto where not all fits on the processor).")
    var strategy: StrategyName?

    @Option(help: "Most memory of the whole process, for example 4GiB (default: what is free).")
    var memory: ByteCount?

    @Option(help: "Compute on this device alone (see run --list-devices). May be repeated.")
    var device: [String] = []

    @Option(help: "Keep layers on a device: 'layers 0-9 = gpu0'. May be repeated.")
    var pin: [String] = []

    @Option(help: "At most so much of a memory: 'host=8GiB'. May be repeated.")
    var limit: [String] = []

    @Option(help: "Leave a device out. May be repeated.")
    var exclude: [String] = []

    @Option(
        help: "A device that does not exist: 'gpu0: memory=2GiB, read=300GB/s, int8=50TOP/s, link=12GB/s'. May be repeated.",
        transform: EmulatedDeviceText.init(parsing:))
    var emulate: [EmulatedDeviceText] = []

    @Option(help: "Write what every device, link and disk did when to a file that trace viewers read.")
    var trace: String?

    @Option(help: "A folder on the disk to use (default: a folder in the user's cache).")
    var diskDir: String?

    func validate() throws {
        let names = emulate.map(\.emulation.name)
        if Set(names).count != names.count { throw ValidationError("--emulate: two devices have one name.") }
        if let diskDir, access(diskDir, W_OK | X_OK) != 0 {
            throw ValidationError("--disk-dir \(diskDir): \(String(cString: strerror(errno))).")
        }
    }

    /// - Throws: `ConstraintError` for a wish that cannot be understood.
    func request(_ kv: KeyValueChoice?, objective: Objective, prompt: Int, output: Int, sequences: Int) throws -> PlanRequest {
        var constraints = Constraints()
        for text in pin { try constraints.pin(text) }
        for text in limit { try constraints.limit(text) }
        constraints.excluded = exclude
        if let kv,
            !(pin.isEmpty && limit.isEmpty && exclude.isEmpty && strategy == nil && memory == nil && device.isEmpty && emulate.isEmpty)
        {
            constraints.keyValueFormat = kv.format
        }
        return PlanRequest(
            strategy: strategy?.strategy, objective: objective, promptTokens: prompt, outputTokens: output, sequences: sequences,
            memoryBytes: memory?.bytes, deviceNames: device, constraints: constraints, emulated: emulate.map(\.emulation))
    }
}

/// A strategy's name on the command line.
struct StrategyName: ExpressibleByArgument {
    var strategy: Strategy

    init?(argument: String) {
        guard let strategy = Strategy(rawValue: argument) else { return nil }
        self.strategy = strategy
    }

    static var allValueStrings: [String] { Strategy.allCases.map(\.rawValue) }
}

/// `4GiB` on the command line.
struct ByteCount: ExpressibleByArgument {
    var bytes: Int

    init?(argument: String) {
        guard let bytes = Quantity.parse(argument, .bytes), bytes >= 1, bytes < 1e18 else { return nil }
        self.bytes = Int(bytes)
    }
}

/// An emulated device on the command line.
struct EmulatedDeviceText {
    var emulation: Emulation

    /// - Throws: `ValidationError` that says what is wrong.
    init(parsing argument: String) throws {
        do { emulation = try Emulation(parsing: argument) } catch { throw ValidationError(error.description) }
    }
}
