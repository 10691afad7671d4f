import ArgumentParser
import Devices
import Engine
import JSON

/// `motley run`: answers a prompt, or chats.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Answers a prompt, or chats where none is given.",
        discussion: "Without PROMPT: an interactive chat; /help lists its commands. PROMPT - is read from standard input.")

    @OptionGroup var modelPath: ModelPathOptions
    @OptionGroup var execution: ExecutionOptions
    @OptionGroup var sampling: SamplingOptions

    @Option(help: "The system message.")
    var system: String?

    @Flag(help: "Use the prompt as it is, without the chat template.")
    var raw = false

    @Option(help: "Run exactly these token ids, separated by commas.")
    var promptTokens: TokenList?

    @Option(help: "Report so many of the most likely tokens with each generated one (with --json).")
    var logprobs = 0

    @Flag(help: "Print JSON lines only.")
    var json = false

    @Argument(help: "What to say to the model.")
    var prompt: String?

    func validate() throws {
        if prompt != nil && promptTokens != nil { throw ValidationError("Give either PROMPT or --prompt-tokens.") }
        if let promptTokens, promptTokens.tokens.isEmpty { throw ValidationError("--prompt-tokens is empty; at least one token is needed.") }
        if logprobs < 0 { throw ValidationError("--logprobs is \(logprobs); it must be 0 or more.") }
        if json && prompt == nil && promptTokens == nil { throw ValidationError("--json needs PROMPT or --prompt-tokens.") }
    }

    func run() throws {
        Interrupts.watch()
        let start = MonotonicClock.seconds()
        let path = try modelPath.path()
        let model = try Model(path: path)
        model.text.prepare()
        guard prompt != nil || promptTokens != nil else {
            return try ChatSession(command: self, model: model, start: start).run()
        }
        let prompt = self.prompt == "-" ? try StandardInput.text() : self.prompt
        // The prompt's bytes bound its tokens, so that packing can begin before the tokenizer is there.
        let text = try prompt.map { try promptText($0, model: model) }
        let tokens = text.map { text in Deferred { try text.tokens(model) } }
        tokens?.prepare()
        let bound = promptTokens?.tokens.count ?? text?.bound ?? 0
        let needed = bound + min(sampling.maxTokens ?? 0, model.contextLength)
        // A prompt that does not fit is refused before anything is loaded.
        let context = try execution.contextLength(model: model, needed: needed)
        if bound >= context {
            let count = try promptTokens?.tokens.count ?? tokens?.value().count ?? 0
            guard count < context else {
                throw GenerationError.promptTooLong(prompt: count, context: context, modelContext: model.contextLength)
            }
        }
        let loaded = try load(model, context: context)
        let ids = try promptTokens?.tokens ?? tokens?.value() ?? []
        var request = GenerationRequest(
            prompt: ids, sampling: sampling.parameters(defaults: model.samplingDefaults), maximumTokens: sampling.maxTokens,
            endTokens: sampling.ignoreEos ? [] : try model.endTokens(), stopStrings: sampling.stop, logProbabilities: logprobs)
        request.decoder = try model.text.decoder(continuing: text.map { !$0.isRendered } ?? false)
        let loadSeconds = MonotonicClock.seconds() - start
        let reply = try Reply(loaded.engine.generate(request), showing: json ? .json : .text)
        if json {
            Console.outputLine(reply.json(prompt: ids, loadSeconds: loadSeconds, logProbabilities: logprobs).serialized())
        } else {
            if !reply.text.hasSuffix("\n") { Console.output("\n") }
        }
        Console.error(reply.figures(loadSeconds: loadSeconds))
        if reply.summary.reason == .cancelled { throw ExitCode(130) }
    }

    /// Loads with a bar where it takes long, and says what runs where.
    func load(_ model: Model, context: Int, sequences: Int = 1) throws -> LoadedModel {
        let options = LoadOptions(
            threads: execution.threadCount, contextLength: context, sequences: sequences, keyValueFormat: execution.kv.format,
            instructionSet: execution.isa)
        let engineOptions = EngineOptions(contextLength: context, modelContextLength: model.contextLength, sequences: max(8, sequences))
        let bar = ProgressBar("loading")
        defer { bar.finish() }
        let loaded = try LoadedModel(model, options: options, engineOptions: engineOptions) { bar.update($0) }
        bar.finish()
        Console.error(loaded.summary(instructionSet: (execution.isa ?? .best).name))
        return loaded
    }

    private func promptText(_ prompt: String, model: Model) throws -> PromptText {
        guard !raw, try model.text.hasTemplate else {
            return PromptText(text: (system.map { $0 + "\n" } ?? "") + prompt, isRendered: false)
        }
        var messages: [ChatMessage] = []
        if let system { messages.append(ChatMessage(role: "system", content: system)) }
        messages.append(ChatMessage(role: "user", content: prompt))
        return try PromptText(messages, model: model)
    }
}
