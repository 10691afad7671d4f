/// A device as a plan or an inventory names it.
public struct PlannedDevice: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case cpu
        case gpu
    }

    public var id: DeviceID
    public var machine: MachineID
    public var kind: Kind
    /// Identity inside its machine: `cpu0` for the processor; for GPUs `pci:0000:65:00.0` or `uuid:...` where the profile knows it, else
    /// `gpu0` by order. Plans are bound to a machine's devices by it (`Plan.binding`).
    public var key: String
    /// For people, for example `gpu1 (RTX 3090)`; never an identity.
    public var name: String
    /// The memory it computes from: weights elsewhere are streamed there.
    public var memory: MemoryID
    /// Worker threads (CPU only).
    public var threads: Int?

    public init(id: DeviceID, machine: MachineID, kind: Kind, key: String, name: String, memory: MemoryID, threads: Int? = nil) {
        self.id = id
        self.machine = machine
        self.kind = kind
        self.key = key
        self.name = name
        self.memory = memory
        self.threads = threads
    }
}
