import CKernels

/// Messages from one lane to another, counted on both sides: the n-th `receive` returns once the n-th `send` was called.
///
/// Everything written before a `send` is visible after its `receive`. One lane sends and one receives, in the same order. Trivial: programs
/// hold it without counting references; its storage is a `ChannelStorage`'s.
public struct Channel: Sendable {
    fileprivate struct State {
        var event = mk_event()
        /// The sender's count, and the receiver's.
        var sent: UInt32 = 0
        var received: UInt32 = 0
    }

    nonisolated(unsafe) fileprivate let state: UnsafeMutablePointer<State>

    public func send() {
        state.pointee.sent &+= 1
        mk_event_signal(event, state.pointee.sent)
    }

    public func receive() {
        state.pointee.received &+= 1
        mk_event_wait(event, state.pointee.received)
    }

    private var event: UnsafeMutablePointer<mk_event> { UnsafeMutableRawPointer(state).assumingMemoryBound(to: mk_event.self) }
}

/// What channels are made of and live as long as.
public final class ChannelStorage: @unchecked Sendable {
    private var states: [UnsafeMutablePointer<Channel.State>] = []

    public init() {}

    /// - Parameter credit: messages that are there from the beginning.
    public func make(credit: UInt32 = 0) -> Channel {
        // A cache line each: two lanes write it.
        let raw = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
        let state = raw.bindMemory(to: Channel.State.self, capacity: 1)
        state.initialize(to: Channel.State(event: mk_event(value: credit, sleepers: 0), sent: credit))
        states.append(state)
        return Channel(state: state)
    }

    deinit { for state in states { state.deallocate() } }
}
