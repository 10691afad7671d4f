import JSON

extension OpenAIRequest {
    /// Roles and contents of a conversation. A content is a string or an array of text parts, which are joined; other members are handed on
    /// to the chat template.
    static func messages(_ value: JSON?) throws(OpenAIError) -> [ChatMessage] {
        guard let value else { throw OpenAIError("is missing", parameter: "messages", code: "missing_required_parameter") }
        guard let list = value.array, !list.isEmpty else {
            throw OpenAIFields.wrong("messages", value, "an array of at least one message")
        }
        var messages: [ChatMessage] = []
        for (index, item) in list.enumerated() {
            let place = "messages[\(index)]"
            guard var members = item.object else { throw OpenAIFields.wrong(place, item, "an object") }
            guard let role = members["role"]?.string, !role.isEmpty else {
                throw OpenAIError("expected a role such as \"user\"", parameter: place + ".role", code: "invalid_type")
            }
            let content = try content(members["content"], role: role, place: place + ".content")
            members["role"] = nil
            members["content"] = nil
            messages.append(ChatMessage(role: role, content: content, members: members))
        }
        return messages
    }

    private static func content(_ value: JSON?, role: String, place: String) throws(OpenAIError) -> String {
        switch value {
        case .string(let text): return text
        // An assistant that called a tool said nothing.
        case nil where role == "assistant", .null where role == "assistant": return ""
        case nil, .null: throw OpenAIError("is missing", parameter: place, code: "missing_required_parameter")
        case .array(let parts):
            var text = ""
            for (index, part) in parts.enumerated() {
                guard part["type"]?.string == "text", let piece = part["text"]?.string else {
                    throw OpenAIError(
                        "only parts of type text with a text are supported", parameter: "\(place)[\(index)]", code: "unsupported_value")
                }
                text += piece
            }
            return text
        case .some(let other): throw OpenAIFields.wrong(place, other, "a string or an array of text parts")
        }
    }

    /// A text or token ids; an array of one of either is that one.
    static func prompt(_ value: JSON?) throws(OpenAIError) -> Input {
        guard let value else { throw OpenAIError("is missing", parameter: "prompt", code: "missing_required_parameter") }
        if let text = value.string { return .text(text) }
        guard let list = value.array, let first = list.first else {
            throw OpenAIFields.wrong("prompt", value, "a string or an array of token ids")
        }
        if first.string != nil || first.array != nil {
            guard list.count == 1 else {
                throw OpenAIError("one prompt to a request, not \(list.count)", parameter: "prompt", code: "unsupported_value")
            }
            return try prompt(first, isNested: true)
        }
        return .tokens(try tokens(list))
    }

    private static func prompt(_ value: JSON, isNested: Bool) throws(OpenAIError) -> Input {
        if let text = value.string { return .text(text) }
        return .tokens(try tokens(value.array ?? []))
    }

    private static func tokens(_ list: [JSON]) throws(OpenAIError) -> [Int32] {
        var tokens: [Int32] = []
        tokens.reserveCapacity(list.count)
        for (index, item) in list.enumerated() {
            guard let token = item.int.flatMap({ Int32(exactly: $0) }) else {
                throw OpenAIFields.wrong("prompt[\(index)]", item, "a token id")
            }
            tokens.append(token)
        }
        return tokens
    }
}
