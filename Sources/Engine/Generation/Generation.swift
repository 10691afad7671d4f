/// A request being carried out: its sampling state, its text and its times.
final class Generation {
    let id: GenerationID
    let request: GenerationRequest
    let maximumTokens: Int
    let sampling: SamplingState
    let onEvent: @Sendable (GenerationEvent) -> Void
    var sharedTokens = 0
    private let submitSeconds = MonotonicClock.seconds()
    /// When its first step began.
    var startSeconds: Double?
    private var firstTokenSeconds: Double?
    private var lastTokenSeconds: Double?
    private var generatedTokens = 0
    private var decoder: (any TokenDecoder)?
    private var stopMatcher: StopMatcher

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
            parameters: request.sampling, prompt: request.prompt, vocabularySize: vocabularySize, maximumTokens: maximumTokens)
    }

    /// Reports a generated token; gives the reason if it was the last one.
    func accept(_ token: Int32, logProbabilities: [TokenLogProbability]) -> FinishReason? {
        let now = MonotonicClock.seconds()
        if firstTokenSeconds == nil { firstTokenSeconds = now }
        lastTokenSeconds = now
        generatedTokens += 1
        var reason: FinishReason?
        var text = ""
        if request.endTokens.contains(token) {
            reason = .endToken
        } else {
            if decoder != nil {
                let (shown, isStopped) = stopMatcher.feed(decoder?.append(token) ?? "")
                text = shown
                if isStopped { reason = .stopString }
            }
            if reason == nil, generatedTokens >= maximumTokens { reason = .length }
        }
        onEvent(.token(GeneratedToken(token: token, text: text, logProbabilities: logProbabilities)))
        return reason
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
            waitingSeconds: start - submitSeconds, prefillSeconds: first - start, decodeSeconds: (lastTokenSeconds ?? first) - first)
    }
}
