import Engine
import JSON

extension GeneratedToken {
    /// A line of `run --json`.
    var json: JSON {
        .object(
            JSONObject([(key: "event", value: "token"), (key: "token", value: .integer(Int(token))), (key: "text", value: .string(text))]))
    }
}

extension Reply {
    /// The last line of `run --json`.
    func json(_ summary: GenerationSummary, loadSeconds: Double, report: RunReport) -> JSON {
        let logProbabilities = logProbabilities.map { list in
            JSON.array(
                list.map {
                    .object(
                        JSONObject([(key: "token", value: .integer(Int($0.token))), (key: "logprob", value: .number($0.logProbability))]))
                })
        }
        let timings = JSONObject([
            (key: "load_seconds", value: .number(loadSeconds)),
            (key: "prefill_tokens_per_second", value: .number(summary.prefillRate ?? 0)),
            (key: "decode_tokens_per_second", value: .number(summary.decodeRate ?? 0)),
        ])
        return .object(
            JSONObject([
                (key: "event", value: "done"), (key: "prompt_tokens", value: .integer(summary.promptTokens)),
                (key: "tokens", value: .array(tokens.map { .integer(Int($0)) })), (key: "text", value: .string(text)),
                (key: "logprobs", value: .array(logProbabilities)), (key: "finish_reason", value: .string(summary.reason.rawValue)),
                (key: "seed", value: Int(exactly: summary.seed).map { .integer($0) } ?? .string(String(summary.seed))),
                (key: "timings", value: .object(timings)), (key: "peak_memory_bytes", value: .integer(ProcessMemory.peak)),
                (key: "plan", value: report.planJSON), (key: "predicted", value: report.predictedJSON),
                (key: "achieved", value: report.achievedJSON),
            ]))
    }
}

extension GenerationSummary {
    /// The last line for people.
    func figures(loadSeconds: Double) -> String {
        let shared = sharedTokens > 0 ? " (\(sharedTokens) cached)" : ""
        return "load \(Size.decimal(loadSeconds, 2)) s"
            + ", prefill \(promptTokens) tokens\(shared)\(prefillRate.map { " at \(Size.decimal($0, 1)) tok/s" } ?? "")"
            + ", decode \(generatedTokens) tokens\(decodeRate.map { " at \(Size.decimal($0, 1)) tok/s" } ?? "")"
            + ", peak memory \(Size.text(ProcessMemory.peak))" + (reason == .cancelled ? " (interrupted)" : "")
    }
}
