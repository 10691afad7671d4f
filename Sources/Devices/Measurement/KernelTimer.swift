import Checkpoints

/// Times the kernels on shapes of a real model, on all workers of a CPU.
public struct KernelTimer {
    let cpu: CPU
    /// Rows and columns of the matrices, a multiple of 256 both.
    let rows: Int
    let columns: Int
    /// Seconds per measurement, about.
    let budget: Double
    /// Runs take turns over at least this much data, so that the caches do not hold it.
    let coldBytes = 192 << 20

    /// What is timed: tokens times one row of a model of 4096, attention over 2048 positions, unless more tokens are asked for.
    public init(cpu: CPU, rows: Int = 4096, columns: Int = 4096, budget: Double = 0.1) {
        self.cpu = cpu
        self.rows = max(256, rows / 256 * 256)
        self.columns = max(256, columns / 256 * 256)
        self.budget = budget
    }

    /// Names of the forms an operation has.
    public static func variants(_ operation: KernelOperation) -> [String] {
        switch operation {
        case .product, .chunkedProduct, .packWeights, .dequantisation: TensorFormat.allCases.map(\.name)
        case .packInput: ["F32", "BF16", "Q32", "Q256"]
        case .attention, .keyValueStore: ["f16", "q8"]
        case .activation: ["relu", "silu", "gelu", "gelu-tanh"]
        case .rotation: ["halves", "interleaved"]
        case .rmsNorm, .layerNorm, .addition, .logSumExp: ["F32"]
        }
    }

    /// nil where there is no such variant, or no memory.
    public func time(_ operation: KernelOperation, variant: String, tokens: Int) -> KernelTiming? {
        guard tokens > 0, let work = work(operation, variant, tokens) else { return nil }
        let seconds = Stopwatch.median(budget: budget, work.run)
        return KernelTiming(
            operation: operation, variant: variant, shape: work.shape, tokens: tokens, seconds: seconds, operations: work.operations,
            bytes: work.bytes, arithmetic: work.arithmetic, isCold: work.isCold)
    }
}
