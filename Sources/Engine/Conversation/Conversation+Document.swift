public import JSON

extension Conversation {
    /// The conversation as `{"messages": [{"role", "content"}, ...]}`, the system message first.
    public var document: JSON { .object(JSONObject([(key: "messages", value: .array(allMessages.map(\.json)))])) }

    /// Takes the messages of such a document in place of its own; one of the system that is first becomes the system message. Reads roles
    /// and contents alone.
    public mutating func read(_ document: JSON) throws(ConversationError) {
        guard let list = document["messages"]?.array else { throw .noMessages }
        var read: [ChatMessage] = []
        for item in list {
            guard let role = item["role"]?.string, let content = item["content"]?.string else { throw .incompleteMessage }
            read.append(ChatMessage(role: role, content: content))
        }
        system = nil
        clear()
        if read.first?.role == "system" { system = read.removeFirst().content }
        for message in read { append(message) }
    }
}
