/// What one request's sampling knows of the tokens so far: how often each occurred, and how many were generated. Nothing else decides what
/// is drawn next but the logits, the parameters and the seed.
final class SamplingState {
    let parameters: SamplingParameters
    private let seed: UInt64
    /// Tokens generated so far, which is the place of the next one in the seed's sequence.
    private var generatedTokens = 0
    /// By token; allocated only where a penalty needs it.
    private var inPrompt: [Bool] = []
    private var generatedCounts: [Int32] = []
    /// Distinct tokens that occurred.
    private var seen: [Int32] = []
    private let bias: [(token: Int, bias: Float)]

    /// - Parameter maximumTokens: most tokens that will be recorded.
    init(parameters: SamplingParameters, seed: UInt64, prompt: [Int32], vocabularySize: Int, maximumTokens: Int) {
        self.parameters = parameters
        self.seed = seed
        bias = parameters.logitBias.map { (token: Int($0.key), bias: $0.value) }
        guard parameters.countsTokens else { return }
        inPrompt = [Bool](repeating: false, count: vocabularySize)
        generatedCounts = [Int32](repeating: 0, count: vocabularySize)
        seen.reserveCapacity(min(vocabularySize, prompt.count + maximumTokens))
        for token in prompt where !inPrompt[Int(token)] {
            inPrompt[Int(token)] = true
            seen.append(token)
        }
    }

    /// Notes a generated token.
    func record(_ token: Int32) {
        generatedTokens += 1
        guard parameters.countsTokens else { return }
        if !inPrompt[Int(token)] && generatedCounts[Int(token)] == 0 { seen.append(token) }
        generatedCounts[Int(token)] &+= 1
    }

    /// Applies bias and penalties.
    func adjust(_ logits: UnsafeMutableBufferPointer<Float>) {
        for (token, bias) in bias { logits[token] += bias }
        guard parameters.countsTokens else { return }
        let repetition = Float(parameters.repetitionPenalty)
        let frequency = Float(parameters.frequencyPenalty)
        let presence = Float(parameters.presencePenalty)
        for token in seen {
            var logit = logits[Int(token)]
            logit = logit > 0 ? logit / repetition : logit * repetition
            let count = generatedCounts[Int(token)]
            if count > 0 { logit -= Float(count) * frequency + presence }
            logits[Int(token)] = logit
        }
    }

    /// What the next token is drawn with, in 0..<1.
    var uniform: Double { RandomSequence.uniform(seed: seed, index: generatedTokens) }
}
