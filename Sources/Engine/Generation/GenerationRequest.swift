/// A prompt and what is wanted of it.
///
/// What comes out is a function of prompt, generated tokens, parameters and seed alone: token i is drawn with the i-th number of the seed's
/// sequence, and penalties, stop strings and half characters follow from the tokens before it. So a request can go on anywhere, in another
/// engine or process, from the tokens it has got so far:
///
///     var rest = request
///     rest.generated += tokens
///     for event in engine.events(rest) { ... }
///
/// Its text goes on behind the text of the tokens so far (what a summary gave at its end does not count), and both together are the text
/// of a request that was not interrupted. Where the tokens so far end the request already, it finishes at once.
public struct GenerationRequest: Sendable {
    /// Token ids, run exactly as they are.
    public var prompt: [Int32]
    /// Tokens generated already, which the request goes on behind as if this engine had generated them.
    public var generated: [Int32]
    public var sampling: SamplingParameters
    /// Most tokens to generate, `generated` among them; nil: as many as the context has room for.
    public var maximumTokens: Int?
    /// Tokens that end the generation; the ending token is part of the result's tokens, not of its text.
    public var endTokens: Set<Int32>
    /// Texts that end the generation; they are not part of the result's text.
    public var stopStrings: [String]
    /// Most likely tokens to report with each generated one; 0: none.
    public var logProbabilities: Int
    /// Turns tokens into text, from the first generated one on; nil: the text stays empty.
    public var decoder: (any TokenDecoder)?
    private let drawnSeed = RandomSequence.newSeed()

    public init(
        prompt: [Int32], generated: [Int32] = [], sampling: SamplingParameters = .greedy, maximumTokens: Int? = nil,
        endTokens: Set<Int32> = [],
        stopStrings: [String] = [], logProbabilities: Int = 0, decoder: (any TokenDecoder)? = nil
    ) {
        self.prompt = prompt
        self.generated = generated
        self.sampling = sampling
        self.maximumTokens = maximumTokens
        self.endTokens = endTokens
        self.stopStrings = stopStrings
        self.logProbabilities = logProbabilities
        self.decoder = decoder
    }

    /// The seed of its draws: the one given with the parameters, else one that was drawn when the request was made. Copies share it; in
    /// another process the request goes on with this as its parameters' seed.
    public var seed: UInt64 { sampling.seed ?? drawnSeed }
}
