/// A value that a thread of its own makes while the caller does something else.
public final class Background<Value: Sendable>: Sendable {
    private let result = Monitor<Result<Value, any Error>?>(nil)

    public init(_ make: @escaping @Sendable () throws -> Value) {
        let result = result
        _ = SystemThread {
            let made = Result { try make() }; result.update { $0 = made }
        }
    }

    /// Waits for the value.
    public func value() throws -> Value { try result.wait { $0 }.get() }
}
