public import JSON

extension OpenAIRequest {
    /// Most of the likeliest tokens that can be reported with each generated one.
    static let mostLogProbabilities = 20

    /// Fields that say something about the client or the account and nothing about the reply.
    static let ignored: Set<String> = [
        "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
        "parallel_tool_calls",
    ]

    /// Reads the body of a request. A field that would change the reply and that Motley does not have is refused by name.
    public init(reading json: JSON, endpoint: OpenAIEndpoint) throws(OpenAIError) {
        var fields = try OpenAIFields(json)
        switch endpoint {
        case .chatCompletions: self.init(endpoint: endpoint, input: .messages(try Self.messages(fields.value("messages"))))
        case .completions: self.init(endpoint: endpoint, input: try Self.prompt(fields.value("prompt")))
        }
        model = try fields.string("model")
        maximumTokens = try Self.maximumTokens(&fields, endpoint)
        stopStrings = try Self.stopStrings(fields.value("stop"))
        logProbabilities = try Self.logProbabilities(&fields, endpoint)
        isStreamed = try fields.bool("stream") ?? false
        ignoresEndTokens = try fields.bool("ignore_eos")
        try readSampling(&fields)
        if endpoint == .chatCompletions, let variables = fields.value("chat_template_kwargs") {
            guard let object = variables.object else { throw OpenAIFields.wrong("chat_template_kwargs", variables, "an object") }
            templateVariables = object
        }
        try Self.refuse(&fields, endpoint, isStreamed: isStreamed)
    }

    private mutating func readSampling(_ fields: inout OpenAIFields) throws(OpenAIError) {
        sampling.temperature = try fields.number("temperature")
        sampling.topP = try fields.number("top_p")
        // Some servers write "all" as -1.
        sampling.topK = try fields.integer("top_k", -1...Int.max).map { max(0, $0) }
        sampling.minP = try fields.number("min_p")
        sampling.repetitionPenalty = try fields.number("repetition_penalty")
        sampling.frequencyPenalty = try fields.number("frequency_penalty")
        sampling.presencePenalty = try fields.number("presence_penalty")
        sampling.seed = try fields.integer("seed", Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) }
        if let bias = fields.value("logit_bias") {
            guard let object = bias.object else { throw OpenAIFields.wrong("logit_bias", bias, "an object of token ids and numbers") }
            for (key, value) in object {
                guard let token = Int32(key), let number = value.double, number.isFinite else {
                    throw OpenAIError("expected a token id with a number", parameter: "logit_bias.\(key.prefix(40))", code: "invalid_type")
                }
                sampling.logitBias[token] = Float(number)
            }
        }
    }

    private static func maximumTokens(_ fields: inout OpenAIFields, _ endpoint: OpenAIEndpoint) throws(OpenAIError) -> Int? {
        let old = try fields.integer("max_tokens", 1...Int.max)
        guard endpoint == .chatCompletions, let new = try fields.integer("max_completion_tokens", 1...Int.max) else { return old }
        guard old == nil || old == new else {
            throw OpenAIError("is \(new), but max_tokens is \(old ?? 0): give one of them", parameter: "max_completion_tokens")
        }
        return new
    }

    private static func stopStrings(_ value: JSON?) throws(OpenAIError) -> [String]? {
        guard let value else { return nil }
        if let string = value.string { return [string] }
        guard let list = value.array else { throw OpenAIFields.wrong("stop", value, "a string or an array of strings") }
        var strings: [String] = []
        for (index, item) in list.enumerated() {
            guard let string = item.string else { throw OpenAIFields.wrong("stop[\(index)]", item, "a string") }
            strings.append(string)
        }
        return strings
    }

    private static func logProbabilities(_ fields: inout OpenAIFields, _ endpoint: OpenAIEndpoint) throws(OpenAIError) -> Int? {
        if endpoint == .completions { return try fields.integer("logprobs", 0...mostLogProbabilities) }
        let isWanted = try fields.bool("logprobs") ?? false
        guard let count = try fields.integer("top_logprobs", 0...mostLogProbabilities) else { return isWanted ? 0 : nil }
        guard isWanted else { throw OpenAIError("needs logprobs to be true", parameter: "top_logprobs") }
        return count
    }

    /// What is left: fields that mean nothing here, those that may only mean what leaving them out means, and unknown ones.
    private static func refuse(_ fields: inout OpenAIFields, _ endpoint: OpenAIEndpoint, isStreamed: Bool) throws(OpenAIError) {
        try fields.neutral("n", 1, reason: "one reply is generated for each request: n must be 1")
        switch endpoint {
        case .completions:
            try fields.neutral("best_of", 1, reason: "one reply is generated for each request: best_of must be 1")
            try fields.neutral("echo", false, reason: "the prompt is not repeated in the reply: echo must be false")
            try fields.neutral("suffix", "", reason: "text is not filled in before a suffix")
        case .chatCompletions:
            try fields.neutral("tools", [], reason: "replies are text: tools are not supported")
            try fields.neutral("tool_choice", "none", "auto", reason: "replies are text: tools are not supported")
            try fields.neutral("functions", [], reason: "replies are text: functions are not supported")
            try fields.neutral("function_call", "none", "auto", reason: "replies are text: functions are not supported")
            try fields.neutral("modalities", ["text"], reason: "replies are text: modalities must be [\"text\"]")
            try fields.neutral("response_format", ["type": "text"], reason: "replies are plain text: only the type text is supported")
        }
        // Only a stream has options; they are for whoever streams.
        if isStreamed { _ = fields.value("stream_options") }
        if let unknown = fields.rest.first(where: { !ignored.contains($0) && $0 != "stream_options" }) {
            throw OpenAIError("this field is not supported", parameter: String(unknown.prefix(80)), code: "unsupported_parameter")
        }
        if fields.value("stream_options") != nil, !isStreamed {
            throw OpenAIError("needs stream to be true", parameter: "stream_options")
        }
    }
}
