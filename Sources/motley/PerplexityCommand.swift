import ArgumentParser
import Devices
import Engine
import Planning
import JSON

/// `motley perplexity`: how well a model foresees a text.
struct PerplexityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perplexity", abstract: "Measures how well a model foresees tokens or a text.",
        discussion: """
            --tokens-file: a JSON array of token ids, one window, no token added. --file: a text, cut into windows of --context tokens; \
            the second half of each window counts, given everything before it.
            """)

    @OptionGroup var modelPath: ModelPathOptions
    @OptionGroup var execution: ExecutionOptions

    @Option(help: "A JSON array of token ids.")
    var tokensFile: String?

    @Option(help: "A text file.")
    var file: String?

    @Option(help: "Most windows of --file to measure.")
    var windows: Int?

    @Flag(help: "Print JSON only.")
    var json = false

    func validate() throws {
        if (tokensFile == nil) == (file == nil) { throw ValidationError("Give either --tokens-file or --file.") }
        if let windows, windows < 1 { throw ValidationError("--windows is \(windows); it must be at least 1.") }
    }

    func run() throws {
        Interrupts.watch()
        let model = try Model(path: modelPath.path())
        let windows: [(tokens: [Int32], first: Int)]
        if let tokensFile {
            windows = [(tokens: try Self.tokens(inFile: tokensFile), first: 1)]
        } else {
            windows = try textWindows(model)
        }
        let longest = windows.map(\.tokens.count).max() ?? 0
        guard longest >= 2 else {
            throw CommandError("at least two tokens are needed for a perplexity, \(longest) \(longest == 1 ? "was" : "were") given")
        }
        guard longest - 1 <= model.contextLength else {
            throw CommandError("a window of \(longest) tokens does not fit into the model's context of \(model.contextLength)")
        }
        let bar = ProgressBar(file == nil ? "measuring" : "perplexity")
        let options = try execution.planned(
            model, objective: .timeToFirstToken, context: min(longest, model.contextLength), prompt: longest, output: 1, stepLogits: 128,
            logitsRows: 128
        ).load
        let executor = try model.makeExecutor(options) { bar.update($0 * 0.01) }
        let meter = PerplexityMeter(executor: executor)
        for (index, window) in windows.enumerated() {
            try meter.score(window.tokens, from: window.first) { part in
                let note = meterNote(meter)
                bar.update((Double(index) + part) / Double(windows.count), note: windows.count > 1 ? note : "")
            }
        }
        bar.finish()
        report(meter)
    }

    private func meterNote(_ meter: PerplexityMeter) -> String { meter.tokens > 0 ? "perplexity \(Size.decimal(meter.perplexity, 3))" : "" }

    private func report(_ meter: PerplexityMeter) {
        if json {
            let result = JSONObject([
                (key: "perplexity", value: .number(meter.perplexity)), (key: "nll", value: .number(meter.meanNegativeLogLikelihood)),
                (key: "tokens", value: .integer(meter.tokens)),
            ])
            Console.outputLine(JSON.object(result).serialized())
        } else {
            Console.outputLine(
                "perplexity \(Size.decimal(meter.perplexity, 4)), \(Size.decimal(meter.meanNegativeLogLikelihood, 5)) nats per token over "
                    + "\(meter.tokens) tokens"
            )
        }
    }

    /// Windows of the context's length; of each but the first the second half counts, so that every token has a long past.
    private func textWindows(_ model: Model) throws -> [(tokens: [Int32], first: Int)] {
        let tokens = try model.text.encode(try StandardInput.textFile(file ?? ""), addsSpecial: true)
        let length = try model.contextLength(asked: execution.context, needed: 0)
        guard tokens.count >= 2 else { throw CommandError("the text has \(tokens.count) tokens; at least two are needed for a perplexity") }
        if tokens.count <= length { return [(tokens: tokens, first: 1)] }
        guard length >= 2 else { throw CommandError("--context \(length) is too short: a window needs at least two tokens") }
        var result: [(tokens: [Int32], first: Int)] = []
        let stride = max(1, length / 2)
        var start = 0
        while start + 1 < tokens.count, result.count < windows ?? .max {
            let end = min(start + length, tokens.count)
            let first = start == 0 ? 1 : length - stride
            if end - start > first { result.append((tokens: Array(tokens[start..<end]), first: first)) }
            if end == tokens.count { break }
            start += stride
        }
        return result
    }

    static func tokens(inFile path: String) throws -> [Int32] {
        let document: JSON
        do {
            document = try JSON(parsing: try StandardInput.file(path))
        } catch let error as JSONError {
            throw CommandError("\(path): \(error)")
        }
        guard let list = document.array else { throw CommandError("\(path): is not a JSON array of token ids") }
        return try list.enumerated().map { position, value in
            guard let token = value.int.flatMap({ Int32(exactly: $0) }) else {
                throw CommandError("\(path): element \(position) (\(value.serialized().prefix(40))) is not a token id")
            }
            return token
        }
    }
}
