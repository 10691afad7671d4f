/// What a model is to go on from: token ids, or text whose ids are found while the model is being loaded.
public final class Prompt: Sendable {
    /// At least as many as its tokens are: so much is known of a text before the tokenizer is there, since no token has less than a byte
    /// but the few that a tokenizer puts around a text. (Where a normaliser lengthens a text beyond it, the engine refuses what has no
    /// room.)
    public let tokenBound: Int
    /// Where the prompt is text, whether the reply goes on within it.
    public let isCompletion: Bool
    private let model: Model
    private let ids: Deferred<[Int32]>

    /// Most tokens around a text.
    private static let surroundingTokens = 16

    /// Exactly these ids: nothing is added.
    public init(tokens: [Int32], model: Model) {
        self.model = model
        tokenBound = tokens.count
        isCompletion = false
        ids = Deferred { tokens }
    }

    /// - Parameters:
    ///   - isRendered: a chat template made the text, with the special tokens it wants; otherwise the tokenizer adds its own around it.
    ///   - isCompletion: the reply goes on within the text, so that a space before its first word stays.
    public init(text: String, isRendered: Bool, isCompletion: Bool, model: Model) {
        self.model = model
        self.isCompletion = isCompletion
        tokenBound = text.utf8.count + Self.surroundingTokens
        ids = Deferred { try model.text.encode(text, addsSpecial: !isRendered) }
    }

    /// Starts looking for the ids of a text.
    public func prepare() { ids.prepare() }

    /// Its token ids; waits for the tokenizer.
    public func tokens() throws -> [Int32] { try ids.value() }

    /// How much context to load the model with, in tokens, so that the prompt and a reply of `maximumTokens` find room.
    /// - Parameter asked: the length that was asked for, if any.
    /// - Throws: `GenerationError.promptTooLong` for a prompt that has no room, before anything is loaded; `LoadError` for an impossible
    ///   length.
    public func contextLength(asked: Int? = nil, maximumTokens: Int?) throws -> Int {
        let context = try model.contextLength(asked: asked, needed: tokenBound + min(maximumTokens ?? 0, model.contextLength))
        // Only a prompt that may not fit has to be counted.
        guard tokenBound >= context else { return context }
        let count = try tokens().count
        guard count < context else {
            throw GenerationError.promptTooLong(prompt: count, context: context, modelContext: model.contextLength)
        }
        return context
    }

    /// The request for a reply.
    public func request(_ settings: GenerationSettings) throws -> GenerationRequest {
        GenerationRequest(
            prompt: try tokens(), sampling: settings.sampling, maximumTokens: settings.maximumTokens,
            endTokens: settings.ignoresEndTokens ? [] : try model.endTokens(), stopStrings: settings.stopStrings,
            logProbabilities: settings.logProbabilities, decoder: try model.text.decoder(continuing: isCompletion))
    }
}
