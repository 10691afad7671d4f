/// Consecutive layers on one machine, shared by one or more of its devices. The first may lack its attention and the last its feed-forward
/// (`Stage+Modules.swift`).
///
/// The *lead* of a module at n tokens is the device that computes its first shard (the one with the lowest range) at n tokens. The lead has
/// the residual stream while the module runs, adds the parts of the other devices and the bias. Each computing device norms its own copy of
/// the residual, so that all of them hold the module's norm weights.
public struct Stage: Sendable, Equatable {
    public var machine: MachineID
    /// First layer and one past the last.
    public var layers: Range<Int>
    /// true on the stage that embeds tokens / on the stage that computes logits.
    public var hasEmbedding: Bool
    public var hasOutput: Bool
    /// In the order of use: embedding, then of each layer attention, shared, feed-forward, then output.
    public var placements: [ModulePlacement]
    public var keyValue: [KeyValueShare]
    /// Where hidden states live between layers.
    public var hiddenStates: MemoryID
    /// One for each device that multiplies weights which are not in its memory.
    public var streams: [WeightStream]

    public init(
        machine: MachineID, layers: Range<Int>, hasEmbedding: Bool, hasOutput: Bool, placements: [ModulePlacement],
        keyValue: [KeyValueShare],
        hiddenStates: MemoryID, streams: [WeightStream] = []
    ) {
        self.machine = machine
        self.layers = layers
        self.hasEmbedding = hasEmbedding
        self.hasOutput = hasOutput
        self.placements = placements
        self.keyValue = keyValue
        self.hiddenStates = hiddenStates
        self.streams = streams
    }
}
