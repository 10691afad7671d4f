#if canImport(Glibc)
    import Glibc
#endif

/// When something that does one thing after another is free again: what makes an emulated device or link take as long as its figures say.
///
/// Waits under 100 microseconds are carried over to the next one instead of burning a processor.
public final class Timeline: @unchecked Sendable {
    private let lock = Lock()
    private var end = 0.0
    private var total = 0.0
    private var jobs = 0
    private var late = 0

    public init() {}

    /// Puts a job of so many seconds at the end of the line and waits until it would be over.
    ///
    /// - Parameter start: when it really began (`Stopwatch.now()`). One that has already taken longer than its figures counts as late.
    public func take(_ seconds: Double, since start: Double) {
        let now = Stopwatch.now()
        let until = locked { () -> Double in
            jobs += 1
            total += seconds
            let over = max(start, end) + seconds
            if now > over + 0.05 * seconds + 5e-6 { late += 1 }
            end = max(now, over)
            return end
        }
        Self.sleep(until: until)
    }

    /// Seconds that jobs should have taken together, how many there were, and how many really took longer.
    public var figures: (seconds: Double, jobs: Int, late: Int) { locked { (total, jobs, late) } }

    private func locked<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }

    private static func sleep(until time: Double) {
        let left = time - Stopwatch.now()
        guard left > 1e-4 else { return }
        // The system wakes up late by some 50 microseconds.
        let seconds = left - 6e-5
        var wait = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
        nanosleep(&wait, nil)
        while Stopwatch.now() < time { sched_yield() }
    }
}
