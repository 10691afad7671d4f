/// Why a conversation cannot be read.
public enum ConversationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The document has no list `messages`.
    case noMessages
    /// A message has no role or no content that is text.
    case incompleteMessage

    public var description: String {
        switch self {
        case .noMessages: "holds no list 'messages'"
        case .incompleteMessage: "a message lacks 'role' or 'content'"
        }
    }
}
