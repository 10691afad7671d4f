public import JSON

/// A request of OpenAI's API as a value: what a body says, checked. docs/formats.md lists the fields.
///
///     let request = try OpenAIRequest(reading: body, endpoint: .chatCompletions)
///     let settings = request.settings(defaults)
///     let generation = try request.prompt(for: model).request(settings)
///     ...
///     OpenAIResponse(request, settings, reply, summary, ...).json(text: model.text)
///
/// What is nil here was not said; nil is also what `null` means in a body.
public struct OpenAIRequest: Sendable, Equatable {
    public enum Input: Sendable, Equatable {
        /// A conversation, to be written out by the model's chat template.
        case messages([ChatMessage])
        /// A text to go on from.
        case text(String)
        /// Exactly these ids.
        case tokens([Int32])
    }

    public var endpoint: OpenAIEndpoint
    /// The model the client named. Whether it is the one that answers is for the caller to decide.
    public var model: String?
    public var input: Input
    public var sampling = SamplingOverrides()
    /// Most tokens to generate, at least 1.
    public var maximumTokens: Int?
    public var stopStrings: [String]?
    /// How many of the most likely tokens to report beside each generated one's own log-probability (0: that alone); nil: report none.
    public var logProbabilities: Int?
    /// Whether the response is wanted in pieces.
    public var isStreamed = false
    /// Whether generation goes on behind the model's end tokens.
    public var ignoresEndTokens: Bool?
    /// What the chat template gets beside the messages.
    public var templateVariables: JSONObject = [:]

    public init(endpoint: OpenAIEndpoint, input: Input) {
        self.endpoint = endpoint
        self.input = input
    }

    /// Tokens of a reply where neither request nor caller say anything, as OpenAI has it for completions; chats go on to the end of the
    /// context.
    static let completionTokens = 16

    /// How the reply is to be generated: what the request says, over what holds where it says nothing.
    public func settings(_ defaults: GenerationSettings) -> GenerationSettings {
        var result = defaults
        result.sampling = sampling.applied(to: defaults.sampling)
        result.maximumTokens = maximumTokens ?? defaults.maximumTokens ?? (endpoint == .completions ? Self.completionTokens : nil)
        result.stopStrings = stopStrings ?? defaults.stopStrings
        result.ignoresEndTokens = ignoresEndTokens ?? defaults.ignoresEndTokens
        // The token's own comes with any.
        result.logProbabilities = logProbabilities.map { max(1, $0) } ?? 0
        return result
    }

    /// What the model is to go on from: the same as `motley run` makes of a text, of one with `--raw`, and of `--prompt-tokens`.
    /// - Throws: where the chat template refuses the messages, or there is no tokenizer for a text.
    public func prompt(for model: Model) throws -> Prompt {
        switch input {
        case .messages(let messages):
            var conversation = try Conversation(model: model)
            for message in messages { conversation.append(message) }
            conversation.variables = templateVariables
            return try conversation.prompt(isCompletion: true)
        case .text(let text): return Prompt(text: text, isRendered: false, isCompletion: true, model: model)
        case .tokens(let tokens): return Prompt(tokens: tokens, model: model)
        }
    }
}
