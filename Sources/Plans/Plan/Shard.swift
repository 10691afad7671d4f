public import Checkpoints

/// A range of a module in one memory, and who multiplies it.
public struct Shard: Sendable, Equatable {
    /// In the module's unit. Cuts fall on the model's grains alone (`CutGrain`).
    public var range: Range<Int>
    public var home: MemoryID
    public var layout: WeightLayout
    /// Format it is kept in; nil: the checkpoint's own.
    public var format: TensorFormat?
    /// Ascending by `fromTokens`, the first from 1.
    public var computers: [Computer]

    public init(range: Range<Int>, home: MemoryID, layout: WeightLayout, format: TensorFormat? = nil, computers: [Computer]) {
        self.range = range
        self.home = home
        self.layout = layout
        self.format = format
        self.computers = computers
    }
}
