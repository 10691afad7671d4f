import ArgumentParser
import Engine

/// How tokens are chosen. What is not given comes from the checkpoint.
struct SamplingOptions: ParsableArguments {
    @Option(help: "0: always the most likely token; higher: more varied.")
    var temperature: Double?

    @Option(help: "Choose among this many of the most likely tokens; 0: all.")
    var topK: Int?

    @Option(help: "Choose among the most likely tokens that reach this probability together.")
    var topP: Double?

    @Option(help: "Leave out tokens less likely than this fraction of the most likely one.")
    var minP: Double?

    @Option(help: "Make tokens less likely that occurred: 1 is off, 1.1 a little.")
    var repetitionPenalty: Double?

    @Option(parsing: .unconditional, help: "Subtract this from a token's logit for each time it was generated.")
    var frequencyPenalty: Double?

    @Option(parsing: .unconditional, help: "Subtract this from the logit of every token that was generated.")
    var presencePenalty: Double?

    @Option(help: "Add to a token's logit, as TOKEN=VALUE (-inf forbids it). May be repeated.")
    var logitBias: [LogitBias] = []

    @Option(help: "Equal seeds give equal text.")
    var seed: UInt64?

    @Option(help: "End when this text appears. May be repeated.")
    var stop: [String] = []

    @Option(name: [.customShort("n"), .long], help: "Most tokens to generate (default: until the model ends or the context is full).")
    var maxTokens: Int?

    @Flag(help: "Go on after the model's end token.")
    var ignoreEos = false

    func validate() throws {
        if let maxTokens, maxTokens < 1 { throw ValidationError("--max-tokens is \(maxTokens); it must be at least 1.") }
    }

    /// What is to be otherwise than the checkpoint advises.
    var overrides: SamplingOverrides {
        var result = SamplingOverrides()
        result.temperature = temperature
        result.topK = topK
        result.topP = topP
        result.minP = minP
        result.repetitionPenalty = repetitionPenalty
        result.frequencyPenalty = frequencyPenalty
        result.presencePenalty = presencePenalty
        for bias in logitBias { result.logitBias[bias.token] = bias.value }
        result.seed = seed
        return result
    }
}

/// `TOKEN=VALUE` on the command line.
struct LogitBias: ExpressibleByArgument, Equatable {
    var token: Int32
    var value: Float

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let token = Int32(parts[0]), let value = Float(parts[1]) else { return nil }
        self.token = token
        self.value = value
    }
}
