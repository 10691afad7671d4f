import JSON

/// A line of a batch's output, in OpenAI's form: `{"id", "custom_id", "response": {"status_code", "request_id", "body"}, "error"}`.
struct BatchAnswer {
    var customID: String
    var outcome: Result<JSON, OpenAIError>

    /// Follows from the `custom_id`, so that an answer has the same name however often its batch was interrupted.
    static func identifier(_ customID: String) -> String {
        let digits = String(StableHash.value(of: customID), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    var json: JSON {
        let identifier = Self.identifier(customID)
        var status = 200, body: JSON, fault = JSON.null
        switch outcome {
        case .success(let response): body = response
        case .failure(let error):
            status = error.status
            body = error.json
            fault = .object(
                JSONObject([
                    (key: "code", value: .string(error.code ?? "invalid_request")), (key: "message", value: .string(error.description)),
                ]))
        }
        let response = JSONObject([
            (key: "status_code", value: .integer(status)), (key: "request_id", value: .string("req_" + identifier)),
            (key: "body", value: body),
        ])
        return .object(
            JSONObject([
                (key: "id", value: .string("batch_req_" + identifier)), (key: "custom_id", value: .string(customID)),
                (key: "response", value: .object(response)), (key: "error", value: fault),
            ]))
    }
}
