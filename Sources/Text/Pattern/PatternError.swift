/// Why a splitting pattern cannot be used.
public struct PatternError: Error, Equatable, Sendable, CustomStringConvertible {
    public var pattern: String
    /// Unicode scalars from the start of the pattern.
    public var offset: Int
    public var message: String

    public var description: String { "the pattern \"\(pattern)\" cannot be used, at character \(offset): \(message)" }
}
