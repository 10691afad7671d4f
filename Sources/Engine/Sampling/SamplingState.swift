/// What one request's sampling remembers: how often tokens occurred, and where in its random sequence it stands.
final class SamplingState {
    let parameters: SamplingParameters
    private let seed: UInt64
    private var draws: UInt64 = 0
    /// By token; allocated only where a penalty needs it.
    private var inPrompt: [Bool] = []
    private var generatedCounts: [Int32] = []
    /// Distinct tokens that occurred.
    private var seen: [Int32] = []
    private let bias: [(token: Int, bias: Float)]

    init(parameters: SamplingParameters, prompt: [Int32], vocabularySize: Int, maximumTokens: Int) {
        self.parameters = parameters
        seed = parameters.seed ?? UInt64.random(in: 0 ... .max)
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

    /// Notes a token that was generated.
    func record(_ token: Int32) {
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

    /// The next number of the request's own sequence, in 0..<1 (SplitMix64: Steele, Lea, Flood 2014).
    func uniform() -> Double {
        draws &+= 1
        var mixed = seed &+ draws &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return Double(mixed >> 11) * 0x1p-53
    }
}
