import Checkpoints
import Models
import Testing

/// Parameter counts against the published ones, exact where a model card states the exact number.
struct ModelShapeTests {
    @Test(arguments: [
        ("OPT-1.3B", 1_315_758_080), ("OPT-6.7B", 6_658_473_984), ("OPT-13B", 12_853_473_280), ("OPT-30B", 29_974_540_288),
        ("Llama-2-7B", 6_738_415_616), ("Llama-2-13B", 13_015_864_320), ("Llama-2-70B", 68_976_648_192), ("Llama-3.2-1B", 1_235_814_400),
        ("Llama-3.2-3B", 3_212_749_824), ("Llama-3.1-8B", 8_030_261_248), ("Llama-3.1-70B", 70_553_706_496),
        ("Llama-3.1-405B", 405_853_388_800),
        ("Qwen2.5-0.5B", 494_032_768), ("Qwen2.5-7B", 7_615_616_512), ("Qwen2.5-72B", 72_706_203_648), ("Qwen3-0.6B", 596_049_920),
        ("Qwen3-8B", 8_190_735_360), ("Mistral-7B", 7_241_732_096), ("Mixtral-8x7B", 46_702_792_704),
    ])
    func exactParameterCounts(name: String, count: Int) throws {
        #expect(try #require(BuiltInModels.named(name)).parameterCount == count)
    }

    @Test(arguments: [
        ("OPT-2.7B", 2.65e9), ("OPT-66B", 65.7e9), ("OPT-175B", 174.6e9), ("GPT3-2B", 2.0e9), ("DeepSeek-V3", 671e9),
        ("Qwen3-30B-A3B", 30.5e9),
        ("Qwen3-235B-A22B", 235e9), ("Qwen2.5-32B", 32.8e9), ("Qwen3-32B", 32.8e9),
    ])
    func roundedParameterCounts(name: String, count: Double) throws {
        let shape = try #require(BuiltInModels.named(name))
        #expect(abs(Double(shape.parameterCount) / count - 1) < 0.02, "\(shape.parameterCount)")
    }

    @Test(arguments: [("DeepSeek-V3", 37e9), ("Mixtral-8x7B", 12.9e9), ("Qwen3-30B-A3B", 3.3e9), ("Qwen3-235B-A22B", 22e9)])
    func activeParameterCounts(name: String, count: Double) throws {
        let shape = try #require(BuiltInModels.named(name))
        #expect(abs(Double(shape.activeParameterCount) / count - 1) < 0.03, "\(shape.activeParameterCount)")
    }

    @Test func moreTokensTouchMoreExperts() throws {
        let layer = try #require(BuiltInModels.named("mixtral 8x7b")).layer(0)
        #expect(abs(layer.feedForward.touchedShare(tokens: 1) - 0.25) < 1e-12)
        #expect(layer.feedForward.touchedShare(tokens: 2) < layer.feedForward.touchedShare(tokens: 3))
        #expect(layer.feedForward.touchedShare(tokens: 1000) > 0.999)
    }

    @Test func quantisedFormatsShrinkBytes() throws {
        let shape = try #require(BuiltInModels.named("OPT-30B"))
        #expect(shape.bytesPerElement == 2)
        #expect(shape.stored(in: .q4_0).bytesPerElement == 0.5625)
    }
}
