/// Something that holds bytes: host memory, a GPU's, a disk. Buffers are the only way to its bytes, and every one of them is entered in
/// its ledger.
public protocol Memory: AnyObject, Sendable {
    /// The plan's name for it: `host`, `gpu0`.
    var name: String { get }
    /// What is allocated, by purpose, and how much may be.
    var ledger: Ledger { get }
    /// A zeroed buffer aligned to pages; its bytes are in the ledger until it is released.
    ///
    /// - Throws: `MemoryError` where the ledger or the system refuses; nothing is then entered.
    func allocate(_ byteCount: Int, for purpose: MemoryPurpose) throws(MemoryError) -> Buffer
}

/// What bytes of a memory are for: the rows of the ledger.
public enum MemoryPurpose: String, Sendable, CaseIterable {
    case weights
    case keyValue = "key_value"
    /// Hidden states and everything else that a step writes, for the largest step.
    case activations
    /// Windows through which weights, keys and values or hidden states pass.
    case staging
    /// What kernels need beside their inputs and outputs, packed inputs among it.
    case scratch
    case logits
}

/// Why bytes could not be had.
public struct MemoryError: Error, Sendable, Equatable, CustomStringConvertible {
    public var memory: String
    public var purpose: MemoryPurpose
    /// Bytes that were asked for, and that were left.
    public var needed: Int
    public var available: Int

    public init(memory: String, purpose: MemoryPurpose, needed: Int, available: Int) {
        self.memory = memory
        self.purpose = purpose
        self.needed = needed
        self.available = available
    }

    public var description: String {
        "does not fit: \(memory) has \(available) bytes left, \(purpose.rawValue.replacing("_", with: " and ")) need \(needed)"
    }
}

extension String {
    /// Foundation's method without Foundation.
    fileprivate func replacing(_ character: Character, with text: String) -> String {
        reduce(into: "") { $0 += $1 == character ? text : String($1) }
    }
}
