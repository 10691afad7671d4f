import Checkpoints
import JSON
import Models
import Plans
import Testing

@Suite struct PlanTests {
    /// Two layers, 4 KV heads and 32 FFN columns each, 50 words.
    private static let model: ModelSpec = {
        func linear(_ name: String, _ outputs: Int, _ inputs: Int) -> LinearSpec {
            LinearSpec(outputs: outputs, inputs: inputs, weight: TensorReference(name: name, format: .f32, shape: [outputs, inputs]))
        }
        let norm = NormSpec(kind: .rms, epsilon: 1e-5, weight: TensorReference(name: "norm", format: .f32, shape: [16]))
        let attention = AttentionSpec(
            headCount: 4, keyValueHeadCount: 4, headSize: 4, scale: 0.5, query: linear("q", 16, 16), key: linear("k", 16, 16),
            value: linear("v", 16, 16),
            output: linear("o", 16, 16))
        let feedForward = FeedForwardSpec(
            size: 32, activation: .silu, gate: linear("g", 32, 16), up: linear("u", 32, 16), down: linear("d", 16, 32))
        let layer = LayerSpec(attention: attention, feedForward: feedForward, attentionNorm: norm, feedForwardNorm: norm)
        return ModelSpec(
            architecture: "llama", vocabularySize: 50, contextLength: 64, hiddenSize: 16,
            embedding: EmbeddingSpec(table: TensorReference(name: "e", format: .f32, shape: [50, 16]), size: 16),
            positions: .rotary(RotarySpec(base: 10000, dimensions: 4, pairing: .halves, inverseFrequencies: [1, 0.01])),
            layers: [layer, layer],
            finalNorm: norm, output: linear("out", 50, 16))
    }()

    @Test func residentPlanPlacesEveryUnitOnce() throws {
        let plan = Plan.resident(model: Self.model, fingerprint: "f00d", threads: 3, keyValueFormat: .q8, keyValueTokens: 128)
        let stage = try #require(plan.replicas.first?.stages.first)
        #expect(plan.replicas.count == 1 && plan.replicas[0].stages.count == 1)
        #expect(stage.layers == 0..<2 && stage.hasEmbedding && stage.hasOutput)
        let units = Dictionary(stage.placements.map { ($0.module, $0.shards.map(\.range)) }, uniquingKeysWith: { $0 + $1 })
        #expect(units.count == 6)
        #expect(units[.embedding] == [0..<50] && units[.output] == [0..<50])
        for layer in 0..<2 {
            #expect(units[.attention(layer: layer)] == [0..<4])
            #expect(units[.feedForward(layer: layer)] == [0..<32])
        }
        #expect(plan.devices.map(\.threads) == [3])
        #expect(plan.replicas[0].schedule.pools == [2] && stage.keyValue.map(\.format) == [.q8] && stage.keyValue.map(\.layers) == [0..<2])
    }

    @Test func plansSurviveTheirJSON() throws {
        var plan = Plan.resident(model: Self.model, fingerprint: "f00d", threads: 3, keyValueTokens: 128)
        plan.replicas[0].schedule = ReplicaSchedule(
            pools: [2, 3], sequences: 12, sliceTables: [SliceTable(promptTokens: 64, slices: [40, 24])],
            block: BlockGeometry(microBatchSize: 4, microBatchCount: 3))
        let text = plan.json.serialized(pretty: true)
        let again = try Plan(reading: FieldReader(JSON(parsing: Array(text.utf8))))
        #expect(again == plan)
    }
}
