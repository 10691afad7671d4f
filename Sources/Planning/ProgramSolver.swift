#if CBC
    import CCbc
#endif

/// Linear programs of the searches: scanned by the dense simplex, confirmed by CBC where the package has the trait `CBC` (the default).
///
/// A program of a FlexGen policy takes the simplex some tens of microseconds and CBC a millisecond, most of it in making and presolving a
/// model, and a search solves hundreds of them. So the simplex ranks the geometries and the programs of those that are realised go to CBC
/// once more (docs/decisions.md).
enum ProgramSolver {
    /// How far apart two objectives may be and still count as equal, relatively.
    static let tolerance = 1e-7

    static func solve(_ program: LinearProgram) -> LinearProgram.Solution? { program.solve() }

    /// CBC's solution where it is better than `found`, else `found`: a build without CBC gives the same plans unless the simplex was wrong.
    static func confirmed(_ found: LinearProgram.Solution?, _ program: LinearProgram) -> LinearProgram.Solution? {
        #if CBC
            guard let exact = cbc(program) else { return found }
            guard let found else { return exact }
            return exact.objective < found.objective - tolerance * max(abs(found.objective), 1e-12) ? exact : found
        #else
            return found
        #endif
    }

    #if CBC
        /// The program through CBC's C interface; one model per call, as its documentation advises. nil where nothing satisfies the rows or
        /// the cost has no least value.
        ///
        /// - Parameter integers: variables that take whole numbers only.
        static func cbc(_ program: LinearProgram, integers: Set<Int> = []) -> LinearProgram.Solution? {
            // CBC calls a program without variables neither optimal nor infeasible.
            guard !program.cost.isEmpty, let model = Cbc_newModel() else { return nil }
            defer { Cbc_deleteModel(model) }
            Cbc_setLogLevel(model, 0)
            for (index, cost) in program.cost.enumerated() {
                Cbc_addCol(model, "x", 0, .infinity, cost, integers.contains(index) ? 1 : 0, 0, nil, nil)
            }
            for row in program.rows {
                // Scaled like the simplex' rows, so that tolerances mean the same.
                let size = max(row.coefficients.map(abs).max() ?? 1, 1e-300)
                var columns: [Int32] = [], values: [Double] = []
                for (column, value) in row.coefficients.enumerated() where value != 0 {
                    columns.append(Int32(column))
                    values.append(value / size)
                }
                let sense = CChar(UInt8(ascii: row.isEquality ? "E" : "L"))
                Cbc_addRow(model, "r", Int32(columns.count), columns, values, sense, row.bound / size)
            }
            guard Cbc_solve(model) == 0, Cbc_isProvenOptimal(model) != 0, let found = Cbc_getColSolution(model) else { return nil }
            let values = program.cost.indices.map { max(0, found[$0]) }
            return LinearProgram.Solution(values: values, objective: zip(values, program.cost).reduce(0) { $0 + $1.0 * $1.1 })
        }
    #endif
}
