/// What is allocated of a memory, by purpose.
public struct MemoryAccount: Sendable, Equatable {
    public var name: String
    /// nil: as much as the system gives.
    public var capacity: Int?
    public var bytes: [MemoryPurpose: Int]

    public init(_ memory: any Memory) {
        name = memory.name
        capacity = memory.ledger.capacity == .max ? nil : memory.ledger.capacity
        bytes = [:]
        for purpose in MemoryPurpose.allCases { bytes[purpose] = memory.ledger.bytes(for: purpose) }
    }

    public var sum: Int { bytes.values.reduce(0, +) }
}
