import Models
import Engine
import JSON

/// An interactive chat: lines in, streamed replies out, `/` commands between.
final class ChatSession {
    private let command: RunCommand
    private let model: Model
    private let loaded: LoadedModel
    private let editor = LineEditor()
    private let endTokens: Set<Int32>
    private let loadSeconds: Double
    private let hasTemplate: Bool
    private var sampling: SamplingParameters
    private var maximumTokens: Int?
    private var system: String?
    private var messages: [ChatMessage] = []
    private var lastReply: Reply?

    init(command: RunCommand, model: Model, start: Double) throws {
        self.command = command
        self.model = model
        sampling = command.sampling.parameters(defaults: model.samplingDefaults)
        maximumTokens = command.sampling.maxTokens
        system = command.system
        endTokens = command.sampling.ignoreEos ? [] : try model.endTokens()
        hasTemplate = try !command.raw && model.text.hasTemplate
        guard model.text.hasTokenizer else { throw CommandError("the model brings no tokenizer to chat with; --prompt-tokens runs token ids") }
        loaded = try command.load(model, context: command.execution.contextLength(model: model, needed: 8192))
        loadSeconds = MonotonicClock.seconds() - start
        if Console.isErrorTerminal {
            Console.error(
                "/help lists the commands; \(hasTemplate ? "" : "the model has no chat template, it continues what you write; ")Ctrl-C ends a reply, Ctrl-D the chat"
            )
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
        if let lastReply { Console.error(lastReply.figures(loadSeconds: loadSeconds)) }
    }

    private func answer(_ text: String) throws {
        messages.append(ChatMessage(role: "user", content: text))
        do {
            let prompt = try promptText()
            var request = GenerationRequest(
                prompt: try prompt.tokens(model), sampling: sampling, maximumTokens: maximumTokens, endTokens: endTokens,
                stopStrings: command.sampling.stop)
            request.decoder = try model.text.decoder(continuing: false)
            let reply = try Reply(loaded.engine.generate(request), showing: .text)
            if !reply.text.hasSuffix("\n") { Console.output("\n") }
            messages.append(ChatMessage(role: "assistant", content: reply.text))
            lastReply = reply
        } catch let error as GenerationError {
            // The conversation stays as it was: the user can shorten it and try again.
            messages.removeLast()
            Console.error("motley: error: \(error)" + (messages.isEmpty ? "" : "; /clear forgets the conversation"))
        }
    }

    private func promptText() throws -> PromptText {
        var all = messages
        if let system { all.insert(ChatMessage(role: "system", content: system), at: 0) }
        return hasTemplate ? try PromptText(all, model: model) : PromptText(text: all.map(\.content).joined(separator: "\n"), isRendered: false)
    }

    // MARK: Commands

    private static let help = """
        /help              this list
        /clear             forget the conversation
        /system [TEXT]     set the system message; without TEXT: show it
        /set [NAME=VALUE]  temperature, top-k, top-p, min-p, repetition-penalty, frequency-penalty, presence-penalty, seed, max-tokens
        /history           show the conversation
        /save FILE         write the conversation as JSON
        /load FILE         read a conversation written by /save
        /stats             figures of the last reply
        /quit              end (also Ctrl-D)
        """

    /// Carries a command out; true: the chat is to end.
    private func perform(_ line: String) throws -> Bool {
        let parts = line.dropFirst().split(separator: " ", maxSplits: 1).map(String.init)
        let name = parts.first ?? ""
        let argument = parts.count > 1 ? parts[1].trimmingSpaces() : ""
        do {
            switch name {
            case "help", "?": Console.error(Self.help)
            case "clear":
                messages = []
                Console.error("the conversation is forgotten")
            case "system":
                if argument.isEmpty { Console.error(system ?? "there is no system message") } else { system = argument }
            case "set": try set(argument)
            case "history":
                for message in messages { Console.error("\(message.role): \(message.content)") }
            case "save": try save(argument)
            case "load": try load(argument)
            case "stats": Console.error(lastReply?.figures(loadSeconds: loadSeconds) ?? "nothing was generated yet")
            case "quit", "exit", "q": return true
            default: Console.error("/\(name) is no command; /help lists them")
            }
        } catch let error as CommandError {
            Console.error("motley: error: \(error)")
        }
        return false
    }

    private func set(_ argument: String) throws {
        let parts = argument.split(separator: "=", maxSplits: 1).map { String($0).trimmingSpaces() }
        guard parts.count == 2 else {
            Console.error(
                "temperature=\(sampling.temperature) top-k=\(sampling.topK) top-p=\(sampling.topP) min-p=\(sampling.minP) "
                    + "repetition-penalty=\(sampling.repetitionPenalty) frequency-penalty=\(sampling.frequencyPenalty) "
                    + "presence-penalty=\(sampling.presencePenalty) seed=\(sampling.seed.map { String($0) } ?? "random") "
                    + "max-tokens=\(maximumTokens.map { String($0) } ?? "unlimited")")
            return
        }
        var changed = sampling
        func number() throws -> Double {
            guard let value = Double(parts[1]) else { throw CommandError("'\(parts[1])' is no number") }
            return value
        }
        func integer() throws -> Int {
            guard let value = Int(parts[1]) else { throw CommandError("'\(parts[1])' is no whole number") }
            return value
        }
        switch parts[0].replacingUnderscores() {
        case "temperature": changed.temperature = try number()
        case "top-k": changed.topK = try integer()
        case "top-p": changed.topP = try number()
        case "min-p": changed.minP = try number()
        case "repetition-penalty": changed.repetitionPenalty = try number()
        case "frequency-penalty": changed.frequencyPenalty = try number()
        case "presence-penalty": changed.presencePenalty = try number()
        case "seed": changed.seed = UInt64(bitPattern: Int64(try integer()))
        case "max-tokens":
            let value = try integer()
            guard value >= 1 else { throw CommandError("max-tokens must be at least 1") }
            maximumTokens = value
        default: throw CommandError("'\(parts[0])' is no setting; /help lists them")
        }
        do {
            try changed.validate(vocabularySize: model.spec.vocabularySize)
        } catch {
            throw CommandError(error.description)
        }
        sampling = changed
    }

    private func save(_ path: String) throws {
        guard !path.isEmpty else { throw CommandError("/save needs a file name") }
        var all = messages
        if let system { all.insert(ChatMessage(role: "system", content: system), at: 0) }
        let document = JSON.object(JSONObject([(key: "messages", value: .array(all.map(\.json)))]))
        try StandardInput.write(document.serialized(pretty: true) + "\n", to: path)
        Console.error("\(all.count) messages written to \(path)")
    }

    private func load(_ path: String) throws {
        guard !path.isEmpty else { throw CommandError("/load needs a file name") }
        let document: JSON
        do {
            document = try JSON(parsing: try StandardInput.file(path))
        } catch let error as JSONError {
            throw CommandError("\(path): \(error)")
        }
        guard let list = document["messages"]?.array else { throw CommandError("\(path): holds no list 'messages'") }
        var read: [ChatMessage] = []
        for item in list {
            guard let role = item["role"]?.string, let content = item["content"]?.string else {
                throw CommandError("\(path): a message lacks 'role' or 'content'")
            }
            read.append(ChatMessage(role: role, content: content))
        }
        system = nil
        if read.first?.role == "system" { system = read.removeFirst().content }
        messages = read
        Console.error("\(read.count) messages read from \(path)")
    }
}

extension String {
    func trimmingSpaces() -> String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(self[first...last])
    }

    fileprivate func replacingUnderscores() -> String { String(map { $0 == "_" ? "-" : $0 }) }
}
