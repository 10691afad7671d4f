/// The staging memory through which a device multiplies weights that are not in its own memory.
///
/// The window is a ring of `slots` slabs of `slabBytes`. It is filled in program order: shards in the order in which the stage uses them. A
/// shard larger than a slab comes in chunks of a slab, one after another. Embedding rows are looked up where they are and pass through no
/// stream.
public struct WeightStream: Sendable, Equatable {
    /// At least so many slabs: one is multiplied with, one is ready, one is being filled.
    public static let leastSlots = 3

    public var device: DeviceID
    /// Bytes in the device's memory.
    public var window: Int
    /// Slabs that the window is divided into.
    public var slots: Int
    /// Bytes in host memory on the way from disk to a GPU; 0 elsewhere.
    public var bounce: Int

    public init(device: DeviceID, window: Int, slots: Int = WeightStream.leastSlots, bounce: Int = 0) {
        self.device = device
        self.window = window
        self.slots = slots
        self.bounce = bounce
    }

    /// Bytes of a slab.
    public var slabBytes: Int { window / max(1, slots) }
}
