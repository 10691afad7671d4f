import ArgumentParser
import Devices
import Engine
import Planning
import Plans
import JSON
import Runtime

/// `motley bench`: of a model, unless `ops` is said. It has no options of its own, which would be taken from its subcommands'.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures the speed of a model, or of every kernel, on this machine.",
        subcommands: [BenchModelCommand.self, BenchOpsCommand.self], defaultSubcommand: BenchModelCommand.self)
}

/// `motley bench --model PATH`: speed in the shape of llama-bench.
struct BenchModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Measures a model's speed, in the shape of llama-bench (the default).",
        discussion: "Options that take several values (separated by commas) are measured in every combination.")

    @OptionGroup var modelPath: ModelPathOptions
    @OptionGroup var execution: ExecutionOptions

    @Option(name: [.customShort("p"), .long], help: "Tokens of each prompt; 0: no prompt test.")
    var prompt = CountList([512])

    @Option(name: [.customShort("n"), .long], help: "Tokens to generate in each sequence; 0: no generation test.")
    var generate = CountList([64])

    @Option(help: "Sequences side by side, each with a prompt of its own.")
    var parallel = CountList([1])

    @Option(help: "Tokens in the context before generation starts.")
    var depth = CountList([0])

    @Option(name: [.customShort("r"), .long], help: "Times each test is measured, after one run to warm up.")
    var repetitions = 3

    @Flag(help: "Print JSON only.")
    var json = false

    func validate() throws {
        for (name, list, least) in [("prompt", prompt, 0), ("generate", generate, 0), ("parallel", parallel, 1), ("depth", depth, 0)] {
            for value in list.values where value < least || value > 1 << 24 {
                throw ValidationError("--\(name) is \(value); it must be from \(least) to \(1 << 24).")
            }
        }
        for value in parallel.values where value > 1024 { throw ValidationError("--parallel is \(value); it must be at most 1024.") }
        if !(1...1000).contains(repetitions) { throw ValidationError("--repetitions is \(repetitions); it must be from 1 to 1000.") }
    }

    func run() throws {
        Interrupts.watch()
        let model = try Model(path: modelPath.path())
        let tests = self.tests
        guard !tests.isEmpty else { throw CommandError("nothing to measure: --prompt and --generate are both 0") }
        let longest = tests.map { $0.depth + $0.tokens }.max() ?? 1
        guard longest <= model.contextLength else {
            throw CommandError("a test needs \(longest) tokens of context, the model has \(model.contextLength)")
        }
        let sequences = parallel.values.max() ?? 1
        let bar = ProgressBar("loading")
        let planned = try execution.planned(
            model, objective: sequences > 1 ? .throughput : .latency, context: longest,
            prompt: max(1, longest - (generate.values.max() ?? 0)),
            output: max(1, generate.values.max() ?? 1), sequences: sequences, stepLogits: max(64, sequences), measures: true)
        let options = planned.load, before = ProcessMemory.resident
        let executor = try model.makeExecutor(options) { bar.update($0) }
        bar.finish()
        let blocks = tests.map { $0.blocks(blockTokens: executor.keyValueBlockTokens) }.max() ?? 0
        guard blocks <= executor.blockCount, sequences <= executor.maximumLogits else {
            throw CommandError(
                "the plan has room for \(executor.blockCount * executor.keyValueBlockTokens) tokens "
                    + "and \(executor.maximumLogits) sequences; "
                    + "the tests need \(blocks * executor.keyValueBlockTokens) and \(sequences): plan for such a workload")
        }
        let tester = SpeedTester(executor: executor)
        var results: [BenchResult] = []
        var touched = 0
        let progress = ProgressBar("measuring")
        let total = Double(tests.count * (repetitions + 1))
        // A first run warms caches, pages of the KV cache and the processor's clock.
        _ = try tester.run(SpeedTest(kind: .prefill, tokens: min(16, longest), parallel: 1))
        for (index, test) in tests.enumerated() {
            if test.kind == .decode { _ = try tester.run(SpeedTest(kind: .decode, tokens: min(2, test.tokens), parallel: test.parallel)) }
            var samples: [Double] = []
            // What earlier tests touched stays.
            touched = max(touched, before + Self.bytes(test, executor))
            ProcessMemory.resetPeak()
            for repetition in 0..<repetitions {
                samples.append(try tester.run(test))
                progress.update((Double(index * (repetitions + 1)) + Double(repetition + 1)) / total)
            }
            results.append(
                BenchResult(
                    test: test, samples: samples, predicted: Self.predicted(test, planned.machinePlan), peakBytes: ProcessMemory.peak,
                    predictedBytes: options.emulated.isEmpty ? touched : nil))
        }
        progress.finish()
        if let path = execution.limits.trace { try options.trace?.write(to: path) }
        if json {
            Console.outputLine(JSON.array(results.map(\.json)).serialized())
        } else {
            Console.output(BenchTable(model: model, executor: executor, options: options, results: results).text)
        }
    }

    /// Bytes that a test takes of the process's memory beside what was taken before loading: buffers, and pages of the token table.
    private static func bytes(_ test: SpeedTest, _ executor: Executor) -> Int {
        let context = test.kind == .prefill ? test.tokens : max(1, test.depth)
        let tokens = min(executor.schedule.stepTokens, context * test.parallel)
        let blocks = test.blocks(blockTokens: executor.keyValueBlockTokens)
        return executor.touchedBytes(stepTokens: tokens, logits: test.parallel, blocks: blocks)
            // The system maps some pages around each row that is looked up.
            + 32768 * min(executor.vocabularySize, test.tokens * test.parallel)
    }

    /// Tokens per second that the cost model expects of a test.
    private static func predicted(_ test: SpeedTest, _ plan: MachinePlan?) -> Double? {
        switch test.kind {
        case .prefill:
            RunPrediction(plan, sequences: test.parallel, promptTokens: test.tokens, generatedTokens: 0)?.promptTokensPerSecond
        case .decode:
            RunPrediction(plan, sequences: test.parallel, promptTokens: 0, depth: test.depth, generatedTokens: test.tokens)?.tokensPerSecond
        }
    }

    private var tests: [SpeedTest] {
        var tests: [SpeedTest] = []
        for parallel in parallel.values {
            for tokens in prompt.values where tokens > 0 { tests.append(SpeedTest(kind: .prefill, tokens: tokens, parallel: parallel)) }
            for depth in depth.values {
                for tokens in generate.values where tokens > 0 {
                    tests.append(SpeedTest(kind: .decode, tokens: tokens, parallel: parallel, depth: depth))
                }
            }
        }
        return tests
    }
}
