import Models
import Plans
import Runtime
import Testing

@testable import Engine

/// The engine over an executor whose stages work on several steps at once: nobody sees it in the text.
@Suite struct PipelineTests {
    /// Stages of the given numbers of layers, one after another.
    private func plan(_ model: ModelSpec, layers counts: [Int], tokens: Int, stepsInFlight: Int) -> Plan {
        var plan = Plan.resident(
            model: model, threads: 1, keyValueTokens: tokens, stepTokens: 24, stepLogits: 16, stepsInFlight: stepsInFlight)
        let whole = plan.replicas[0].stages[0]
        var first = 0
        plan.replicas[0].stages = counts.map { count in
            defer { first += count }
            var stage = whole
            stage.layers = first..<first + count
            stage.hasEmbedding = first == 0
            stage.hasOutput = first + count == model.layers.count
            stage.placements = whole.placements.filter { placement in
                switch placement.module {
                case .embedding: stage.hasEmbedding
                case .output: stage.hasOutput
                case .attention(let layer), .shared(let layer), .feedForward(let layer): stage.layers.contains(layer)
                }
            }
            for share in stage.keyValue.indices { stage.keyValue[share].layers = stage.keyValue[share].layers.clamped(to: stage.layers) }
            stage.keyValue.removeAll { $0.layers.isEmpty }
            return stage
        }
        let device = plan.devices[0].id
        plan.replicas[0].boundaries = counts.dropFirst().map { _ in Boundary(sender: device, receiver: device, format: .f32) }
        return plan
    }

    private func outcomes(_ model: Model, layers: [Int], stepsInFlight: Int, _ requests: [GenerationRequest]) throws -> [EngineTests
        .Outcome]
    {
        let plan = plan(model.spec, layers: layers, tokens: 512, stepsInFlight: stepsInFlight)
        let engine = try Engine(options: EngineOptions(contextLength: 120, sliceTokens: 10)) {
            try Executor(plan: plan, model: model.spec, checkpoint: model.checkpoint)
        }
        return requests.map { engine.generate($0) }.map { EngineTests.collect($0) }
    }

    @Test(arguments: ["llama-gguf-q8_0", "qwen3-hf-bf16", "gpt2-gguf-f16"], [1, 2, 3])
    func stagesGiveTheSameText(name: String, stepsInFlight: Int) throws {
        let golden = try Golden.named(name)
        let model = try Model(path: golden.path)
        let requests = try (0..<6).map { index in
            GenerationRequest(
                prompt: Array(golden.prompt.prefix(9 + 4 * index)),
                sampling: index % 2 == 0
                    ? .greedy : SamplingParameters(temperature: 1, topP: 0.9, presencePenalty: 0.3, seed: UInt64(index)),
                maximumTokens: 24, logProbabilities: 2, decoder: try model.text.decoder(continuing: false))
        }
        let expected = try outcomes(model, layers: [model.spec.layers.count], stepsInFlight: 1, requests)
        #expect(expected.allSatisfy { $0.tokens.count == 24 })
        let layers = Array(repeating: 1, count: model.spec.layers.count)
        let found = try outcomes(model, layers: layers, stepsInFlight: stepsInFlight, requests)
        #expect(found.map(\.tokens) == expected.map(\.tokens) && found.map(\.text) == expected.map(\.text))
        #expect(found.map(\.logProbabilities) == expected.map(\.logProbabilities))
        // Begun on one stage, continued on several.
        let begun = zip(requests, expected).enumerated().map { index, pair in
            var request = pair.0
            request.generated = Array(pair.1.tokens.prefix(3 + 4 * index))
            return request
        }
        let rest = try outcomes(model, layers: layers, stepsInFlight: stepsInFlight, begun)
        for (index, outcome) in rest.enumerated() {
            #expect(begun[index].generated + outcome.tokens == expected[index].tokens)
            #expect(outcome.logProbabilities == Array(expected[index].logProbabilities.dropFirst(3 + 4 * index)))
        }
    }
}
