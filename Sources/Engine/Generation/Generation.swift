/// A request being carried out: its sampling state, its text and its times. Token by token it goes through the same states wherever a token
/// was generated: those that the request brings are taken in first, unseen.
final class Generation {
    let id: GenerationID
    let request: GenerationRequest
    let maximumTokens: Int
    let sampling: SamplingState
    let onEvent: @Sendable (GenerationEvent) -> Void
    /// Why the tokens that the request brought end it already; nil: it goes on.
    private(set) var endedBefore: FinishReason?
    var sharedTokens = 0
    private let submitSeconds = MonotonicClock.seconds()
    /// When its first step began.
    var startSeconds: Double?
    private var firstTokenSeconds: Double?
    private var lastTokenSeconds: Double?
    private var generatedTokens = 0
    private var continuedTokens = 0
    private var decoder: (any TokenDecoder)?
    private var stopMatcher: StopMatcher

    /// The request was found valid, its tokens among the vocabulary.
    init(
        id: GenerationID, request: GenerationRequest, maximumTokens: Int, stopMatcher: StopMatcher, vocabularySize: Int,
        onEvent: @escaping @Sendable (GenerationEvent) -> Void
    ) {
        self.id = id
        self.request = request
        self.maximumTokens = maximumTokens
        self.stopMatcher = stopMatcher
        self.onEvent = onEvent
        decoder = request.decoder
        sampling = SamplingState(
            parameters: request.sampling, seed: request.seed, prompt: request.prompt, vocabularySize: vocabularySize,
            maximumTokens: maximumTokens)
        // What would have ended the request, had it been generated here, ends it; nothing can follow.
        for token in request.generated where endedBefore == nil {
            sampling.record(token)
            endedBefore = take(token).reason
        }
        continuedTokens = generatedTokens
    }

    /// Reports a generated token; gives the reason if it was the last one.
    func accept(_ token: Int32, logProbabilities: [TokenLogProbability], logProbability: Double?) -> FinishReason? {
        let now = MonotonicClock.seconds()
        if firstTokenSeconds == nil { firstTokenSeconds = now }
        lastTokenSeconds = now
        let (text, reason) = take(token)
        onEvent(
            .token(GeneratedToken(token: token, text: text, logProbabilities: logProbabilities, logProbability: logProbability)))
        return reason
    }

    /// The text that can be shown with a token, and the reason if it is the last one.
    private func take(_ token: Int32) -> (text: String, reason: FinishReason?) {
        generatedTokens += 1
        if request.endTokens.contains(token) { return ("", .endToken) }
        var text = ""
        if decoder != nil {
            let (shown, isStopped) = stopMatcher.feed(decoder?.append(token) ?? "")
            if isStopped { return (shown, .stopString) }
            text = shown
        }
        return (text, generatedTokens >= maximumTokens ? .length : nil)
    }

    func summary(_ reason: FinishReason) -> GenerationSummary {
        var text = ""
        if reason != .stopString, decoder != nil {
            let (shown, isStopped) = stopMatcher.feed(decoder?.finish() ?? "")
            text = isStopped ? shown : shown + stopMatcher.flush()
        }
        let start = startSeconds ?? submitSeconds
        let first = firstTokenSeconds ?? start
        return GenerationSummary(
            reason: reason, text: text, promptTokens: request.prompt.count, sharedTokens: sharedTokens, generatedTokens: generatedTokens,
            continuedTokens: continuedTokens, seed: request.seed, waitingSeconds: start - submitSeconds, prefillSeconds: first - start,
            decodeSeconds: (lastTokenSeconds ?? first) - first)
    }
}
