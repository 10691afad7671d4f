import Checkpoints
import Models
import Plans
import Testing

@testable import Planning

/// The offloading search against every placement of every module with every share that can be realised.
struct OffloadTests {
    /// A machine with one GPU that holds `spare` bytes beside its buffers, and a model of few layers.
    static func problem(
        _ random: inout SplitMix, layers: Int, kinds: Int = 1, disk: Bool = false, format: TensorFormat = .f16, objective: Objective
    ) throws -> Problem {
        func pick<T>(_ values: [T]) -> T { values[random.below(values.count)] }
        var shape = BuiltInModels.gated(
            "tiny", layers: layers, hidden: 1024, heads: 4, keyValueHeads: 4, ffn: 2048, vocabulary: pick([1024, 8192]), context: 4096)
        if kinds > 1 {
            var other = BuiltInModels.gated(
                "wide", layers: layers, hidden: 1024, heads: 4, keyValueHeads: 4, ffn: 4096, vocabulary: 1024, context: 4096
            )
            .runs[0]
            other.count = 1 + random.below(2)
            shape.runs.append(other)
        }
        shape = shape.stored(in: format)
        let bytes = Double(shape.parameterCount) * shape.bytesPerElement
        let spare = Double(OffloadSetting.window) + bytes * pick([0.02, 0.3, 0.6, 0.9]) + 3e6
        let gpu = Fixtures.device(
            spare / 1_073_741_824, bandwidth: pick([1e10, 1e11, 8e11]), operations: pick([1e12, 4e13]), link: pick([1e9, 6e9, 2.5e10]))
        var machine = Fixtures.machine(
            "m", gibibytes: 8, [Fixtures.cpu(bandwidth: pick([5e9, 2e10, 8e10]), operations: pick([1e11, 2e12])), gpu])
        machine.memory.bytesPerSecond = pick([3e10, 1e11])
        if disk {
            machine.memory.capacity = Int(1.15 * (bytes * pick([0.3, 0.6]) + Double(OffloadSetting.window) + 3e7))
            machine.disks = [DiskProfile(name: "disk", capacity: 1 << 40, readBytesPerSecond: pick([1e9, 5e9]), writeBytesPerSecond: 1e9)]
        }
        return try Fixtures.problem([machine], shape, prompt: pick([20, 200]), output: 8, objective: objective)
    }

    /// What a setting with one share per kind scores; nil where it does not fit.
    static func score(_ problem: Problem, _ stage: StageDraft) -> Double? {
        let layout = problem.realiser.layout(ReplicaDraft(stages: [stage]))
        guard let assessment = try? problem.assess([layout]), assessment.fits else { return nil }
        return assessment.score
    }

    /// Where the modules may be cut: the grid of every share.
    static func grains(_ problem: Problem) throws -> [Int] {
        try #require(OffloadSearch(problem, gpu: 1, cpu: 0, range: 0..<problem.shape.layerCount, sequences: 1)).grains
    }

    static let objectives: [Objective] = [.latency, .timeToFirstToken]

    /// Every subset of resident attention and feed-forward modules, not only the last so many, with every share.
    @Test(arguments: 0..<2)
    func equalsEverySubsetWithEveryShare(part: Int) throws {
        var random = SplitMix(seed: UInt64(40 + part))
        for number in 0..<5 {
            let layers = 1 + random.below(2)
            let problem = try Self.problem(&random, layers: layers, objective: Self.objectives[number % 2])
            let found = try Planner(problem).plan(.hetegen).best
            let (gpu, cpu) = (1, 0)
            let grains = try Self.grains(problem)
            var best = Double.infinity
            for keyValueOnHost in [false, true] {
                for outputOnGPU in [false, true] {
                    let setting = OffloadSetting(
                        gpu: gpu, cpu: cpu,
                        kinds: [.init(buckets: [.init(fromTokens: 1, units: 0)]), .init(buckets: [.init(fromTokens: 1, units: 0)])],
                        keyValueOnHost: keyValueOnHost, outputOnGPU: outputOnGPU, sequences: 1, together: 1)
                    let all = try #require(OffloadLayers(problem, range: 0..<layers, gpu: gpu, cpu: cpu))
                    var stage = problem.offloaded(setting, all)
                    func parts(_ isResident: Bool, _ share: Double) -> [PartDraft] {
                        if isResident { return [PartDraft(1, home: 1, device: gpu)] }
                        return [PartDraft(share, home: 0, device: gpu), PartDraft(1 - share, home: 0, device: cpu)].filter { $0.share > 0 }
                    }
                    for mask in 0..<(1 << (2 * layers)) {
                        for attention in 0...grains[0] {
                            for feedForward in 0...grains[1] {
                                stage.plans = (0..<layers).map { layer in
                                    LayerDraft(
                                        attention: parts(mask >> (2 * layer) & 1 == 1, Double(attention) / Double(grains[0])),
                                        feedForward: parts(mask >> (2 * layer + 1) & 1 == 1, Double(feedForward) / Double(grains[1])))
                                }
                                // Nothing is streamed to the GPU where it multiplies nothing of the host's.
                                stage.window = attention + feedForward == 0 ? 0 : OffloadSetting.window
                                if let score = Self.score(problem, stage) { best = min(best, score) }
                            }
                        }
                    }
                }
            }
            // The reference has one share for all token counts, so it may be a little worse; never better.
            #expect(found.score <= best * (1 + 1e-9), "\(number): \(found.score) \(best) \(found.note)")
            #expect(found.score >= best * (1 - 1e-3), "\(number): \(found.score) \(best) \(found.note)")
        }
    }

    /// With a host too small: every number resident and on disk of both kinds.
    @Test func equalsEveryNumberOnDisk() throws {
        var random = SplitMix(seed: 7)
        for number in 0..<4 {
            let layers = 2
            let problem = try Self.problem(&random, layers: layers, disk: true, objective: Self.objectives[number % 2])
            guard let found = try? Planner(problem).plan(.hetegen).best else { continue }
            let best = try Self.enumerate(problem, gpu: 1, cpu: 0, grains: try Self.grains(problem))
            #expect(found.score <= best * (1 + 1e-9), "\(number): \(found.score) \(best) \(found.note)")
        }
    }

    /// Two kinds of layers: never better than the bound, and within the gap that is reported.
    @Test func severalKindsAreWithinTheReportedGap() throws {
        var random = SplitMix(seed: 9)
        for number in 0..<4 {
            let problem = try Self.problem(&random, layers: 1, kinds: 2, format: .q4_K, objective: Self.objectives[number % 2])
            let count = problem.shape.layerCount
            let search = try #require(OffloadSearch(problem, gpu: 1, cpu: 0, range: 0..<count, sequences: 1))
            let found = try #require(search.best(1).first)
            let best = try Self.enumerate(problem, gpu: 1, cpu: 0, grains: search.grains)
            let evaluated = try Planner(problem).plan(.hetegen).best.score
            #expect(evaluated <= best * (1 + found.setting.gap) * (1 + 1e-6), "\(number): \(evaluated) \(best) \(found.setting.gap)")
            #expect(found.value / (1 + found.setting.gap) <= best * (1 + 1e-6), "the bound lies above what is possible")
        }
    }

    /// Every number of resident modules and of modules on disk of every kind, with every share.
    static func enumerate(_ problem: Problem, gpu: Int, cpu: Int, grains: [Int]) throws -> Double {
        let layers = try #require(OffloadLayers(problem, range: 0..<problem.shape.layerCount, gpu: gpu, cpu: cpu))
        var best = Double.infinity
        let hasDisk = problem.hardware.disks[0] != nil
        func kinds(_ index: Int, _ chosen: [OffloadSetting.Kind]) {
            guard index < grains.count else {
                for keyValueOnHost in [false, true] {
                    for outputOnGPU in [false, true] {
                        let setting = OffloadSetting(
                            gpu: gpu, cpu: cpu, kinds: chosen, keyValueOnHost: keyValueOnHost, outputOnGPU: outputOnGPU, sequences: 1,
                            together: 1)
                        if let score = score(problem, problem.offloaded(setting, layers)) { best = min(best, score) }
                    }
                }
                return
            }
            let count = layers.counts[index / 2]
            for resident in 0...count {
                for disk in 0...(hasDisk ? count - resident : 0) {
                    for units in resident == count ? [0] : Array(0...grains[index]) {
                        kinds(
                            index + 1,
                            chosen + [
                                .init(resident: resident, disk: disk, buckets: [.init(fromTokens: 1, units: units)], grains: grains[index])
                            ])
                    }
                }
            }
        }
        kinds(0, [])
        return best
    }

    /// Between its ends the chain of a shared module is convex in the share: what the bisection relies on.
    @Test func sharedModulesAreConvexInTheirShare() throws {
        var random = SplitMix(seed: 12)
        for _ in 0..<30 {
            let problem = try Self.problem(&random, layers: 2, objective: .latency)
            let search = try #require(OffloadSearch(problem, gpu: 1, cpu: 0, range: 0..<2, sequences: 1))
            let layers = search.layers
            let setting = OffloadSetting(
                gpu: 1, cpu: 0, kinds: [.init(), .init()], keyValueOnHost: random.below(2) == 0, outputOnGPU: true, sequences: 1,
                together: 1)
            for load in [StepLoad.decode(sequences: 1, context: 100), .prefill(sequences: 1, tokens: 300)] {
                let costs = try #require(OffloadCosts(problem, setting, layers, units: search.units, load: load))
                for kind in costs.kinds {
                    let chain = kind.host.map { $0[0] }
                    guard chain.count > 4 else { continue }
                    for index in 2..<chain.count - 2 { #expect(chain[index + 1] + chain[index - 1] >= 2 * chain[index] * (1 - 1e-9)) }
                }
            }
        }
    }

    /// A sum over modules is what the cost model says of the whole stage.
    @Test func costsAddUpToTheStage() throws {
        var random = SplitMix(seed: 13)
        for _ in 0..<10 {
            let problem = try Self.problem(&random, layers: 3, objective: .latency)
            for found in try #require(OffloadSearch(problem, gpu: 1, cpu: 0, range: 0..<3, sequences: 1)).best(4) {
                let layers = try #require(OffloadLayers(problem, range: 0..<3, gpu: 1, cpu: 0))
                let score = Self.score(problem, problem.offloaded(found.setting, layers))
                #expect(score != nil && abs(score! - found.value) < 1e-6 * found.value, "\(String(describing: score)) \(found.value)")
            }
        }
    }
}
