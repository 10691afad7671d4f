/// Minimise `cost . x` over x >= 0 under rows of `<=` and `=`: a dense two-phase simplex for the few variables of a FlexGen policy.
///
/// Bland's rule, so it always ends; meant for tens of variables and rows. CBC solves the same programs behind the package trait `CBC` and is tested against this.
struct LinearProgram {
    struct Row: Equatable {
        var coefficients: [Double]
        var bound: Double
        var isEquality = false
    }

    var cost: [Double]
    var rows: [Row] = []

    struct Solution: Equatable {
        var values: [Double]
        var objective: Double
    }

    /// nil where no x satisfies the rows, or the cost has no least value.
    func solve() -> Solution? {
        let count = cost.count, height = rows.count
        // Columns: variables, a slack per inequality, an artificial per row; then the right-hand side.
        let slacks = rows.count { !$0.isEquality }
        let width = count + slacks + height
        var table = Array(repeating: Array(repeating: 0.0, count: width + 1), count: height)
        var basis = Array(repeating: 0, count: height)
        var slack = count
        for (index, row) in rows.enumerated() {
            // Rows are scaled so that tolerances mean the same in all of them.
            let size = max(row.coefficients.map(abs).max() ?? 1, 1e-300)
            let sign = row.bound < 0 ? -1.0 : 1.0
            for (column, value) in row.coefficients.enumerated() { table[index][column] = sign * value / size }
            if !row.isEquality {
                table[index][slack] = sign
                slack += 1
            }
            table[index][count + slacks + index] = 1
            table[index][width] = sign * row.bound / size
            basis[index] = count + slacks + index
        }
        var first = Array(repeating: 0.0, count: width)
        for column in (count + slacks)..<width { first[column] = 1 }
        guard let infeasibility = Self.run(&table, &basis, first, allowed: width), infeasibility < 1e-7 else { return nil }
        // Artificial variables that are still basic (at 0) leave where a real column can take their place.
        for row in 0..<height where basis[row] >= count + slacks {
            if let column = (0..<count + slacks).first(where: { abs(table[row][$0]) > 1e-9 }) { Self.pivot(&table, &basis, row, column) }
        }
        var second = Array(repeating: 0.0, count: width)
        let size = max(cost.map(abs).max() ?? 1, 1e-300)
        for (column, value) in cost.enumerated() { second[column] = value / size }
        guard Self.run(&table, &basis, second, allowed: count + slacks) != nil else { return nil }
        var values = Array(repeating: 0.0, count: count)
        for (row, column) in basis.enumerated() where column < count { values[column] = max(0, table[row][width]) }
        return Solution(values: values, objective: zip(values, cost).reduce(0) { $0 + $1.0 * $1.1 })
    }

    private static func pivot(_ table: inout [[Double]], _ basis: inout [Int], _ row: Int, _ column: Int) {
        let scale = table[row][column]
        for index in table[row].indices { table[row][index] /= scale }
        for other in table.indices where other != row && table[other][column] != 0 {
            let factor = table[other][column]
            for index in table[row].indices { table[other][index] -= factor * table[row][index] }
        }
        basis[row] = column
    }

    /// Pivots until no allowed column improves; the objective's value, or nil where it is unbounded or does not settle.
    private static func run(_ table: inout [[Double]], _ basis: inout [Int], _ cost: [Double], allowed: Int) -> Double? {
        let width = cost.count
        for _ in 0..<5000 {
            var entering: Int?
            for column in 0..<allowed where !basis.contains(column) {
                var reduced = cost[column]
                for row in table.indices { reduced -= cost[basis[row]] * table[row][column] }
                if reduced < -1e-10 {
                    entering = column
                    break
                }
            }
            guard let column = entering else { return table.indices.reduce(0) { $0 + cost[basis[$1]] * table[$1][width] } }
            var leaving: Int?
            var least = Double.infinity
            for row in table.indices where table[row][column] > 1e-10 {
                let ratio = table[row][width] / table[row][column]
                if ratio < least - 1e-13 || (ratio <= least + 1e-13 && basis[row] < basis[leaving ?? row]) {
                    (leaving, least) = (row, min(least, ratio))
                }
            }
            guard let row = leaving else { return nil }
            pivot(&table, &basis, row, column)
        }
        return nil
    }
}
