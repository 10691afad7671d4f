import Engine
import JSON

/// Shows a reply while it streams.
enum ReplyDisplay {
    case text
    /// A JSON line per token.
    case json

    /// Waits for the end. An interrupt cancels the generation, a second one ends the program.
    /// - Throws: what the request failed with.
    func follow(_ stream: GenerationStream) throws -> (reply: Reply, summary: GenerationSummary) {
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
        var reply = Reply()
        while true {
            for event in stream.next() {
                if case .prefilled(let tokens, let total) = event {
                    bar.update(Double(tokens) / Double(max(1, total)))
                } else {
                    bar.finish()
                }
                try reply.add(event)
                show(event)
                if let summary = reply.summary { return (reply, summary) }
            }
        }
    }

    private func show(_ event: GenerationEvent) {
        switch (self, event) {
        case (.text, .token(let token)): if !token.text.isEmpty { Console.output(token.text) }
        case (.text, .finished(let summary)): if !summary.text.isEmpty { Console.output(summary.text) }
        case (.json, .token(let token)): Console.outputLine(token.json.serialized())
        default: break
        }
    }
}
