/// The two calls of OpenAI's API that generate text.
public enum OpenAIEndpoint: Sendable, CaseIterable {
    case chatCompletions
    case completions

    /// The endpoint at a path such as `/v1/chat/completions`; nil: another one, or none.
    public init?(path: String) {
        guard let found = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = found
    }

    public var path: String {
        switch self {
        case .chatCompletions: "/v1/chat/completions"
        case .completions: "/v1/completions"
        }
    }

    /// What `object` says in a response.
    var objectName: String {
        switch self {
        case .chatCompletions: "chat.completion"
        case .completions: "text_completion"
        }
    }

    /// What a response's id begins with.
    var idPrefix: String {
        switch self {
        case .chatCompletions: "chatcmpl-"
        case .completions: "cmpl-"
        }
    }
}
