/// Which KV heads of which layers live in which memory, for the sequences of one pool, and who attends to them.
///
/// For every attention layer of a stage and every pool the heads of its shares cover the layer's KV heads exactly once. A share has room
/// for `ReplicaSchedule.pools[pool]` blocks. Attention runs on the computer; the blocks live in `memory`.
public struct KeyValueShare: Sendable, Equatable {
    /// Attention layers of the stage, by their number in the model.
    public var layers: Range<Int>
    /// KV heads of each of these layers.
    public var heads: Range<Int>
    /// Index into the schedule's pools.
    public var pool: Int
    public var memory: MemoryID
    public var format: KeyValueFormat
    /// Ascending by `fromTokens`, the first from 1.
    public var computers: [Computer]

    public init(layers: Range<Int>, heads: Range<Int>, pool: Int = 0, memory: MemoryID, format: KeyValueFormat, computers: [Computer]) {
        self.layers = layers
        self.heads = heads
        self.pool = pool
        self.memory = memory
        self.format = format
        self.computers = computers
    }
}
