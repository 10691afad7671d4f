public import JSON

/// One message of a conversation, as chat templates read it.
public struct ChatMessage: Sendable, Equatable {
    /// `system`, `user`, `assistant`, or what else the template knows.
    public var role: String
    public var content: String
    /// Further members that a template may look at, such as `name`, `tool_calls` or `reasoning_content`.
    public var members: JSONObject

    public init(role: String, content: String, members: JSONObject = [:]) {
        self.role = role
        self.content = content
        self.members = members
    }

    public var json: JSON {
        var object = JSONObject([(key: "role", value: .string(role)), (key: "content", value: .string(content))])
        for member in members where member.key != "role" && member.key != "content" { object[member.key] = member.value }
        return .object(object)
    }
}
