/// In which order a shard's bytes lie.
public enum WeightLayout: String, Sendable, CaseIterable {
    /// The bytes of the checkpoint's own file, on disk; packed on the way.
    case checkpoint
    /// Packed for CPU kernels, in memory or in a store of shards on disk. Also a shard that a CPU computes below some number of tokens and
    /// a GPU above: it is repacked on its way to the GPU.
    case cpu
    /// Packed for GPU kernels, in memory or in a store of shards on disk.
    case gpu

    /// The layout of a shard by where it is kept and who computes it.
    public init(home: PlannedMemory.Kind, isConverted: Bool, computers: [PlannedDevice.Kind]) {
        if home == .disk && !isConverted { self = .checkpoint } else { self = computers.contains(.cpu) ? .cpu : .gpu }
    }
}
