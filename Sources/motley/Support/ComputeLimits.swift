import Checkpoints
import Devices
import Engine
import Models

/// What this machine's memory and arithmetic can do at most, as a model meets them.
struct ComputeLimits {
    /// Bytes per second of reading memory one after another; 0: unknown.
    var readBytes = 0.0
    /// Operations per second by the names of the arithmetic; empty: unknown.
    var peaks: [(name: String, perSecond: Double)] = []

    /// The arithmetic that products with the model's main format run on.
    func peak(for model: Model) -> (name: String, perSecond: Double)? {
        guard let format = model.spec.formats.first?.format else { return nil }
        let name = format.isQuantised ? "int8" : format == .f32 ? "f32" : "bf16"
        return peaks.first { $0.name == name }
    }

    /// Takes about a quarter of a second. Everything is unknown where the worker threads cannot be started.
    static func measure(threads: Int) -> ComputeLimits {
        guard let cpu = CPU(threads: threads) else { return ComputeLimits() }
        let limits = MachineLimits.measure(cpu)
        return ComputeLimits(
            readBytes: limits.readBytes,
            peaks: [
                (name: "int8", perSecond: limits.int8), (name: "bf16", perSecond: limits.bfloat16),
                (name: "f32", perSecond: limits.float32),
            ])
    }
}
