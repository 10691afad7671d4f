import JSON
import Models
import Plans
import Testing

@testable import Planning

struct StrategyTests {
    @Test func sameSeedSamePlan() throws {
        var random = SplitMix(seed: 77)
        for _ in 0..<4 {
            let problem = try Problem(Fixtures.random(&random))
            let first = try? Planner(problem).plan(.auto, timeLimit: 60), second = try? Planner(problem).plan(.auto, timeLimit: 60)
            #expect(first?.best.plan == second?.best.plan)
        }
    }

    // MARK: Layer distribution

    /// Against every distribution of few layers over few nodes.
    @Test func layerSplitsAreExact() {
        var random = SplitMix(seed: 21)
        for _ in 0..<200 {
            let layers = 1 + random.below(6), nodes = 1 + random.below(4)
            let seconds = (0..<nodes).map { _ -> [Double] in
                let each = random.unit(), fixed = random.unit() * 0.3, most = random.below(layers + 2)
                return (0...layers).map { $0 == 0 ? 0 : $0 <= most ? fixed + Double($0) * each : .infinity }
            }
            var leastSum = Double.infinity, leastBottleneck = Double.infinity
            func enumerate(_ node: Int, _ left: Int, _ sum: Double, _ longest: Double) {
                if node == nodes {
                    if left == 0 { (leastSum, leastBottleneck) = (min(leastSum, sum), min(leastBottleneck, longest)) }
                    return
                }
                for count in 0...left { enumerate(node + 1, left - count, sum + seconds[node][count], max(longest, seconds[node][count])) }
            }
            enumerate(0, layers, 0, 0)
            let split = LayerSplit.leastSum(seconds, layers: layers, bound: .greatestFiniteMagnitude)
            #expect(abs((split?.sum ?? .infinity) - leastSum) < 1e-9 || (split == nil && leastSum == .infinity))
            let bound = LayerSplit.leastBottleneck(seconds, layers: layers)
            #expect(bound.map { abs($0 - leastBottleneck) < 1e-12 } ?? (leastBottleneck == .infinity))
            if let bound { #expect(LayerSplit.leastSum(seconds, layers: layers, bound: bound)?.bottleneck ?? .infinity <= bound) }
            #if CBC
                // The same as an integer program: layers and use of each node.
                var program = LinearProgram(cost: Array(repeating: 0, count: 2 * nodes))
                program.rows.append(
                    .init(coefficients: (0..<2 * nodes).map { $0 < nodes ? 1 : 0 }, bound: Double(layers), isEquality: true))
                for node in 0..<nodes {
                    let most = seconds[node].lastIndex { $0.isFinite } ?? 0
                    let fixed = most > 1 ? 2 * seconds[node][1] - seconds[node][2] : 0
                    program.cost[node] = most > 0 ? seconds[node][1] - fixed : 0
                    program.cost[nodes + node] = fixed
                    var row = Array(repeating: 0.0, count: 2 * nodes)
                    (row[node], row[nodes + node]) = (1, -Double(most))
                    program.rows.append(.init(coefficients: row, bound: 0))
                    program.rows.append(.init(coefficients: (0..<2 * nodes).map { $0 == nodes + node ? 1 : 0 }, bound: 1))
                }
                let integer = ProgramSolver.cbc(program, integers: Set(0..<2 * nodes))?.objective ?? .infinity
                #expect(integer == leastSum || abs(integer - leastSum) < 1e-6)
            #endif
        }
    }

    // MARK: Slices

    /// Against every composition of up to ten tiles.
    @Test func slicesAreExact() {
        var random = SplitMix(seed: 8)
        for _ in 0..<40 {
            let stages = 2 + random.below(3), tiles = 2 + random.below(8)
            let speed = (0..<stages).map { _ in 0.2 + random.unit() }, grow = (0..<stages).map { _ in random.unit() * 0.1 }
            let fixed = random.unit() * 0.5, link = random.unit() * (random.below(2) == 0 ? 1.5 : 0.1)
            let search = SliceSearch(
                stages: stages, tiles: tiles,
                seconds: { stage, start, length in
                    fixed + speed[stage] * Double(length) + grow[stage] * Double(length) * (Double(start) + Double(length) / 2)
                },
                transfer: { _, _, length in link * Double(length) })
            var least = Double.infinity
            for mask in 0..<(1 << (tiles - 1)) {
                var lengths: [Int] = [], run = 1
                for bit in 0..<(tiles - 1) {
                    if mask >> bit & 1 == 1 {
                        lengths.append(run)
                        run = 1
                    } else {
                        run += 1
                    }
                }
                lengths.append(run)
                least = min(least, search.makespan(lengths))
            }
            let best = search.best()
            #expect(best.exact && abs(best.makespan - least) < 1e-9)
            #expect(abs(search.makespan(best.lengths) - best.makespan) < 1e-9)
            #expect(best.lengths.reduce(0, +) == tiles)
            #expect(search.makespan(search.published()) >= least - 1e-9 && search.makespan(search.uniform()) >= least - 1e-9)
        }
    }

    // MARK: HeteGen

    @Test func closedFormsBalanceBothSides() {
        let a = HeteGenStrategy.closedForm(cpu: 40e9, link: 12e9, gpu: 500e9)
        #expect(abs((1 - a) / 40e9 - a * (1 / 12e9 + 1 / 500e9)) < 1e-20)
        #expect(abs(HeteGenStrategy.closedForm(cpu: 40e9, link: 12e9, gpu: 1e18) - 12 / 52) < 1e-6)
        #expect(HeteGenStrategy.pinnedForm(cpu: 40e9, link: 12e9, gpu: 500e9, pin: 30e9, pipelined: false) == 0)
        let pinned = HeteGenStrategy.pinnedForm(cpu: 10e9, link: 12e9, gpu: 500e9, pin: 30e9, pipelined: true)
        #expect(pinned == HeteGenStrategy.closedForm(cpu: 10e9, link: 12e9, gpu: 500e9))
        #expect(HeteGenStrategy.pinnedForm(cpu: 10e9, link: 12e9, gpu: 500e9, pin: 30e9, pipelined: false) < pinned)
    }

    /// A model that does not fit: sharing beats streaming alone and the processor alone, by no more than the ceiling 1 + v_cpu / v_link.
    @Test func sharingBeatsStreamingWithinTheCeiling() throws {
        let gpu = Fixtures.device(8, bandwidth: 5e11, operations: 5e13, link: 12e9)
        let with = try Fixtures.problem(
            [Fixtures.machine("m", [Fixtures.cpu(bandwidth: 30e9), gpu])], Fixtures.shape("OPT-13B"), prompt: 64, output: 64)
        let without = try Fixtures.problem([Fixtures.machine("m", [gpu])], Fixtures.shape("OPT-13B"), prompt: 64, output: 64)
        let shared = try Planner(with).plan(.hetegen).best, streamed = try Planner(without).plan(.hetegen).best
        let gain = streamed.score / shared.score
        #expect(gain > 1.8 && gain < 1 + 30.0 / 12 + 0.1, "\(gain)")
    }

    // MARK: HexGen

    /// The case study: tensor parallelism over the four A6000 alone is best, 4/2/2 groups with 48/20/12 layers within two times of it, and
    /// faster than a chain of eight.
    @Test func caseStudyRanksAsRecomputed() throws {
        let machines = [("a6000", "A6000", 4), ("a5000", "A5000", 2), ("a4000", "A4000", 2)].map { name, device, count in
            Fixtures.machine(name, Array(repeating: CatalogueDevice.named(device)!.profile, count: count))
        }
        let network = NetworkProfile(standard: LinkProfile(bytesPerSecond: 1.25e9, latency: 2e-4))
        let problem = try Fixtures.problem(machines, Fixtures.shape("Llama-2-70B"), prompt: 128, output: 64, network: network)
        let best = try Planner(problem).plan(.hexgen).best
        #expect(best.plan.replicas.count == 1 && best.plan.replicas[0].stages.count == 1)
        #expect(best.plan.devices.count == 4 && best.plan.devices.allSatisfy { $0.name.contains("A6000") })
        let published = [
            problem.residentStage([0, 1, 2, 3], layers: 0..<48), problem.residentStage([4, 5], layers: 48..<68),
            problem.residentStage([6, 7], layers: 68..<80),
        ]
        let asymmetric = try #require(problem.finish([published], strategy: .hexgen, note: "4 2 2"))
        let ratio = asymmetric.score / best.score
        #expect(asymmetric.fits && ratio > 1.0 && ratio < 2.2, "\(ratio)")
        let chain = try Planner(problem).plan(.memory).best
        #expect(chain.score / asymmetric.score > 1.5)
    }

    @Test func replicasUseDevicesOfTheirOwn() throws {
        let gpus = Array(repeating: CatalogueDevice.named("RTX 3090")!.profile, count: 4)
        var scenario = Scenario(
            hardware: Profile(machines: [Fixtures.machine("a", gpus), Fixtures.machine("b", gpus)]), model: Fixtures.shape("Llama-2-13B"),
            workload: Workload(prompt: .fixed(128), output: .fixed(32), demand: .rate(8)), objective: .slo(.deadline(3)))
        let found = try Planner(Problem(scenario)).plan(.hexgen)
        var seen: Set<Int> = []
        for replica in found.best.plan.replicas {
            let devices = Set(replica.stages.flatMap { $0.devices.map(\.rawValue) })
            #expect(seen.isDisjoint(with: devices))
            seen.formUnion(devices)
        }
        #expect(found.best.plan.replicas.count > 1)
        // Planning again after a device is gone, from the old plan.
        scenario.constraints.excluded = ["a/gpu0"]
        let smaller = try Problem(scenario)
        let again = try Planner(smaller).plan(.hexgen, warm: found.best)
        #expect(PlanCheck.problems(again.best.plan, shape: smaller.shape, inventory: smaller.hardware.inventory).isEmpty)
    }

    /// A cluster of 32 unlike machines: no combination is counted beyond reason, and the search ends.
    @Test func largeClustersArePlannedFor() throws {
        let kinds = ["A100-40GB", "A6000", "RTX 3090", "A5000", "RTX 4090", "L4", "A40", "V100-32GB"]
        let machines = (0..<32).map { index in
            Fixtures.machine("m\(index)", Array(repeating: CatalogueDevice.named(kinds[index % 8])!.profile, count: 8))
        }
        let problem = try Fixtures.problem(machines, Fixtures.shape("Llama-2-70B"), output: 16)
        let found = try Planner(problem).plan(.hexgen, timeLimit: 10).best
        #expect(PlanCheck.problems(found.plan, shape: problem.shape, inventory: problem.hardware.inventory).isEmpty)
    }

    // MARK: Constraints

    @Test func constraintsAreKept() throws {
        let gpus = Array(repeating: CatalogueDevice.named("RTX 3090")!.profile, count: 2)
        var constraints = Constraints()
        try constraints.pin("layers 10-19 = gpu1")
        try constraints.limit("gpu0=6GiB")
        try constraints.keyValue("8bit")
        let problem = try Fixtures.problem(
            [Fixtures.machine("m", [Fixtures.cpu()] + gpus)], Fixtures.shape("Llama-2-7B"), constraints: constraints)
        let found = try Planner(problem).plan(.auto).best
        #expect(found.fits)
        #expect(found.prediction.memory.first { $0.memory.rawValue == 1 }.map { $0.bytes <= 6 << 30 } ?? true)
        #expect(found.plan.replicas[0].stages.allSatisfy { $0.keyValue.allSatisfy { $0.format == .q8 } })
    }

    @Test func nothingFitsSaysWhy() throws {
        let problem = try Fixtures.problem(
            [Fixtures.machine("m", gibibytes: 8, [Fixtures.device(4, bandwidth: 1e11, operations: 1e12)])], Fixtures.shape("OPT-175B"))
        for strategy in Strategy.allCases {
            #expect { try Planner(problem).plan(strategy) } throws: { error in "\(error)".contains("does not fit") }
        }
    }
}
