/// Rows of a linear program in terms of its basic variables, and reduced costs below them.
///
/// Columns: variables, a slack per inequality, the right-hand side. A row whose basic variable is none of the columns stands for an
/// artificial one, which never comes back.
struct SimplexTableau {
    private var table: [Double]
    private var basis: [Int]
    private let width: Int
    private let height: Int

    /// A row's basic variable that is no column.
    private static let artificial = Int.max
    /// Pivots by steepest column; then by Bland's rule; then it is given up.
    private static let steepest = 200
    private static let most = 5000

    init(_ program: LinearProgram) {
        let count = program.cost.count
        height = program.rows.count
        width = count + program.rows.count { !$0.isEquality }
        let stride = width + 1
        table = Array(repeating: 0, count: (height + 1) * stride)
        basis = Array(repeating: Self.artificial, count: height)
        var slack = count
        for (index, row) in program.rows.enumerated() {
            // Rows are scaled so that tolerances mean the same in all of them, and turned so that right-hand sides are not negative.
            let size = max(row.coefficients.map(abs).max() ?? 1, 1e-300)
            let factor = (row.bound < 0 ? -1.0 : 1.0) / size
            for (column, value) in row.coefficients.enumerated() { table[index * stride + column] = factor * value }
            table[index * stride + width] = factor * row.bound
            if !row.isEquality {
                table[index * stride + slack] = row.bound < 0 ? -1 : 1
                if row.bound >= 0 { basis[index] = slack }
                slack += 1
            }
        }
    }

    /// Phase one: the sum of artificial variables to nothing. false where the rows contradict each other.
    mutating func findFeasible() -> Bool {
        let stride = width + 1
        for column in 0...width {
            var sum = 0.0
            for row in 0..<height where basis[row] == Self.artificial { sum += table[row * stride + column] }
            table[height * stride + column] = -sum
        }
        // A sum of what is not negative has a least value: where the pivots end otherwise, it is nothing but rounding.
        _ = run()
        guard abs(table[height * stride + width]) < 1e-7 else { return false }
        // Artificial variables that are still basic (at 0) leave where a column can take their place.
        for row in 0..<height where basis[row] == Self.artificial {
            if let column = (0..<width).first(where: { abs(table[row * stride + $0]) > 1e-9 }) { pivot(row, column) }
        }
        return true
    }

    /// Phase two. false where the cost has no least value.
    mutating func minimise(_ cost: [Double]) -> Bool {
        let stride = width + 1
        let size = max(cost.map(abs).max() ?? 1, 1e-300)
        for column in 0...width { table[height * stride + column] = column < cost.count ? cost[column] / size : 0 }
        for row in 0..<height where basis[row] < cost.count {
            let factor = cost[basis[row]] / size
            if factor == 0 { continue }
            for column in 0...width { table[height * stride + column] -= factor * table[row * stride + column] }
        }
        return run()
    }

    func values(_ count: Int) -> [Double] {
        var values = Array(repeating: 0.0, count: count)
        for (row, column) in basis.enumerated() where column < count { values[column] = max(0, table[row * (width + 1) + width]) }
        return values
    }

    private mutating func pivot(_ row: Int, _ column: Int) {
        let stride = width + 1
        let scale = 1 / table[row * stride + column]
        table.withUnsafeMutableBufferPointer { table in
            for index in 0..<stride { table[row * stride + index] *= scale }
            table[row * stride + column] = 1
            for other in 0...height where other != row {
                let factor = table[other * stride + column]
                if factor == 0 { continue }
                for index in 0..<stride { table[other * stride + index] -= factor * table[row * stride + index] }
                table[other * stride + column] = 0
            }
        }
        basis[row] = column
    }

    /// Pivots until no column improves; false where the cost is unbounded or does not settle.
    private mutating func run() -> Bool {
        let stride = width + 1
        for step in 0..<Self.most {
            var entering: Int?
            var least = -1e-10
            for column in 0..<width where table[height * stride + column] < least {
                entering = column
                if step >= Self.steepest { break }
                least = table[height * stride + column]
            }
            guard let column = entering else { return true }
            var leaving: Int?
            var ratio = Double.infinity
            for row in 0..<height where table[row * stride + column] > 1e-10 {
                let value = table[row * stride + width] / table[row * stride + column]
                guard value <= ratio + 1e-13 else { continue }
                // Of rows that bind alike the one with the largest element loses least to rounding; Bland's rule wants the first variable.
                if let other = leaving, value >= ratio - 1e-13 {
                    let isBetter =
                        step < Self.steepest ? table[row * stride + column] > table[other * stride + column] : basis[row] < basis[other]
                    if !isBetter { continue }
                }
                (leaving, ratio) = (row, min(ratio, value))
            }
            guard let row = leaving else { return false }
            pivot(row, column)
        }
        return false
    }
}
