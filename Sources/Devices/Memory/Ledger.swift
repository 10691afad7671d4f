/// The bytes of one memory, by purpose: reserved before they are allocated, so that what does not fit is refused before anything happens.
///
/// Invariant: the sum of all rows never exceeds `capacity`. Any thread may call; O(1).
public final class Ledger: @unchecked Sendable {
    /// Bytes that may be reserved; `Int.max`: as many as the system gives.
    public let capacity: Int
    private let lock = Lock()
    private var rows = [Int](repeating: 0, count: MemoryPurpose.allCases.count)
    private var sum = 0
    private var highest = 0

    public init(capacity: Int = .max) { self.capacity = capacity }

    private func locked<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }

    /// Enters bytes; false, and nothing entered, where they do not fit.
    public func reserve(_ byteCount: Int, for purpose: MemoryPurpose) -> Bool {
        locked {
            guard byteCount >= 0, byteCount <= capacity - sum else { return false }
            rows[purpose.index] += byteCount
            sum += byteCount
            highest = max(highest, sum)
            return true
        }
    }

    /// Takes bytes that were reserved off again.
    public func release(_ byteCount: Int, for purpose: MemoryPurpose) {
        locked {
            precondition(rows[purpose.index] >= byteCount, "more bytes were released than reserved")
            rows[purpose.index] -= byteCount
            sum -= byteCount
        }
    }

    public func bytes(for purpose: MemoryPurpose) -> Int { locked { rows[purpose.index] } }
    public var used: Int { locked { sum } }
    /// The most that ever was reserved.
    public var peak: Int { locked { highest } }
    public var available: Int { locked { capacity - sum } }
}

extension MemoryPurpose {
    fileprivate var index: Int {
        switch self {
        case .weights: 0
        case .keyValue: 1
        case .activations: 2
        case .staging: 3
        case .scratch: 4
        case .logits: 5
        }
    }
}
