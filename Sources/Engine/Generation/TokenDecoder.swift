/// Turns a stream of tokens into a stream of text that never holds half a character.
public protocol TokenDecoder: Sendable {
    mutating func append(_ token: Int32) -> String
    /// What is left when the tokens end.
    mutating func finish() -> String
}
