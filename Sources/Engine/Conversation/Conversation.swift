public import JSON

/// A conversation with a model: what was said, how the model is to answer, and the request that follows. Policy alone: it loads nothing,
/// runs nothing and shows nothing.
///
///     var conversation = try Conversation(model: model, system: "Be brief.")
///     conversation.ask("What is a prime number?")
///     let prompt = try conversation.prompt()
///     let options = LoadOptions(contextLength: try prompt.contextLength(maximumTokens: conversation.settings.maximumTokens))
///     let engine = try LoadedModel(model, options: options).engine
///     var reply = Reply()
///     for await event in engine.events(try prompt.request(conversation.settings)) { try reply.add(event) }
///     conversation.answer(reply.text)
///
/// Between turns questions and answers alternate; after a question that got no answer, `undoTurn` takes it back.
public struct Conversation: Sendable {
    public let model: Model
    /// Whether the checkpoint's chat template writes the prompts. Otherwise they are the messages' texts, one on a line each.
    public let usesTemplate: Bool
    /// The message that goes before all others; nil: none.
    public var system: String?
    /// What was said, without the system message.
    public private(set) var messages: [ChatMessage] = []
    public var settings: GenerationSettings
    /// What the template gets beside the messages: `tools`, `documents`, or variables of its own.
    public var variables: JSONObject = [:]

    /// - Parameters:
    ///   - isRaw: leave the chat template out, where there is one.
    ///   - settings: nil: what the checkpoint advises, to the end of the context.
    /// - Throws: where the checkpoint's chat template cannot be read.
    public init(model: Model, system: String? = nil, isRaw: Bool = false, settings: GenerationSettings? = nil) throws {
        self.model = model
        self.system = system
        self.settings = settings ?? GenerationSettings(sampling: model.samplingDefaults)
        usesTemplate = try !isRaw && model.text.hasTemplate
    }

    /// The system message, where there is one, and all others.
    public var allMessages: [ChatMessage] { (system.map { [ChatMessage(role: "system", content: $0)] } ?? []) + messages }

    // MARK: Turns

    /// The user says something.
    public mutating func ask(_ text: String) { messages.append(ChatMessage(role: "user", content: text)) }

    /// The model has answered.
    public mutating func answer(_ text: String) { messages.append(ChatMessage(role: "assistant", content: text)) }

    /// Any message, for example a tool's.
    public mutating func append(_ message: ChatMessage) { messages.append(message) }

    /// Takes the last question back with everything said since; gives its text, to be asked again or otherwise. nil: nothing was asked.
    @discardableResult
    public mutating func undoTurn() -> String? {
        guard let last = messages.lastIndex(where: { $0.role == "user" }) else { return nil }
        let text = messages[last].content
        messages.removeSubrange(last...)
        return text
    }

    /// Forgets what was said; the system message stays.
    public mutating func clear() { messages = [] }

    // MARK: Prompts

    /// What the model is to go on from.
    /// - Parameter isCompletion: where no template is used, the reply goes on within the text, and a space before its first word is part of
    ///   it.
    /// - Throws: where the template refuses the conversation.
    public func prompt(isCompletion: Bool = false) throws -> Prompt {
        guard usesTemplate else {
            let text = allMessages.map(\.content).joined(separator: "\n")
            return Prompt(text: text, isRendered: false, isCompletion: isCompletion, model: model)
        }
        var variables = variables
        variables["messages"] = .array(allMessages.map(\.json))
        variables["add_generation_prompt"] = .bool(true)
        return Prompt(text: try model.text.render(variables), isRendered: true, isCompletion: false, model: model)
    }
}
