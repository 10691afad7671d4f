import Foundation
import Testing

@testable import Engine

@Suite struct SamplerTests {
    private func withLogits<T>(_ logits: [Float], _ body: (UnsafeBufferPointer<Float>) throws -> T) rethrows -> T {
        try logits.withUnsafeBufferPointer(body)
    }

    private func randomLogits(_ count: Int, seed: UInt64, ties: Bool = false) -> [Float] {
        var random = SeededGenerator(state: seed)
        return (0..<count).map { _ in
            let value = Float.random(in: -8...8, using: &random)
            return ties ? value.rounded() : value
        }
    }

    /// Probabilities of every token by the definition: sort all, cut, renormalise.
    private func reference(_ logits: [Float], _ parameters: SamplingParameters) -> [Int32: Double] {
        var order = logits.indices.sorted { logits[$0] > logits[$1] || (logits[$0] == logits[$1] && $0 < $1) }
        if parameters.topK > 0 { order = Array(order.prefix(parameters.topK)) }
        let best = Double(logits[order[0]])
        func weight(_ index: Int) -> Double { exp((Double(logits[index]) - best) / parameters.temperature) }
        let total = order.reduce(0) { $0 + weight($1) }
        if parameters.topP < 1 {
            var sum = 0.0
            var kept: [Int] = []
            for index in order {
                if sum >= parameters.topP * total && !kept.isEmpty { break }
                kept.append(index)
                sum += weight(index)
            }
            order = kept
        }
        order = order.filter { weight($0) >= parameters.minP }
        let sum = order.reduce(0) { $0 + weight($1) }
        return Dictionary(uniqueKeysWithValues: order.map { (Int32($0), weight($0) / sum) })
    }

    @Test func greedyTakesTheLowestOfEqualLogits() throws {
        let sampler = Sampler(vocabularySize: 37)
        var logits = [Float](repeating: -1, count: 37)
        logits[36] = 5
        logits[19] = 5
        logits[3] = .nan
        let state = SamplingState(parameters: .greedy, seed: 0, prompt: [1], vocabularySize: 37, maximumTokens: 1)
        #expect(try withLogits(logits) { try sampler.sample($0, state: state) } == 19)
    }

    @Test func logitsWithoutAFiniteMaximumAreAnError() {
        let sampler = Sampler(vocabularySize: 3)
        let state = SamplingState(parameters: .greedy, seed: 0, prompt: [1], vocabularySize: 3, maximumTokens: 1)
        for broken: [Float] in [[.nan, .nan, .nan], [-.infinity, -.infinity, .nan], [1, .infinity, 0]] {
            #expect(throws: GenerationError.brokenLogits) { try withLogits(broken) { try sampler.sample($0, state: state) } }
        }
    }

    @Test(arguments: [
        SamplingParameters(temperature: 1), SamplingParameters(temperature: 0.6, topK: 5), SamplingParameters(temperature: 1.3, topP: 0.8),
        SamplingParameters(temperature: 0.9, minP: 0.1), SamplingParameters(temperature: 0.7, topK: 40, topP: 0.9),
        SamplingParameters(temperature: 2, topK: 20, topP: 0.7, minP: 0.2), SamplingParameters(temperature: 1, topP: 0.5, minP: 0.3),
        SamplingParameters(temperature: 1, topP: 0),
    ])
    func frequenciesFollowTheDefinition(parameters: SamplingParameters) throws {
        for (size, ties) in [(7, false), (100, true), (400, false)] {
            let logits = randomLogits(size, seed: UInt64(size), ties: ties)
            let expected = reference(logits, parameters)
            let sampler = Sampler(vocabularySize: size)
            let state = SamplingState(parameters: parameters, seed: 11, prompt: [], vocabularySize: size, maximumTokens: 1)
            let draws = size > 100 ? 150 : 600
            var counts: [Int32: Int] = [:]
            try withLogits(logits) { for _ in 0..<draws { counts[try sampler.sample($0, state: state), default: 0] += 1 } }
            for (token, count) in counts {
                guard let probability = expected[token] else {
                    Issue.record("token \(token) was cut but drawn \(count) times: \(parameters), \(size)")
                    continue
                }
                let deviation = (Double(draws) * probability * (1 - probability)).squareRoot()
                #expect(abs(Double(count) - Double(draws) * probability) < 5 * deviation + 3)
            }
            let missing = expected.filter { counts[$0.key] == nil }.reduce(0) { max($0, $1.value) }
            #expect(missing < 8 / Double(draws))
        }
    }

    @Test func anEqualSeedGivesEqualTokens() throws {
        let logits = randomLogits(500, seed: 3)
        let parameters = SamplingParameters(temperature: 1, topP: 0.95)
        func draw() throws -> [Int32] {
            let sampler = Sampler(vocabularySize: 500)
            let state = SamplingState(parameters: parameters, seed: 42, prompt: [], vocabularySize: 500, maximumTokens: 50)
            return try withLogits(logits) { buffer in try (0..<50).map { _ in try sampler.sample(buffer, state: state) } }
        }
        let first = try draw()
        #expect(try draw() == first)
        #expect(Set(first).count > 5)
    }

    @Test func penaltiesAndBiasFollowTheirFormulas() throws {
        let parameters = SamplingParameters(
            repetitionPenalty: 2, frequencyPenalty: 0.5, presencePenalty: 0.25, logitBias: [4: 1.5, 5: -.infinity])
        let state = SamplingState(parameters: parameters, seed: 0, prompt: [0, 1, 1], vocabularySize: 6, maximumTokens: 4)
        state.record(2)
        state.record(2)
        state.record(0)
        var logits: [Float] = [4, -4, 4, 4, 4, 4]
        logits.withUnsafeMutableBufferPointer { state.adjust($0) }
        // 4 / 2 - 0.5 - 0.25; -4 * 2; 4 / 2 - 2 * 0.5 - 0.25; unseen; 4 + 1.5; forbidden
        let expected: [Float] = [1.25, -8, 0.75, 4, 5.5, -.infinity]
        #expect(logits == expected)
    }

    @Test func logProbabilitiesAreTheLogSoftmaxBestFirst() throws {
        for size in [3, 8, 1000, 5000] {
            let logits = randomLogits(size, seed: 9, ties: true)
            let sampler = Sampler(vocabularySize: size)
            let sum = logits.reduce(0.0) { $0 + exp(Double($1)) }
            let order = logits.indices.sorted { logits[$0] > logits[$1] || (logits[$0] == logits[$1] && $0 < $1) }
            let found = try withLogits(logits) { try sampler.logProbabilities($0, count: 5) }
            #expect(found.map(\.token) == order.prefix(5).map { Int32($0) })
            for value in found { #expect(abs(value.logProbability - (Double(logits[Int(value.token)]) - log(sum))) < 1e-6) }
        }
    }

    @Test func theExponentialIsAccurate() {
        for step in 0..<4000 {
            let x = -Float(step) * 0.0217
            let expected = exp(Double(x))
            #expect(abs(Double(LogitsReduction.exponential(x)) - expected) <= expected * 2.5e-7 || x < -87)
        }
        #expect(LogitsReduction.exponential(-1000) == 0)
        #expect(LogitsReduction.exponential(-.infinity) == 0)
        #expect(LogitsReduction.exponential(.nan) == 0)
        #expect(LogitsReduction.exponential(0) == 1)
    }

    @Test func invalidParametersAreNamed() {
        for parameters in [
            SamplingParameters(temperature: -1), SamplingParameters(temperature: .nan), SamplingParameters(temperature: .infinity),
            SamplingParameters(topK: -1), SamplingParameters(topP: 1.5), SamplingParameters(minP: -0.1),
            SamplingParameters(repetitionPenalty: 0),
            SamplingParameters(frequencyPenalty: .nan), SamplingParameters(logitBias: [99: 1]), SamplingParameters(logitBias: [1: .nan]),
        ] {
            #expect(throws: GenerationError.self) { try parameters.validate(vocabularySize: 10) }
        }
        #expect(throws: Never.self) { try SamplingParameters(temperature: 0.8, topK: 40, topP: 0.9).validate(vocabularySize: 10) }
    }
}

/// A generator with a seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
