public import JSON

/// The whole answer to a request, in the form of OpenAI's API.
public struct OpenAIResponse: Sendable {
    public var endpoint: OpenAIEndpoint
    /// What is behind `chatcmpl-` or `cmpl-`.
    public var id: String
    /// Seconds since 1970.
    public var created: Int
    /// The name of the model that answered.
    public var model: String
    public var reply: Reply
    public var summary: GenerationSummary
    /// How many of the most likely tokens the request wants to see; nil: no log-probabilities.
    public var logProbabilities: Int?

    public init(
        to request: OpenAIRequest, id: String, created: Int, model: String, reply: Reply, summary: GenerationSummary
    ) {
        endpoint = request.endpoint
        self.id = id
        self.created = created
        self.model = model
        self.reply = reply
        self.summary = summary
        logProbabilities = request.logProbabilities
    }

    /// - Parameter text: the model's, which knows the texts of the tokens.
    public func json(text: ModelText) throws -> JSON {
        let logProbabilities = try logProbabilitiesJSON(text)
        var choice = JSONObject([(key: "index", value: 0)])
        switch endpoint {
        case .chatCompletions:
            choice["message"] = .object(
                JSONObject([
                    (key: "role", value: "assistant"), (key: "content", value: .string(reply.text)), (key: "refusal", value: .null),
                ]))
        case .completions: choice["text"] = .string(reply.text)
        }
        choice["logprobs"] = logProbabilities
        choice["finish_reason"] = .string(Self.name(summary.reason))
        let usage = JSONObject([
            (key: "prompt_tokens", value: .integer(summary.promptTokens)),
            (key: "completion_tokens", value: .integer(summary.generatedTokens)),
            (key: "total_tokens", value: .integer(summary.promptTokens + summary.generatedTokens)),
        ])
        return .object(
            JSONObject([
                (key: "id", value: .string(endpoint.idPrefix + id)), (key: "object", value: .string(endpoint.objectName)),
                (key: "created", value: .integer(created)), (key: "model", value: .string(model)),
                (key: "choices", value: .array([.object(choice)])), (key: "usage", value: .object(usage)),
            ]))
    }

    /// The API has one word for both kinds of end.
    static func name(_ reason: FinishReason) -> String {
        switch reason {
        case .endToken, .stopString: "stop"
        case .length: "length"
        case .cancelled: "cancelled"
        }
    }
}
