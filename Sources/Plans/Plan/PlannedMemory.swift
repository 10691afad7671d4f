/// A memory as a plan or an inventory names it.
public struct PlannedMemory: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case host
        case gpu
        case disk
    }

    public var id: MemoryID
    public var machine: MachineID
    public var kind: Kind
    /// Identity inside its machine: `host`, its GPU's key, or `disk0` by order.
    public var key: String
    /// For people; never an identity.
    public var name: String
    /// Bytes that may be used of it; nil: not limited.
    public var capacity: Int?

    public init(id: MemoryID, machine: MachineID, kind: Kind, key: String, name: String, capacity: Int? = nil) {
        self.id = id
        self.machine = machine
        self.kind = kind
        self.key = key
        self.name = name
        self.capacity = capacity
    }
}
