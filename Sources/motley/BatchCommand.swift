import ArgumentParser
import Devices
import Engine
import JSON
import Models
import Planning

/// `motley batch`: answers a file of requests.
struct BatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch", abstract: "Answers a file of requests in the form of OpenAI's batches.",
        discussion: """
            Each line of the input is {"custom_id", "method": "POST", "url", "body"} with the url /v1/chat/completions or /v1/completions. Each \
            answer is written as a line of the output when it is finished. The same command goes on where it was interrupted. The exit status \
            is 0 where every request was answered, 1 where some failed or were left, 2 where nothing was done because something is wrong.

            Options for choosing tokens hold for lines that do not say; see docs/command-line.md and docs/formats.md.
            """)

    @Option(name: [.customShort("i"), .long], help: "The requests: a file of JSON lines.")
    var input: String

    @Option(name: [.customShort("o"), .long], help: "The answers: a file that is made, or gone on with.")
    var output: String

    @OptionGroup var modelPath: ModelPathOptions
    @OptionGroup var execution: ExecutionOptions

    @Option(help: "Requests at once (default: 16, or as many as memory or the plan has room for).")
    var parallel: Int?

    @OptionGroup var sampling: SamplingOptions

    @Flag(help: "Say nothing but errors.")
    var quiet = false

    @Flag(help: "Print the figures as JSON at the end.")
    var json = false

    func validate() throws {
        if let parallel, !(1...1024).contains(parallel) { throw ValidationError("--parallel is \(parallel); it must be from 1 to 1024.") }
    }

    func run() throws {
        Interrupts.watch()
        let progress: BatchProgress
        do {
            progress = try answer()
        } catch  where !Motley.doesNotFit(error) {
            throw Self.report(error)
        }
        if json { Console.outputLine(progress.json.serialized()) }
        if !quiet { Console.error(progress.summary) }
        if !progress.isComplete { throw ExitCode(130) }
        if progress.failed > 0 { throw ExitCode(1) }
    }

    /// Checks both files before anything else, and loads no model where everything has been answered.
    private func answer() throws -> BatchProgress {
        let requests = try BatchInput(path: input, defaultMaximum: sampling.maxTokens)
        let answers = try BatchOutput(path: output, input: requests)
        let progress = BatchProgress(requests, answers)
        return progress.isComplete ? progress : try work(requests, answers)
    }

    /// Says what is wrong, a line for each complaint; gives the exit status.
    private static func report(_ error: any Error) -> ExitCode {
        var lines = [String(describing: error)]
        if case BatchError.badInput(let file, let complaints, let more) = error {
            lines = complaints.map { "\(file): \($0)" } + (more > 0 ? ["\(file): and \(more) more"] : [])
        }
        for line in lines { Console.error("motley: error: " + Console.oneLine(line)) }
        if case BatchError.interrupted = error { return ExitCode(1) }
        return ExitCode(2)
    }

    /// Loads the model and answers what has no answer. An interrupt ends it after the step in progress, a second one at once.
    private func work(_ requests: BatchInput, _ answers: sending BatchOutput) throws -> BatchProgress {
        let model = try Model(path: modelPath.path())
        model.text.prepare()
        let defaults = GenerationSettings(
            sampling: sampling.overrides.applied(to: model.samplingDefaults), maximumTokens: sampling.maxTokens, stopStrings: sampling.stop,
            ignoresEndTokens: sampling.ignoreEos)
        try defaults.sampling.validate(vocabularySize: model.spec.vocabularySize)
        let loading = try loading(model, requests.need)
        let bar = ProgressBar("loading", isEnabled: !quiet)
        defer { bar.finish() }
        let loaded = try LoadedModel(model, options: loading.options, engineOptions: loading.engineOptions) { bar.update($0) }
        bar.finish()
        if !quiet { Console.error(loaded.summary(instructionSet: (execution.isa ?? .best).name)) }
        let job = BatchJob(
            input: requests, output: answers, model: model, engine: loaded.engine,
            options: BatchJob.Options(defaults: defaults, parallel: loading.parallel, seed: sampling.seed ?? 0))
        let interrupts = Monitor(0)
        Interrupts.handle {
            if interrupts.update({ count -> Int in
                count += 1
                return count
            }) > 1 {
                Console.exit(130)
            }
            job.cancel()
        }
        let display = BatchDisplay(job, isEnabled: !quiet)
        defer {
            display.finish()
            Interrupts.handle(nil)
        }
        let progress = try job.run()
        if let path = execution.limits.trace { try loaded.options.trace?.write(to: path) }
        return progress
    }

    /// As the plan says that was given; with everything on the processor, where no option wants it otherwise and that fits; else as is planned
    /// for usual lines, so many at once.
    private func loading(_ model: Model, _ need: BatchNeed) throws -> BatchLoading {
        let options = try execution.loadOptions(context: 1)
        let wishes = try execution.limits.request(execution.kv, objective: .throughput, prompt: 1, output: 1, sequences: 1)
        if options.plan != nil || wishes.isPlain {
            do {
                return try BatchLoading(model, need: need, options: options, context: execution.context, parallel: parallel)
            } catch LoadError.doesNotFit where options.plan == nil {}
        }
        let context = try model.contextLength(asked: execution.context, needed: need.longest)
        let sequences = parallel ?? BatchLoading.usualParallel, tokens = need.planned(sequences: sequences, context: context)
        let planned = try execution.planned(
            model, objective: .throughput, context: context, prompt: tokens.prompt, output: tokens.reply, sequences: sequences,
            stepLogits: max(64, sequences))
        return try BatchLoading(model, need: need, options: planned.load, context: execution.context, parallel: parallel)
    }
}
