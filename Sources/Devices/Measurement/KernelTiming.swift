public import CKernels

/// How fast one operation ran on one shape.
public struct KernelTiming: Sendable {
    public var operation: KernelOperation
    /// The format, activation or kind.
    public var variant: String
    public var shape: String
    public var tokens: Int
    /// Of one run; the median.
    public var seconds: Double
    /// Multiplications and additions of one run; 0 where moving data is all there is.
    public var operations: Double
    /// Bytes that one run has to read and write at least.
    public var bytes: Double
    /// The arithmetic that `operations` are done in.
    public var arithmetic: mk_input
    /// Whether runs took turns over more data than the caches hold, so that `bytes` came from memory.
    public var isCold: Bool

    public var operationsPerSecond: Double { operations / seconds }
    public var bytesPerSecond: Double { bytes / seconds }

    /// The limit this run came nearest to, and how near; nil where none says anything.
    public func nearest(_ limits: MachineLimits) -> (name: String, fraction: Double)? {
        var found: [(name: String, fraction: Double)] = []
        if operations > 0 {
            let name = arithmetic == MK_INPUT_F32 ? "f32" : arithmetic == MK_INPUT_BF16 ? "bf16" : "int8"
            found.append((name, operationsPerSecond / max(1, limits.operationsPerSecond(arithmetic))))
        }
        if isCold, limits.readBytes > 0 { found.append(("read", bytesPerSecond / limits.readBytes)) }
        return found.max { $0.fraction < $1.fraction }
    }
}
