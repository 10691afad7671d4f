import Testing

@testable import Models

@Suite("Rotary frequencies") struct RotaryTests {
    /// Hugging Face's own figures for 16 dimensions, base 500000, factor 8, low 1, high 4, original context 64.
    @Test func llama3() {
        let spec = RotarySpec(
            base: 500_000, dimensions: 16, pairing: .halves,
            scaling: .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64))
        let expected: [Double] = [
            1.0, 0.079403013, 0.00470075384, 0.000911583134, 0.000176776681, 3.42810235e-05, 6.64786967e-06, 1.28917316e-06,
        ]
        #expect(spec.inverseFrequencies.count == expected.count)
        for (value, reference) in zip(spec.inverseFrequencies, expected) { #expect(abs(value - reference) <= 1e-6 * reference) }
    }

    @Test func plain() {
        let spec = RotarySpec(base: 10_000, dimensions: 4, pairing: .halves, scaling: .none)
        #expect(spec.inverseFrequencies == [1, 0.01])
        #expect(RotaryScaling.linear(factor: 2).apply([1, 0.5]) == [0.5, 0.25])
    }
}
