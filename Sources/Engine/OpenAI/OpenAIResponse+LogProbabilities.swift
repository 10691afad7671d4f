import JSON

extension OpenAIResponse {
    /// The member `logprobs` of a choice. The token that ended the reply has no text in it and is left out.
    func logProbabilitiesJSON(_ text: ModelText) throws -> JSON {
        guard let most = logProbabilities else { return .null }
        let count = reply.tokens.count - (summary.reason == .endToken ? 1 : 0)
        let rows = try (0..<max(0, min(count, reply.tokenLogProbabilities.count))).map { index in
            Row(
                own: try Entry(reply.tokens[index], reply.tokenLogProbabilities[index], text),
                best: try reply.logProbabilities[index].prefix(most).map { try Entry($0.token, $0.logProbability, text) })
        }
        switch endpoint {
        case .chatCompletions: return Self.chat(rows)
        case .completions: return Self.completion(rows, hasBest: most > 0)
        }
    }

    /// A token as the API shows it.
    private struct Entry {
        var bytes: [UInt8]
        var name: String
        var logProbability: Double

        init(_ token: Int32, _ logProbability: Double, _ text: ModelText) throws {
            bytes = try text.bytes(of: token)
            // Without a tokenizer a token has no text, but it must have a name.
            name = text.hasTokenizer ? String(decoding: bytes, as: UTF8.self) : "token_id:\(token)"
            self.logProbability = logProbability
        }

        var members: JSONObject {
            JSONObject([
                (key: "token", value: .string(name)), (key: "logprob", value: .number(logProbability)),
                (key: "bytes", value: .array(bytes.map { .integer(Int($0)) })),
            ])
        }
    }

    private struct Row {
        var own: Entry
        var best: [Entry]
    }

    private static func chat(_ rows: [Row]) -> JSON {
        let content = rows.map { row in
            var members = row.own.members
            members["top_logprobs"] = .array(row.best.map { .object($0.members) })
            return JSON.object(members)
        }
        return .object(JSONObject([(key: "content", value: .array(content)), (key: "refusal", value: .null)]))
    }

    /// The older form: lists beside one another. Offsets count characters (Unicode scalars) of the tokens' texts joined: their first bytes.
    private static func completion(_ rows: [Row], hasBest: Bool) -> JSON {
        var offsets: [JSON] = [], offset = 0
        for row in rows {
            offsets.append(.integer(offset))
            offset += row.own.bytes.count { $0 & 0xC0 != 0x80 }
        }
        let best = rows.map { row in JSON.object(JSONObject(row.best.map { (key: $0.name, value: .number($0.logProbability)) })) }
        return .object(
            JSONObject([
                (key: "tokens", value: .array(rows.map { .string($0.own.name) })),
                (key: "token_logprobs", value: .array(rows.map { .number($0.own.logProbability) })),
                (key: "top_logprobs", value: hasBest ? .array(best) : .null), (key: "text_offset", value: .array(offsets)),
            ]))
    }
}
