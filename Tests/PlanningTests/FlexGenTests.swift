import Models
import Plans
import Testing

@testable import Planning

struct FlexGenTests {
    static let opt30b = FlexGenModel(constants: .t4, layers: 48, hidden: 7168, feedForward: 28672, prompt: 512, output: 32)
    static let published = FlexGenModel.Policy(batch: 48, batches: 3, weights: [0.2, 0.8, 0], cache: [0, 1, 0], hidden: [0, 1, 0])

    /// OPT-30B, 48 x 3, 20/80/0 0/100/0 0/100/0, prompt 512, 32 tokens: to four digits.
    @Test func workedExample() {
        let times = Self.opt30b.times(Self.published, .code)
        #expect(abs(times.prefill - 4.3890) < 5e-5, "\(times.prefill)")
        #expect(abs(times.decode - 0.2924) < 5e-5, "\(times.decode)")
        #expect(abs(times.total - 645.8) < 0.05, "\(times.total)")
        #expect(abs(times.throughput - 7.136) < 5e-4, "\(times.throughput)")
        // The paper's form overlaps more and so predicts more.
        #expect(Self.opt30b.times(Self.published, .paper).throughput >= times.throughput)
    }

    // MARK: Against published policies and exhaustive scans

    /// A policy of the authors' benchmark suite, f16 or with 4-bit groups.
    struct Published: Sendable, CustomStringConvertible {
        var model: String
        var prompt: Double
        var weightScale = 1.0
        var cacheScale = 1.0
        var batch: Int
        var batches: Int
        /// Per cent of weights on GPU and host, cache on GPU and host, hidden states on GPU and host.
        var percent: [Double]

        var description: String { "\(model) \(Int(prompt)) \(batch) x \(batches)" }

        var policy: FlexGenModel.Policy {
            func group(_ at: Int) -> [Double] { [percent[at] / 100, percent[at + 1] / 100, 1 - (percent[at] + percent[at + 1]) / 100] }
            return FlexGenModel.Policy(batch: batch, batches: batches, weights: group(0), cache: group(2), hidden: group(4))
        }

        var published: FlexGenModel {
            let (layers, hidden) = model == "6.7B" ? (32.0, 4096.0) : model == "30B" ? (48, 7168) : (96, 12288)
            return FlexGenModel(
                constants: .t4, layers: layers, hidden: hidden, feedForward: 4 * hidden, prompt: prompt, output: 32,
                weightScale: weightScale,
                cacheScale: cacheScale)
        }
    }

    static let policies: [Published] = {
        let four = FlexGenModel.fourBit
        func pair(_ model: String, weights: Double = 1, cache: Double = 1, _ short: ([Double], Int, Int), _ long: ([Double], Int, Int))
            -> [Published]
        {
            [(512.0, short), (1024, long)].map { prompt, found in
                Published(
                    model: model, prompt: prompt, weightScale: weights, cacheScale: cache, batch: found.1, batches: found.2,
                    percent: found.0)
            }
        }
        let onGPU = [100.0, 0, 100, 0, 100, 0], onHost = [0.0, 100, 0, 100, 0, 100], onDisk = [0.0, 50, 0, 0, 0, 100]
        return pair("6.7B", (onGPU, 2, 1), (onGPU, 1, 1)) + pair("6.7B", weights: four, cache: four, (onGPU, 72, 1), (onGPU, 28, 1))
            + pair("30B", ([20, 80, 0, 100, 0, 100], 48, 3), ([4, 96, 0, 100, 0, 100], 20, 4))
            + pair("30B", cache: four, (onHost, 64, 8), (onHost, 20, 12)) + pair("175B", (onDisk, 32, 8), (onDisk, 12, 12))
            + pair("175B", weights: four, cache: four, (onHost, 48, 3), (onHost, 12, 4))
    }()

    /// Under the same model and memories, the search is never below a published policy, and the program of its geometry never slower than
    /// its shares.
    @Test(arguments: FlexGenTests.policies, FlexGenModel.Variant.allCases)
    func searchIsNeverBelowThePublishedPolicies(published: Published, variant: FlexGenModel.Variant) throws {
        let model = published.published, policy = published.policy
        // Room for the published policy, whatever its authors counted, and at least the host's.
        let needed = model.memory(batch: policy.batch, batches: policy.batches).map { row in
            zip(row, policy.shares + [1]).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let capacities = zip(needed, [14.5, 200, 1400]).map { max($0, $1 * FlexGenModel.Constants.gibi) }
        let found = try #require(model.search(capacities: capacities, mostSequences: 1024, variant: variant))
        #expect(found.times.throughput >= model.times(policy, variant).throughput * (1 - 1e-9))
        let same = try #require(model.bestShares(batch: policy.batch, batches: policy.batches, capacities: capacities, variant: variant))
        #expect(same.times.total <= model.times(policy, variant).total * (1 + 1e-9))
    }

    /// The search, whatever its memories leave room for, against every whole number of up to 24 sequences and 12 micro-batches.
    @Test(arguments: FlexGenModel.Variant.allCases)
    func searchIsCloseToEveryGeometry(variant: FlexGenModel.Variant) throws {
        var random = SplitMix(seed: 12)
        for _ in 0..<6 {
            let hidden = Double(1024 * (1 + random.below(8)))
            let model = FlexGenModel(
                constants: .t4, layers: Double(8 + random.below(40)), hidden: hidden, feedForward: 4 * hidden,
                prompt: Double(64 << random.below(4)), output: Double(8 << random.below(3)))
            let gibi = FlexGenModel.Constants.gibi
            let capacities = [(1 + 14 * random.unit()) * gibi, (4 + 60 * random.unit()) * gibi, 500 * gibi]
            var best = 0.0
            for batch in 1...24 {
                for batches in 1...12 {
                    let found = model.bestShares(batch: batch, batches: batches, capacities: capacities, variant: variant)
                    best = max(best, found?.times.throughput ?? 0)
                }
            }
            let found = model.search(capacities: capacities, mostSequences: 288, mostBatches: 12, variant: variant)
            #expect((found?.times.throughput ?? 0) >= 0.99 * best)
        }
    }

    // MARK: Realised

    static let host = [
        Fixtures.cpu(bandwidth: 50e9, operations: 5e11),
        Fixtures.device(15, bandwidth: 2.4e11, operations: 2e13, link: 12e9),
    ]

    /// What does not fit as whole heads and columns is solved again with less room: as many machines hold as many times the model, and a
    /// pipeline over them is worth its machines.
    @Test(arguments: [1, 4]) func pipelinesOverMachinesFitAndGain(count: Int) throws {
        let machines = (0..<count).map { Fixtures.machine("m\($0)", gibibytes: 208, Self.host, disk: 1400) }
        let network = NetworkProfile(standard: LinkProfile(bytesPerSecond: 2.5e9, latency: 1e-4))
        let problem = try Fixtures.problem(
            machines, Fixtures.shape("OPT-175B"), prompt: 512, output: 32, batch: 1024, objective: .throughput, network: network)
        let found = try #require(Strategy.flexgen.search(problem, deadline: Deadline(seconds: 60)).first)
        #expect(found.fits && found.plan.replicas[0].stages.count == count)
        let rate = try #require(found.prediction.throughputTokensPerSecond)
        #expect(count == 1 ? rate > 0.3 && rate < 2 : rate > 4)
        #expect(found.note.contains("realised"))
    }

    /// A policy somebody else chose, priced by our model as it would be realised; never better than the search's where it fits.
    @Test func policiesOfOthersCanBePriced() throws {
        let problem = try Fixtures.problem(
            [Fixtures.machine("m", gibibytes: 208, Self.host, disk: 1400)], Fixtures.shape("OPT-30B"), prompt: 512, output: 32, batch: 1024,
            objective: .throughput)
        let strategy = FlexGenStrategy(problem: problem, deadline: Deadline(seconds: 60))
        let gpu = problem.hardware.gpus[0]
        let deepSpeed = FlexGenModel.Policy(batch: 8, batches: 1, weights: [0, 1, 0], cache: [1, 0, 0], hidden: [1, 0, 0])
        let best = try #require(Strategy.ranked(strategy.search()).first)
        for policy in [Self.published, deepSpeed] {
            let found = try #require(strategy.evaluate(policy, gpus: [gpu]))
            #expect(PlanCheck.problems(found.plan, shape: problem.shape, inventory: problem.hardware.inventory).isEmpty)
            if found.fits { #expect(best.score <= found.score) }
        }
    }
}
