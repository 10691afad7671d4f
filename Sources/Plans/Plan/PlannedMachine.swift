/// A machine as a plan or an inventory names it.
public struct PlannedMachine: Sendable, Equatable {
    public var id: MachineID
    /// Unique in its plan: machines of a cluster are found again by it.
    public var name: String

    public init(id: MachineID, name: String) {
        self.id = id
        self.name = name
    }
}
