/// Bytes of a memory: the handle that operations name. A device knows what it stands for; the processor's are plain addresses.
///
/// The bytes stay valid, and stay in the ledger, as long as the object lives.
public final class Buffer: @unchecked Sendable {
    public let byteCount: Int
    public let purpose: MemoryPurpose
    public let memory: any Memory
    /// Where the processor finds the bytes; nil where it cannot reach them.
    public let address: UnsafeMutableRawPointer?
    /// What keeps the bytes alive.
    private let owner: AnyObject

    /// For memories: the bytes are already in the ledger and are taken off it with this object.
    public init(memory: any Memory, byteCount: Int, purpose: MemoryPurpose, address: UnsafeMutableRawPointer?, owner: AnyObject) {
        self.memory = memory
        self.byteCount = byteCount
        self.purpose = purpose
        self.address = address
        self.owner = owner
    }

    deinit { memory.ledger.release(byteCount, for: purpose) }
}

/// A part of a buffer.
public struct BufferRange: Sendable {
    public var buffer: Buffer
    public var offset: Int
    public var byteCount: Int

    public init(_ buffer: Buffer, offset: Int = 0, byteCount: Int? = nil) {
        precondition(offset >= 0 && offset <= buffer.byteCount)
        self.buffer = buffer
        self.offset = offset
        self.byteCount = byteCount ?? buffer.byteCount - offset
        precondition(self.byteCount >= 0 && self.byteCount <= buffer.byteCount - offset, "a range beyond its buffer")
    }

    /// Where the processor finds it.
    /// - Precondition: it can reach the buffer.
    public var address: UnsafeMutableRawPointer {
        guard let base = buffer.address else { preconditionFailure("the processor cannot reach \(buffer.memory.name)") }
        return base + offset
    }
}
