/// Why a tokenizer cannot be made from a file: what was found, where, and what is supported.
public struct TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
    public var message: String

    public init(_ message: String) {
        self.message = message
    }

    public var description: String { "tokenizer: \(message)" }
}
