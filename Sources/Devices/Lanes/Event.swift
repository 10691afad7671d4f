import CKernels

/// A counter that only rises, and a way to wait until it has risen so far: how lanes wait for one another.
///
/// A timeline semaphore on a GPU, a futex here. It wraps around: values are compared as long as they are less than 2^31 apart. Everything
/// written before `signal` is visible after `wait` returns. Waiting spins briefly, then sleeps.
public final class Event: @unchecked Sendable {
    private let counter: UnsafeMutablePointer<mk_event>

    public init() {
        counter = .allocate(capacity: 1)
        counter.initialize(to: mk_event())
    }

    deinit { counter.deallocate() }

    /// Raises the counter; a value it has already passed changes nothing.
    public func signal(_ value: UInt32) { mk_event_signal(counter, value) }

    /// Returns once the counter is at least `value`.
    public func wait(_ value: UInt32) { mk_event_wait(counter, value) }

    /// Whether the counter is at least `value`.
    public func has(_ value: UInt32) -> Bool { mk_event_has(counter, value) }
}
