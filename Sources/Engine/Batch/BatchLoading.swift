import Models
import Plans

/// How a model is loaded for a batch: with so many requests at once, and a KV cache in which as many of usual length have room.
public struct BatchLoading: Sendable {
    public let options: LoadOptions
    public let engineOptions: EngineOptions
    /// Requests that run at once.
    public var parallel: Int { engineOptions.sequences }

    /// Requests at once where nobody says: on processors more hardly gain anything, and each takes room.
    public static let usualParallel = 16

    /// - Parameters:
    ///   - options: threads, format, kernels and plan; its context and sequences are replaced.
    ///   - context: most tokens of prompt and reply of one request; nil: room for the longest line, as `Model.contextLength` has it.
    ///   - parallel: requests at once; nil: `usualParallel`, or as many as memory has room for; with a plan, as many as it says.
    /// - Throws: `LoadError` for what is impossible.
    public init(_ model: Model, need: BatchNeed, options: LoadOptions, context: Int?, parallel: Int?) throws {
        var options = options
        let length: Int
        var sequences = parallel ?? Self.usualParallel
        if let schedule = options.plan?.replicas.first?.schedule {
            length = try context.map { try model.contextLength(asked: $0, needed: 0) } ?? model.contextLength
            sequences = min(parallel ?? schedule.sequences, schedule.sequences)
            options.contextLength = length
        } else {
            length = try model.contextLength(asked: context, needed: need.longest)
            while true {
                let tokens = need.cacheTokens(sequences: sequences, context: length)
                // The same room in as many parts as the model's context asks for.
                options.sequences = max(1, (tokens + model.contextLength - 1) / model.contextLength)
                options.contextLength = (tokens + options.sequences - 1) / options.sequences
                options.stepLogits = max(64, sequences)
                do {
                    try model.check(options)
                    break
                } catch LoadError.doesNotFit where parallel == nil && sequences > 1 {
                    sequences /= 2
                }
            }
        }
        self.options = options
        engineOptions = EngineOptions(contextLength: length, modelContextLength: model.contextLength, sequences: sequences)
    }
}
