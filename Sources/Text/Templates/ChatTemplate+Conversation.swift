public import JSON

extension ChatTemplate {
    /// Writes a conversation, with the variables that transformers gives a template.
    ///
    /// - Parameters:
    ///   - messages: objects with at least a `role`, most with a `content`.
    ///   - tools: JSON schemas of the functions that the model may call; none is given as `none`.
    ///   - addGenerationPrompt: whether the text ends where the assistant is to speak.
    ///   - specialTokens: `bos_token`, `eos_token` and the like, by these names.
    ///   - variables: what else the template may ask for; these come before special tokens of the same name.
    public func render(
        messages: [JSON], tools: [JSON]? = nil, documents: [JSON]? = nil, addGenerationPrompt: Bool = false,
        specialTokens: [(name: String, text: String)] = [], variables: JSONObject = [:], now: LocalTime = .current(),
        limits: Limits = .default
    ) throws(TemplateError) -> String {
        var context = JSONObject()
        for token in specialTokens { context[token.name] = .string(token.text) }
        for member in variables { context[member.key] = member.value }
        context["messages"] = .array(messages.map(Self.withReasoning))
        context["tools"] = tools.map { .array($0) } ?? .null
        context["documents"] = documents.map { .array($0) } ?? .null
        context["add_generation_prompt"] = .bool(addGenerationPrompt)
        return try render(context, now: now, limits: limits)
    }

    /// Gives a message its reasoning under the names that templates read it by, whichever it came under.
    private static func withReasoning(_ message: JSON) -> JSON {
        guard case .object(let members) = message else { return message }
        let names = ["reasoning_content", "thinking", "reasoning"]
        guard let reasoning = names.lazy.compactMap({ members[$0] }).first(where: { !$0.isNull }) else { return message }
        var result = JSONObject([(key: "thinking", value: reasoning)])
        for member in members { result[member.key] = member.value }
        result["reasoning_content"] = reasoning
        return .object(result)
    }
}
