/// Memory that the processor reaches: the machine's own, or a part of it that plays another memory's role.
public final class HostMemory: Memory {
    public let name: String
    public let ledger: Ledger

    /// - Parameter capacity: bytes that may be allocated; `Int.max`: as many as the system gives.
    public init(name: String = "host", capacity: Int = .max) {
        self.name = name
        ledger = Ledger(capacity: capacity)
    }

    public func allocate(_ byteCount: Int, for purpose: MemoryPurpose) throws(MemoryError) -> Buffer {
        guard ledger.reserve(byteCount, for: purpose) else {
            throw MemoryError(memory: name, purpose: purpose, needed: byteCount, available: ledger.available)
        }
        // Weights are streamed through: huge pages save the processor's address caches.
        guard let buffer = HostBuffer(byteCount: byteCount, hugePages: purpose == .weights) else {
            ledger.release(byteCount, for: purpose)
            throw MemoryError(memory: name, purpose: purpose, needed: byteCount, available: 0)
        }
        return Buffer(memory: self, byteCount: byteCount, purpose: purpose, address: buffer.base, owner: buffer)
    }
}
