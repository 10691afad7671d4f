#if canImport(Glibc)
    import Glibc
#endif

/// A thread that does one thing over and over, in order: what a stage, a link or a disk is to a program.
///
/// `turn` is called with 1, 2, 3, ... as far as `request` has allowed, and `done` rises with each. Nothing is allocated per turn.
public final class Lane: @unchecked Sendable {
    /// How many turns are done.
    public let done = Event()
    private let allowed = Event()
    private let stopping = Event()
    private var thread = pthread_t()
    private var requested: UInt32 = 0
    private let turn: @Sendable (UInt32) -> Void

    /// Starts the thread.
    /// - Throws: `DeviceError` where the system refuses it.
    public init(name: String, turn: @escaping @Sendable (UInt32) -> Void) throws(DeviceError) {
        self.turn = turn
        let box = Unmanaged.passRetained(Loop(allowed: allowed, done: done, stopping: stopping, turn: turn))
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Loop>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            box.release()
            throw DeviceError(device: name, message: "the system refused a thread")
        }
    }

    /// Lets the lane do all turns up to `number`.
    public func request(_ number: UInt32) {
        requested = number
        allowed.signal(number)
    }

    /// Ends the thread after the turn it is in, and waits for it.
    public func stop() {
        guard !stopping.has(1) else { return }
        stopping.signal(1)
        allowed.signal(requested &+ 1)
        pthread_join(thread, nil)
    }

    deinit { stop() }

    private final class Loop: @unchecked Sendable {
        let allowed: Event
        let done: Event
        let stopping: Event
        let turn: @Sendable (UInt32) -> Void

        init(allowed: Event, done: Event, stopping: Event, turn: @escaping @Sendable (UInt32) -> Void) {
            self.allowed = allowed
            self.done = done
            self.stopping = stopping
            self.turn = turn
        }

        func run() {
            var number: UInt32 = 1
            while true {
                allowed.wait(number)
                if stopping.has(1) { return }
                turn(number)
                done.signal(number)
                number &+= 1
            }
        }
    }
}
