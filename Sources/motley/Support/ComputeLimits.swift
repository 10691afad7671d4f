import Models
import Checkpoints
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
    /// Empty until the kernels bring a measurement of their own peak.
    static func measure(threads: Int) -> [ComputeLimit] { [] }
}
