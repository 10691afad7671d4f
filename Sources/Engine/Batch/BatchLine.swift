import JSON

/// One line of an OpenAI batch: `{"custom_id", "method", "url", "body"}`.
struct BatchLine: Sendable {
    var customID: String
    /// The whole object.
    var members: JSONObject

    /// - Throws: what is wrong, for a line that cannot be answered at all because nobody knows what to call the answer.
    init(parsing bytes: UnsafeBufferPointer<UInt8>) throws(Fault) {
        let json: JSON
        do {
            json = try JSON(parsing: bytes)
        } catch {
            throw Fault(what: error.description)
        }
        guard let members = json.object else { throw Fault(what: "is no JSON object") }
        guard let value = members["custom_id"], !value.isNull else { throw Fault(what: "lacks custom_id") }
        guard let customID = value.string else { throw Fault(what: "its custom_id is no string") }
        guard !customID.isEmpty else { throw Fault(what: "its custom_id is empty") }
        self.customID = customID
        self.members = members
    }

    struct Fault: Error {
        var what: String
    }

    /// The request of the line.
    func request() throws(OpenAIError) -> OpenAIRequest {
        guard let method = members["method"]?.string, method == "POST" else {
            throw OpenAIError("must be POST", parameter: "method", code: "invalid_method")
        }
        let paths = OpenAIEndpoint.allCases.map(\.path).joined(separator: " or ")
        guard let url = members["url"]?.string, let endpoint = OpenAIEndpoint(path: url) else {
            throw OpenAIError("must be \(paths)", parameter: "url", code: "invalid_url")
        }
        guard let body = members["body"] else { throw OpenAIError("is missing", parameter: "body") }
        let request = try OpenAIRequest(reading: body, endpoint: endpoint)
        if request.isStreamed {
            throw OpenAIError("a batch has no streams: stream must be false", parameter: "stream", code: "unsupported_value")
        }
        return request
    }

    /// Most tokens that the line asks for, as far as that can be seen without checking it.
    var statedMaximum: Int? {
        guard let body = members["body"] else { return nil }
        return (body["max_completion_tokens"]?.int ?? body["max_tokens"]?.int).map { max(0, $0) }
    }
}
