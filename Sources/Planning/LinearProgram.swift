/// Minimise `cost . x` over x >= 0 under rows of `<=` and `=`: a dense two-phase simplex for the few variables of a FlexGen policy.
///
/// Steepest column first, Bland's rule after a while, so it always ends; meant for tens of variables and rows. Compared with CBC, with
/// every vertex (tests) and with HiGHS (`Tools/compare_lp_with_highs.py`).
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
        var tableau = SimplexTableau(self)
        guard tableau.findFeasible(), tableau.minimise(cost) else { return nil }
        let values = tableau.values(cost.count)
        return Solution(values: values, objective: zip(values, cost).reduce(0) { $0 + $1.0 * $1.1 })
    }
}
