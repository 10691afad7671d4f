/// What there is: the machines, devices and memories that a plan can use, as a profile numbers them or as a program found them.
public struct Inventory: Sendable, Equatable {
    public var machines: [PlannedMachine]
    public var devices: [PlannedDevice]
    public var memories: [PlannedMemory]

    public init(machines: [PlannedMachine], devices: [PlannedDevice], memories: [PlannedMemory]) {
        self.machines = machines
        self.devices = devices
        self.memories = memories
    }
}

extension Plan {
    /// What the plan itself lists.
    public var inventory: Inventory { Inventory(machines: machines, devices: devices, memories: memories) }
}
