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

    /// Under the same model and memories, the search is never below a published policy that fits.
    @Test(arguments: FlexGenModel.Variant.allCases)
    func searchIsNeverBelowThePublishedPolicies(variant: FlexGenModel.Variant) throws {
        let opt175b = FlexGenModel(constants: .t4, layers: 96, hidden: 12288, feedForward: 49152, prompt: 512, output: 32)
        let large = FlexGenModel.Policy(batch: 32, batches: 8, weights: [0, 0.5, 0.5], cache: [0, 0, 1], hidden: [0, 0, 1])
        for (model, policy) in [(Self.opt30b, Self.published), (opt175b, large)] {
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
    }

    /// Random programs against every vertex.
    @Test func simplexAgainstVertices() {
        var random = SplitMix(seed: 4)
        for _ in 0..<200 {
            let count = 2 + random.below(2), height = 1 + random.below(4)
            var program = LinearProgram(cost: (0..<count).map { _ in random.unit() * 4 - 1.5 })
            for _ in 0..<height {
                program.rows.append(.init(coefficients: (0..<count).map { _ in random.unit() * 3 - 1 }, bound: random.unit() * 2 - 0.4))
            }
            // A box keeps it bounded.
            for index in 0..<count { program.rows.append(.init(coefficients: (0..<count).map { $0 == index ? 1 : 0 }, bound: 3)) }
            if random.below(3) == 0 { program.rows.append(.init(coefficients: Array(repeating: 1, count: count), bound: 1, isEquality: true)) }
            let expected = Self.bestVertex(program)
            let found = program.solve()
            // CBC where the package was built with it, else the same simplex again.
            let solved = ProgramSolver.solve(program)
            #expect((solved == nil) == (found == nil))
            if let solved, let found { #expect(abs(solved.objective - found.objective) < 1e-6) }
            if let expected {
                #expect(abs((found?.objective ?? .infinity) - expected) < 1e-6)
            } else {
                #expect(found == nil)
            }
        }
    }

    /// Least cost over all intersections of as many tight constraints as there are variables.
    static func bestVertex(_ program: LinearProgram) -> Double? {
        let count = program.cost.count
        var planes = program.rows.map { ($0.coefficients, $0.bound) }
        for index in 0..<count { planes.append(((0..<count).map { $0 == index ? 1.0 : 0 }, 0)) }
        var best: Double?
        func choose(_ start: Int, _ chosen: [Int]) {
            if chosen.count == count {
                var matrix = chosen.map { planes[$0].0 + [planes[$0].1] }
                for column in 0..<count {
                    guard let row = (column..<count).max(by: { abs(matrix[$0][column]) < abs(matrix[$1][column]) }), abs(matrix[row][column]) > 1e-9
                    else { return }
                    matrix.swapAt(row, column)
                    for other in 0..<count where other != column {
                        let factor = matrix[other][column] / matrix[column][column]
                        for index in column...count { matrix[other][index] -= factor * matrix[column][index] }
                    }
                }
                let x = (0..<count).map { matrix[$0][count] / matrix[$0][$0] }
                for row in program.rows {
                    let value = zip(row.coefficients, x).reduce(0) { $0 + $1.0 * $1.1 }
                    if value > row.bound + 1e-7 || (row.isEquality && abs(value - row.bound) > 1e-7) { return }
                }
                guard x.allSatisfy({ $0 >= -1e-7 }) else { return }
                let cost = zip(program.cost, x).reduce(0) { $0 + $1.0 * $1.1 }
                best = min(best ?? cost, cost)
                return
            }
            guard start < planes.count else { return }
            for index in start..<planes.count { choose(index + 1, chosen + [index]) }
        }
        choose(0, [])
        return best
    }
}
