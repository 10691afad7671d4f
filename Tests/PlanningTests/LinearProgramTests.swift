import Foundation
import JSON
import Testing

@testable import Planning

/// The simplex against every vertex, CBC, and (by a script) HiGHS.
struct LinearProgramTests {
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
            if random.below(3) == 0 {
                program.rows.append(.init(coefficients: Array(repeating: 1, count: count), bound: 1, isEquality: true))
            }
            let expected = Self.bestVertex(program)
            let found = program.solve()
            #if CBC
                let solved = ProgramSolver.cbc(program)
                #expect((solved == nil) == (found == nil))
                if let solved, let found { #expect(abs(solved.objective - found.objective) < 1e-6) }
            #endif
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
                    guard let row = (column..<count).max(by: { abs(matrix[$0][column]) < abs(matrix[$1][column]) }),
                        abs(matrix[row][column]) > 1e-9
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

    /// No solution, no least cost, no rows, no variables: nil or the obvious, from both solvers, without a word or a crash.
    @Test func degeneratePrograms() {
        let box = LinearProgram.Row(coefficients: [1, 1], bound: 1)
        let cases: [(LinearProgram, Double?)] = [
            (LinearProgram(cost: [1, 1], rows: [box, .init(coefficients: [-1, -1], bound: -2)]), nil),
            (LinearProgram(cost: [-1, -1], rows: [.init(coefficients: [1, -1], bound: 1)]), nil),
            (LinearProgram(cost: [1, 2]), 0), (LinearProgram(cost: [-1, 0]), nil),
            (LinearProgram(cost: [1, -1], rows: [box, .init(coefficients: [0, 0], bound: 0, isEquality: true)]), -1),
            (LinearProgram(cost: [1, 1], rows: [.init(coefficients: [0, 0], bound: -1)]), nil),
            (
                LinearProgram(
                    cost: [1, 1],
                    rows: [
                        .init(coefficients: [1, 1], bound: 1, isEquality: true), .init(coefficients: [2, 2], bound: 2, isEquality: true),
                    ]), 1
            ),
        ]
        for (program, expected) in cases {
            let own = program.solve()?.objective
            #expect(own == nil && expected == nil || abs((own ?? .infinity) - (expected ?? .infinity)) < 1e-9, "\(program)")
            #if CBC
                let other = ProgramSolver.cbc(program)?.objective
                #expect(other == nil && expected == nil || abs((other ?? .infinity) - (expected ?? .infinity)) < 1e-9, "\(program)")
            #endif
            #expect(ProgramSolver.confirmed(program.solve(), program)?.objective == own)
        }
    }

    /// FlexGen's own programs: CBC and the simplex find the same least time, and CBC the same values every time.
    @Test func flexGenPrograms() throws {
        var random = SplitMix(seed: 31)
        for _ in 0..<40 {
            let program = Self.random(&random).program
            let own = program.solve()
            #if CBC
                let other = ProgramSolver.cbc(program)
                #expect((own == nil) == (other == nil))
                if let own, let other { #expect(abs(own.objective - other.objective) <= 1e-6 * abs(other.objective)) }
                #expect(other == ProgramSolver.cbc(program))
            #endif
            #expect(own == program.solve())
        }
    }

    /// A random problem of FlexGen's published model.
    static func random(_ random: inout SplitMix) -> (program: LinearProgram, variant: FlexGenModel.Variant) {
        let hidden = Double(1024 * (1 + random.below(12))), gibi = FlexGenModel.Constants.gibi
        var constants = FlexGenModel.Constants.t4
        constants.toGPU *= 0.3 + 3 * random.unit()
        constants.diskRead *= 0.3 + 8 * random.unit()
        constants.cpuAttention *= 0.3 + 10 * random.unit()
        constants.decodeAttention *= 0.3 + 10 * random.unit()
        let four = random.below(2) == 0 ? 1 : FlexGenModel.fourBit
        let model = FlexGenModel(
            constants: constants, layers: Double(8 + random.below(89)), hidden: hidden, feedForward: 4 * hidden,
            prompt: Double(32 << random.below(6)),
            output: Double(1 << random.below(8)), weightScale: four, cacheScale: four)
        let capacities = [
            (2 + 78 * random.unit()) * gibi, (8 + 500 * random.unit()) * gibi, (random.below(3) == 0 ? 0 : 2000 * random.unit()) * gibi,
        ]
        let variant = FlexGenModel.Variant.allCases[random.below(2)]
        return (
            model.program(batch: 1 + random.below(64), batches: 1 + random.below(20), capacities: capacities, variant: variant), variant
        )
    }

    /// Writes a thousand of them with our objectives for `Tools/compare_lp_with_highs.py`, which sets the variable.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["MOTLEY_PROGRAMS"] != nil))
    func writePrograms() throws {
        let path = try #require(ProcessInfo.processInfo.environment["MOTLEY_PROGRAMS"])
        var random = SplitMix(seed: 2023)
        var entries: [JSON] = []
        var own = 0.0, other = 0.0
        func timed(_ total: inout Double, _ body: () -> LinearProgram.Solution?) -> JSON {
            let start = ContinuousClock.now
            let found = body()
            total += Double(start.duration(to: .now).components.attoseconds) * 1e-18
            return found.map { .number($0.objective) } ?? .null
        }
        let count = 1000
        for _ in 0..<count {
            let (program, variant) = Self.random(&random)
            var entry: [JSONObject.Element] = [
                ("variant", .string("\(variant)")), ("cost", .array(program.cost.map { .number($0) })),
                (
                    "rows",
                    .array(
                        program.rows.map {
                            [
                                "coefficients": .array($0.coefficients.map { .number($0) }), "bound": .number($0.bound),
                                "equality": .bool($0.isEquality),
                            ]
                        })
                ), ("simplex", timed(&own) { program.solve() }),
            ]
            #if CBC
                entry.append(("cbc", timed(&other) { ProgramSolver.cbc(program) }))
            #endif
            entries.append(.object(JSONObject(entry)))
        }
        let all: JSON = [
            "programs": .array(entries), "simplex_microseconds": .number(own / Double(count) * 1e6),
            "cbc_microseconds": .number(other / Double(count) * 1e6),
        ]
        try all.serialized().write(toFile: path, atomically: true, encoding: .utf8)
    }
}
