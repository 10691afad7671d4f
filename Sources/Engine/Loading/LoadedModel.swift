public import Devices
import Runtime
public import Plans
import Checkpoints
import Models

/// A model ready to run: its engine, and what loading took.
public final class LoadedModel: Sendable {
    public let model: Model
    public let engine: Engine
    public let options: LoadOptions
    public let plan: Plan
    /// Bytes as allocated.
    public let memory: Memory
    /// From the call to readiness.
    public let loadSeconds: Double
    private let executor: ExecutorBox

    /// The executor for those who ask how it went.
    private final class ExecutorBox: @unchecked Sendable {
        var executor: Executor?
    }

    /// Seconds that each resource worked so far, by predictions' names for them, and the share of emulated devices' jobs that took longer
    /// than their figures say. To be asked when no request is running.
    public var achieved: (busySeconds: [String: Double], emulationLate: Double?) {
        (executor.executor?.busySeconds ?? [:], executor.executor?.emulationLate)
    }

    public struct Memory: Sendable {
        public var weights: Int
        public var keyValue: Int
        public var scratch: Int
        /// Weights that a step reads from disk.
        public var streamed: Int
        /// By memory and purpose.
        public var accounts: [MemoryAccount]
    }

    /// Loads on the engine's thread.
    /// - Parameters:
    ///   - engineOptions: nil: room for the context that is loaded, and at least eight requests at once, in turn where they do not fit.
    ///   - progress: gets values in 0...1, on the engine's thread.
    /// - Throws: `LoadError` before any work for what cannot be loaded, or what loading fails with.
    public init(
        _ model: Model, options: LoadOptions, engineOptions: EngineOptions? = nil, progress: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws {
        let engineOptions =
            engineOptions
            ?? EngineOptions(
                contextLength: options.contextLength, modelContextLength: model.contextLength, sequences: max(8, options.sequences))
        let start = MonotonicClock.seconds()
        try model.check(options)
        plan = try model.plan(options)
        let box = ExecutorBox()
        let memory = Monitor(Memory(weights: 0, keyValue: 0, scratch: 0, streamed: 0, accounts: []))
        let engine = try Engine(options: engineOptions) {
            let executor = try model.makeExecutor(options, progress: progress)
            box.executor = executor
            let used = executor.memory
            memory.update {
                $0 = Memory(
                    weights: used.weights, keyValue: used.keyValue, scratch: used.scratch, streamed: executor.bytesStreamedPerStep,
                    accounts: executor.memories)
            }
            return executor
        }
        self.model = model
        self.engine = engine
        executor = box
        self.options = options
        self.memory = memory.update { $0 }
        loadSeconds = MonotonicClock.seconds() - start
    }

    /// Tokens and format of the KV cache.
    private var keyValueText: String {
        let schedule = plan.replicas[0].schedule, formats = Set(plan.replicas[0].stages.flatMap(\.keyValue).map(\.format.rawValue)).sorted()
        let tokens =
            options.plan != nil
            ? "\(schedule.blockCount * schedule.blockTokens)"
            : "\(options.contextLength)\(options.sequences > 1 ? " x \(options.sequences)" : "")"
        return "\(tokens) tokens \(formats.joined(separator: "+"))"
    }

    /// What runs where, in one line.
    public func summary(instructionSet: String) -> String {
        let devices = plan.devices.map { device in
            "\(device.name) (\(device.threads.map { "\($0) thread\($0 == 1 ? "" : "s"), " } ?? "")\(instructionSet))"
        }
        let formats = model.spec.formats.prefix(2).map(\.format.name).joined(separator: "+")
        let name = model.spec.name ?? model.spec.architecture
        return "\(name) (\(model.spec.architecture), \(ParameterCount.text(model.spec.parameterCount)) parameters, \(formats)): "
            + "\(model.spec.layers.count) layers on \(devices.joined(separator: ", ")), weights \(Size.text(memory.weights))"
            + (memory.streamed > 0 ? " and \(Size.text(memory.streamed)) streamed each step" : "")
            + ", KV \(keyValueText) \(Size.text(memory.keyValue))"
    }
}

/// Numbers of parameters as people say them.
public enum ParameterCount {
    public static func text(_ count: Int) -> String {
        if count >= 1_000_000_000 { return Size.decimal(Double(count) / 1e9, 2) + " B" }
        if count >= 1_000_000 { return Size.decimal(Double(count) / 1e6, 1) + " M" }
        return Size.decimal(Double(count) / 1e3, 0) + " k"
    }
}
