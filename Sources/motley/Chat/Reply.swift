import Engine
import JSON

/// A generation from its first event to its last, shown while it streams.
struct Reply {
    enum Showing {
        case nothing
        case text
        /// A JSON line per token.
        case json
    }

    private(set) var tokens: [Int32] = []
    private(set) var text = ""
    private(set) var logProbabilities: [[TokenLogProbability]] = []
    let summary: GenerationSummary

    /// Waits for the end. An interrupt cancels the generation, a second one ends the program.
    init(_ stream: GenerationStream, showing: Showing) throws {
        let interrupts = Monitor(0)
        Interrupts.handle {
            if interrupts.update({
                $0 += 1; return $0
            }) > 1 {
                Console.exit(130)
            }
            stream.cancel()
        }
        let bar = ProgressBar("reading the prompt")
        defer {
            bar.finish()
            Interrupts.handle(nil)
        }
        while true {
            for event in stream.next() {
                switch event {
                case .prefilled(let tokens, let total):
                    bar.update(Double(tokens) / Double(max(1, total)))
                case .token(let token):
                    bar.finish()
                    tokens.append(token.token)
                    text += token.text
                    if !token.logProbabilities.isEmpty { logProbabilities.append(token.logProbabilities) }
                    switch showing {
                    case .nothing: break
                    case .text: if !token.text.isEmpty { Console.output(token.text) }
                    case .json: Console.outputLine(Self.line(token).serialized())
                    }
                case .finished(let summary):
                    text += summary.text
                    if case .text = showing, !summary.text.isEmpty { Console.output(summary.text) }
                    self.summary = summary
                    return
                case .failed(let error):
                    throw error
                }
            }
        }
    }

    private static func line(_ token: GeneratedToken) -> JSON {
        .object(
            JSONObject([
                (key: "event", value: "token"), (key: "token", value: .integer(Int(token.token))), (key: "text", value: .string(token.text)),
            ]))
    }

    /// The last line of `run --json`.
    func json(prompt: [Int32], loadSeconds: Double, logProbabilities count: Int) -> JSON {
        let logProbabilities = logProbabilities.map { list in
            JSON.array(
                list.map {
                    .object(JSONObject([(key: "token", value: .integer(Int($0.token))), (key: "logprob", value: .number($0.logProbability))]))
                })
        }
        return .object(
            JSONObject([
                (key: "event", value: "done"), (key: "prompt_tokens", value: .integer(prompt.count)),
                (key: "tokens", value: .array(tokens.map { .integer(Int($0)) })), (key: "text", value: .string(text)),
                (key: "logprobs", value: .array(logProbabilities)), (key: "finish_reason", value: .string(summary.reason.rawValue)),
                (key: "seed", value: Int(exactly: summary.seed).map { .integer($0) } ?? .string(String(summary.seed))),
                (
                    key: "timings",
                    value: .object(
                        JSONObject([
                            (key: "load_seconds", value: .number(loadSeconds)),
                            (key: "prefill_tokens_per_second", value: .number(summary.prefillRate ?? 0)),
                            (key: "decode_tokens_per_second", value: .number(summary.decodeRate ?? 0)),
                        ]))
                ),
                (key: "peak_memory_bytes", value: .integer(ProcessMemory.peak)),
            ]))
    }

    /// The last line for people.
    func figures(loadSeconds: Double?) -> String {
        var parts: [String] = []
        if let loadSeconds { parts.append("load \(Size.decimal(loadSeconds, 2)) s") }
        let shared = summary.sharedTokens > 0 ? " (\(summary.sharedTokens) cached)" : ""
        parts.append("prefill \(summary.promptTokens) tokens\(shared)\(summary.prefillRate.map { " at \(Size.decimal($0, 1)) tok/s" } ?? "")")
        parts.append("decode \(summary.generatedTokens) tokens\(summary.decodeRate.map { " at \(Size.decimal($0, 1)) tok/s" } ?? "")")
        parts.append("peak memory \(Size.text(ProcessMemory.peak))")
        return parts.joined(separator: ", ") + (summary.reason == .cancelled ? " (interrupted)" : "")
    }
}
