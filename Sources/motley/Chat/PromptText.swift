import Engine
import JSON

/// One message of a conversation.
struct ChatMessage: Sendable, Equatable {
    var role: String
    var content: String

    var json: JSON { .object(JSONObject([(key: "role", value: .string(role)), (key: "content", value: .string(content))])) }
}

/// Text on its way to the model.
struct PromptText: Sendable {
    var text: String
    /// Made by a chat template, which brings its own special tokens.
    var isRendered: Bool

    init(text: String, isRendered: Bool) {
        self.text = text
        self.isRendered = isRendered
    }

    /// Renders a conversation for the model to continue.
    init(_ messages: [ChatMessage], model: Model) throws {
        let variables = JSONObject([
            (key: "messages", value: .array(messages.map(\.json))), (key: "add_generation_prompt", value: .bool(true)),
        ])
        self.init(text: try model.text.render(variables), isRendered: true)
    }

    /// At least as many as the tokens will be.
    var bound: Int { text.utf8.count + 16 }

    func tokens(_ model: Model) throws -> [Int32] { try model.text.encode(text, addsSpecial: !isRendered) }
}
