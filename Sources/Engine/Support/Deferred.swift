/// A value that is made once: where it is first asked for, or before that by a thread of its own if `prepare` was called.
///
///     let tokens = Deferred { try text.encode(prompt) }
///     tokens.prepare()
///     ...  // something else meanwhile
///     try tokens.value()
public final class Deferred<Value: Sendable>: Sendable {
    private enum State: Sendable {
        case untouched
        case making
        case ready(Result<Value, any Error>)
    }

    private let state = Monitor(State.untouched)
    private let make: @Sendable () throws -> Value

    public init(_ make: @escaping @Sendable () throws -> Value) { self.make = make }

    /// Starts making the value now, unless that was begun already.
    public func prepare() {
        if claim() { _ = SystemThread { self.run() } }
    }

    /// Makes the value, or waits for whoever does. An error is kept as the value is.
    public func value() throws -> Value {
        if claim() { run() }
        let result: Result<Value, any Error> = state.wait { state in
            if case .ready(let result) = state { result } else { nil }
        }
        return try result.get()
    }

    /// Whether the caller is the one to make the value.
    private func claim() -> Bool {
        state.update { state in
            guard case .untouched = state else { return false }
            state = .making
            return true
        }
    }

    private func run() {
        let result = Result { try make() }
        state.update { $0 = .ready(result) }
    }
}
