public import JSON

/// Why a request of OpenAI's API was not carried out, in the API's own form.
public struct OpenAIError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The status of HTTP: 400 where the request is at fault.
    public var status: Int
    public var message: String
    /// The field at fault, for example `messages[2].role`; nil: none in particular.
    public var parameter: String?
    /// What programs tell faults apart by, for example `unsupported_parameter`.
    public var code: String?

    public init(status: Int = 400, _ message: String, parameter: String? = nil, code: String? = nil) {
        self.status = status
        self.message = message
        self.parameter = parameter
        self.code = code
    }

    public var description: String { parameter.map { "\($0): \(message)" } ?? message }

    /// `{"error": {"message", "type", "param", "code"}}`: the body of a response.
    public var json: JSON {
        let members = JSONObject([
            (key: "message", value: .string(description)),
            (key: "type", value: .string(status < 500 ? "invalid_request_error" : "server_error")),
            (key: "param", value: parameter.map { .string($0) } ?? .null), (key: "code", value: code.map { .string($0) } ?? .null),
        ])
        return .object(JSONObject([(key: "error", value: .object(members))]))
    }
}

extension OpenAIError {
    /// What a generation failed with; a fault of the request but for broken logits and a broken executor.
    public init(_ error: GenerationError) {
        switch error {
        case .invalidParameter, .invalidToken, .emptyPrompt: self.init(error.description)
        case .promptTooLong: self.init(error.description, code: "context_length_exceeded")
        case .brokenLogits, .execution, .stopped: self.init(status: 500, error.description)
        }
    }
}
