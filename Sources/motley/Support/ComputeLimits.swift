import Models
import Checkpoints
import Devices
import Engine

/// What this machine's arithmetic can do at most.
struct ComputeLimit {
    var name: String
    var operationsPerSecond: Double
    /// Whether products with the model's main format run on this arithmetic.
    var isInteger: Bool

    func applies(to model: Model) -> Bool { model.spec.formats.first?.format.isQuantised == isInteger }
}

enum ComputeLimits {
    /// Empty where the worker threads cannot be started.
    static func measure(threads: Int) -> [ComputeLimit] {
        guard let cpu = CPU(threads: threads) else { return [] }
        let limits = MachineLimits.measure(cpu)
        return [
            ComputeLimit(name: "int8", operationsPerSecond: limits.int8, isInteger: true),
            ComputeLimit(name: "bf16", operationsPerSecond: limits.bfloat16, isInteger: false),
        ]
    }
}
