import Checkpoints
import Models
import Plans
import Testing

@testable import Planning

/// Whatever the shares, matrices are cut where the model allows it.
struct GrainTests {
    static let roomy = Fixtures.device(1e6, bandwidth: 1e12, operations: 1e14)

    /// Every built-in model in every format, random shares on two to six devices.
    @Test(arguments: BuiltInModels.all.map(\.name)) func randomSharesAreCutAtGrains(name: String) throws {
        var random = SplitMix(seed: UInt64(name.utf8.reduce(7) { $0 &* 31 &+ Int($1) }.magnitude))
        for format in TensorFormat.allCases {
            let shape = Fixtures.shape(name).stored(in: format)
            let problem = try Fixtures.problem([Fixtures.machine("m", Array(repeating: Self.roomy, count: 6))], shape)
            for _ in 0..<2 {
                let devices = Array(0..<2 + random.below(5))
                let shares = devices.map { _ in random.below(4) == 0 ? 1e-3 * random.unit() : random.unit() }
                var stage = problem.residentStage(devices, shares: shares, layers: 0..<shape.layerCount)
                // Sometimes a part is converted to a format with larger blocks.
                let converted: TensorFormat? = random.below(3) == 0 ? .q4_K : nil
                stage.plans[0].feedForward[0].format = converted
                let layout = problem.realiser.layout(stage, sequences: 1)
                let formats = [format] + (converted.map { [$0] } ?? [])
                for span in layout.spans {
                    let layer = shape.runs[span.run].layer
                    Self.check(span.placement.attention, layer.attention.keyValueHeadCount, layer.attention.grain(formats: formats), name)
                    Self.check(span.placement.feedForward, layer.feedForward.units, layer.feedForward.grain(formats: formats), name)
                    // Keys and values lie where their heads are.
                    let heads = span.placement.keyValue.map { $0.heads }
                    #expect(heads == span.placement.attention.map { $0.range })
                }
                Self.check(layout.output ?? [], shape.vocabularySize, CutGrain.vocabularyRows, name)
                let plan = problem.realiser.plan([ReplicaLayout(stages: [layout], block: .single, sliceTables: [])])
                let problems = PlanCheck.problems(plan, shape: shape, inventory: problem.hardware.inventory)
                #expect(problems.isEmpty, "\(name), \(format.name): \(problems.prefix(2))")
            }
        }
    }

    static func check(_ shards: [Shard], _ units: Int, _ grain: Int, _ name: String) {
        var next = 0
        for shard in shards {
            #expect(shard.range.lowerBound == next && !shard.range.isEmpty)
            next = shard.range.upperBound
            #expect(next == units || next % grain == 0, "\(name): cut at \(next), grain \(grain)")
        }
        #expect(next == units)
    }

    @Test func knownCuts() {
        // Qwen2.5-72B in q4_k was cut at columns 6728 and 22678.
        let size = Fixtures.shape("Qwen2.5-72B").runs[0].layer.feedForward.units, grain = CutGrain.feedForward(size: size, formats: [.q4_K])
        let counts = Realiser.apportion([0.2275, 0.5395, 0.233], units: size, grain: grain)
        #expect(grain == 512 && counts == [6656, 15872, 7040])
        // A part of less than half a grain gets nothing; what is less than a grain goes with the last part.
        #expect(Realiser.apportion([0.01, 0.99], units: 1100, grain: 512) == [0, 1100])
        #expect(Realiser.apportion([1, 1], units: 500, grain: 512) == [500, 0])
    }
}
