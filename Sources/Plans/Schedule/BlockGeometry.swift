/// Sequences that share one pass over streamed weights: `microBatchCount` micro-batches of `microBatchSize` sequences (FlexGen's block).
public struct BlockGeometry: Sendable, Equatable {
    /// Sequences of one micro-batch.
    public var microBatchSize: Int
    public var microBatchCount: Int

    public static let single = BlockGeometry(microBatchSize: 1, microBatchCount: 1)

    public init(microBatchSize: Int, microBatchCount: Int) {
        self.microBatchSize = microBatchSize
        self.microBatchCount = microBatchCount
    }

    /// Sequences of all micro-batches; at least 1, `Int.max` where that overflows.
    public var sequences: Int {
        let (product, overflow) = max(1, microBatchSize).multipliedReportingOverflow(by: max(1, microBatchCount))
        return overflow ? .max : product
    }
}
