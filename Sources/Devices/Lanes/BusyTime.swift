/// How long something was busy, by whoever does its work: time in which at least one of them did counts once.
public final class BusyTime: @unchecked Sendable {
    private let lock = Lock()
    private var active = 0
    private var since = 0.0
    private var total = 0.0

    public init() {}

    public func begin() {
        lock.lock()
        defer { lock.unlock() }
        if active == 0 { since = Stopwatch.now() }
        active += 1
    }

    public func end() {
        lock.lock()
        defer { lock.unlock() }
        active -= 1
        if active == 0 { total += Stopwatch.now() - since }
    }

    /// Of what has ended.
    public var seconds: Double {
        lock.lock()
        defer { lock.unlock() }
        return total
    }
}
