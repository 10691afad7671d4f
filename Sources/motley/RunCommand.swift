import ArgumentParser
import Engine
import JSON
import Runtime

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

    @Flag(help: "List the devices that plans can use, emulated ones among them, and end.")
    var listDevices = false

    @Argument(help: "What to say to the model.")
    var prompt: String?

    func validate() throws {
        if prompt != nil && promptTokens != nil { throw ValidationError("Give either PROMPT or --prompt-tokens.") }
        if let promptTokens, promptTokens.tokens.isEmpty {
            throw ValidationError("--prompt-tokens is empty; at least one token is needed.")
        }
        if logprobs < 0 { throw ValidationError("--logprobs is \(logprobs); it must be 0 or more.") }
        if json && prompt == nil && promptTokens == nil && !listDevices { throw ValidationError("--json needs PROMPT or --prompt-tokens.") }
    }

    func run() throws {
        Interrupts.watch()
        if listDevices { return DeviceList(execution).print(json: json) }
        let start = MonotonicClock.seconds()
        let model = try Model(path: modelPath.path())
        model.text.prepare()
        guard let prompt = try prompt(for: model) else { return try ChatSession(command: self, model: model, start: start).run() }
        // The prompt's tokens are found while the weights are packed.
        prompt.prepare()
        let context = try prompt.contextLength(asked: execution.context, maximumTokens: sampling.maxTokens)
        let (loaded, plan) = try execution.load(
            model, context: context, prompt: prompt.tokens().count, output: min(sampling.maxTokens ?? 256, context))
        let request = try prompt.request(settings(model))
        let loadSeconds = MonotonicClock.seconds() - start
        let display = json ? ReplyDisplay.json : .text
        let (reply, summary) = try display.follow(loaded.engine.generate(request))
        if json {
            Console.outputLine(
                reply.json(summary, loadSeconds: loadSeconds, report: RunReport(loaded: loaded, plan: plan, summary: summary)).serialized())
        } else {
            if !reply.text.hasSuffix("\n") { Console.output("\n") }
        }
        Console.error(summary.figures(loadSeconds: loadSeconds))
        let report = RunReport(loaded: loaded, plan: plan, summary: summary)
        if let line = report.line { Console.error(line) }
        if report.isOff, loaded.options.plan != nil {
            let options = loaded.options
            if LocalProfile.doubt(threads: options.threads, instructionSet: options.instructionSet, directory: options.diskDirectory) {
                Console.error("this machine is not as it was measured: it will be measured again")
            }
        }
        if let path = execution.limits.trace { try loaded.options.trace?.write(to: path) }
        if summary.reason == .cancelled { throw ExitCode(130) }
    }

    /// The prompt that was given, if any.
    private func prompt(for model: Model) throws -> Prompt? {
        if let promptTokens { return Prompt(tokens: promptTokens.tokens, model: model) }
        guard let prompt else { return nil }
        let text = prompt == "-" ? try StandardInput.text() : prompt
        var conversation = try Conversation(model: model, system: system, isRaw: raw)
        conversation.ask(text)
        return try conversation.prompt(isCompletion: true)
    }

    /// What the options say of generation.
    func settings(_ model: Model) -> GenerationSettings {
        GenerationSettings(
            sampling: sampling.overrides.applied(to: model.samplingDefaults), maximumTokens: sampling.maxTokens, stopStrings: sampling.stop,
            ignoresEndTokens: sampling.ignoreEos, logProbabilities: logprobs)
    }
}
