/// Chooses tokens from logits. One per engine thread: owns scratch memory for one vocabulary, allocates nothing afterwards.
///
/// What it chooses depends on the logits and the request's own state alone, never on what else is in the batch.
final class Sampler {
    let vocabularySize: Int
    private let scratch: UnsafeMutableBufferPointer<Float>
    private let partialSums: UnsafeMutablePointer<Double>
    private var candidates: CandidateBuffer
    private var bestCandidates: CandidateBuffer

    init(vocabularySize: Int) {
        self.vocabularySize = vocabularySize
        scratch = .allocate(capacity: vocabularySize)
        scratch.initialize(repeating: 0)
        partialSums = .allocate(capacity: vocabularySize / LogitsReduction.sumLength + 1)
        candidates = CandidateBuffer(capacity: vocabularySize)
        bestCandidates = CandidateBuffer(capacity: vocabularySize)
    }

    deinit {
        scratch.deallocate()
        partialSums.deallocate()
    }

    /// The next token, drawn as `state`'s parameters say; notes it there.
    func sample(_ logits: UnsafeBufferPointer<Float>, state: SamplingState) throws(GenerationError) -> Int32 {
        let token = try choose(logits, state: state)
        state.record(token)
        return token
    }

    private func choose(_ raw: UnsafeBufferPointer<Float>, state: SamplingState) throws(GenerationError) -> Int32 {
        let parameters = state.parameters
        var logits = raw
        if parameters.changesLogits {
            scratch.baseAddress?.update(from: raw.baseAddress.unsafelyUnwrapped, count: vocabularySize)
            state.adjust(scratch)
            logits = UnsafeBufferPointer(scratch)
        }
        let maximum = LogitsReduction.maximum(logits)
        guard maximum.isFinite else { throw .brokenLogits }
        if parameters.temperature == 0 || parameters.topK == 1 {
            guard let token = LogitsReduction.firstIndex(of: maximum, in: logits) else { throw .brokenLogits }
            return Int32(truncatingIfNeeded: token)
        }
        // A temperature so small that its inverse overflows would turn 0 into NaN.
        let scale = min(Float(1 / parameters.temperature), 1e30)
        let uniform = state.uniform
        if parameters.topK == 0, parameters.topP >= 1, parameters.minP == 0 {
            return drawFromAll(logits, maximum: maximum, scale: scale, uniform: uniform)
        }
        collect(logits, parameters: parameters, maximum: maximum, scale: scale)
        return candidates.draw(uniform)
    }

    /// Draws from the whole distribution: finds the run of logits the draw falls into, then the token within.
    private func drawFromAll(_ logits: UnsafeBufferPointer<Float>, maximum: Float, scale: Float, uniform: Double) -> Int32 {
        var left = uniform * LogitsReduction.exponentialSum(logits, maximum: maximum, scale: scale, partial: partialSums)
        var run = 0
        var start = 0
        while start + LogitsReduction.sumLength < logits.count, left >= partialSums[run] {
            left -= partialSums[run]
            run += 1
            start += LogitsReduction.sumLength
        }
        var last = LogitsReduction.firstIndex(of: maximum, in: logits) ?? 0
        for index in start..<logits.count {
            let weight = Double(LogitsReduction.exponential((logits[index] - maximum) * scale))
            guard weight > 0 else { continue }
            last = index
            if left < weight { break }
            left -= weight
        }
        return Int32(truncatingIfNeeded: last)
    }

    /// Leaves in `candidates`, with their weights, the tokens that top-k, top-p and min-p allow.
    private func collect(_ logits: UnsafeBufferPointer<Float>, parameters: SamplingParameters, maximum: Float, scale: Float) {
        var mass: Double?
        if parameters.topK > 0, parameters.topK < vocabularySize {
            candidates.collectTop(parameters.topK, of: logits)
            let sum = candidates.weigh(maximum: maximum, scale: scale)
            if parameters.topP < 1 { mass = sum * parameters.topP }
        } else {
            // Tokens below both bounds cannot be chosen: those under min-p, and those that even all together do not reach 1 - top-p.
            var threshold = -Double.infinity
            if parameters.topP < 1 {
                let sum = LogitsReduction.exponentialSum(logits, maximum: maximum, scale: scale)
                mass = sum * parameters.topP
                threshold = Double(maximum) + logarithm(sum * (1 - parameters.topP) / Double(vocabularySize)) / Double(scale) - 1e-3
            }
            // With top-p the mass is that of all tokens, so min-p may not remove any before.
            if parameters.topP >= 1 { threshold = Double(maximum) + logarithm(parameters.minP) / Double(scale) }
            candidates.collect(atLeast: min(Float(threshold), maximum), of: logits)
            _ = candidates.weigh(maximum: maximum, scale: scale)
        }
        if let mass { candidates.keep(mass: mass) }
        if parameters.minP > 0 { candidates.drop(below: Float(parameters.minP)) }
    }
}

extension Sampler {
    /// The `count` tokens with the largest logits, best first.
    func topTokens(_ logits: UnsafeBufferPointer<Float>, count: Int) -> [Candidate] {
        bestCandidates.collectTop(min(count, vocabularySize), of: logits)
        bestCandidates.sort()
        return (0..<bestCandidates.count).map { bestCandidates[$0] }
    }
}
