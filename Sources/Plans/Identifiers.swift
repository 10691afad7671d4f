/// A host; index into `Profile.machines` or, in a plan, whatever the plan's author numbered.
public struct MachineID: RawRepresentable, Hashable, Sendable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public init(_ value: Int) { rawValue = value }
}

/// Something that computes: a CPU (all its sockets' worker threads) or a GPU, unique over all machines of a plan.
public struct DeviceID: RawRepresentable, Hashable, Sendable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public init(_ value: Int) { rawValue = value }
}

/// Something that holds bytes: GPU memory, host memory, disk; unique over all machines of a plan.
public struct MemoryID: RawRepresentable, Hashable, Sendable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public init(_ value: Int) { rawValue = value }
}
