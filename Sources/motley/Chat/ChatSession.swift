import Engine

/// An interactive chat: lines in, streamed replies out, `/` commands between.
final class ChatSession {
    var conversation: Conversation
    let loadSeconds: Double
    var lastSummary: GenerationSummary?
    private let loaded: LoadedModel
    private let editor = LineEditor()

    init(command: RunCommand, model: Model, start: Double) throws {
        var settings = command.settings(model)
        settings.logProbabilities = 0
        // A vocabulary that cannot be read is refused before anything is loaded.
        if !settings.ignoresEndTokens { _ = try model.endTokens() }
        conversation = try Conversation(model: model, system: command.system, isRaw: command.raw, settings: settings)
        guard model.text.hasTokenizer else {
            throw CommandError("the model brings no tokenizer to chat with; --prompt-tokens runs token ids")
        }
        let context = try model.contextLength(asked: command.execution.context, needed: Model.conversationContext)
        (loaded, _) = try command.execution.load(model, context: context, prompt: min(512, context), output: min(256, context))
        loadSeconds = MonotonicClock.seconds() - start
        if Console.isErrorTerminal {
            let note = conversation.usesTemplate ? "" : "the model has no chat template, it continues what you write; "
            Console.error("/help lists the commands; \(note)Ctrl-C ends a reply, Ctrl-D the chat")
        }
    }

    func run() throws {
        while let line = editor.readLine(prompt: "> ") {
            let text = line.trimmingSpaces()
            if text.isEmpty { continue }
            if text.hasPrefix("/") {
                if try perform(text) { break }
            } else {
                try answer(text)
            }
        }
        if let lastSummary { Console.error(lastSummary.figures(loadSeconds: loadSeconds)) }
    }

    private func answer(_ text: String) throws {
        conversation.ask(text)
        do {
            let request = try conversation.prompt().request(conversation.settings)
            let (reply, summary) = try ReplyDisplay.text.follow(loaded.engine.generate(request))
            if !reply.text.hasSuffix("\n") { Console.output("\n") }
            conversation.answer(reply.text)
            lastSummary = summary
        } catch let error as GenerationError {
            // The conversation stays as it was: the user can shorten it and try again.
            conversation.undoTurn()
            Console.error("motley: error: \(error)" + (conversation.messages.isEmpty ? "" : "; /clear forgets the conversation"))
        }
    }
}

extension String {
    func trimmingSpaces() -> String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(self[first...last])
    }
}
