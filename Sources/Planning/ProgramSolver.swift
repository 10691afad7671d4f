#if CBC
    import CCbc
#endif

/// Linear programs by CBC where the package was built with the trait `CBC`, else by the dense simplex, which is the tests' reference.
enum ProgramSolver {
    static func solve(_ program: LinearProgram) -> LinearProgram.Solution? {
        #if CBC
            cbc(program)
        #else
            program.solve()
        #endif
    }

    #if CBC
        /// The same program through CBC's C interface; one model per call, as its documentation advises.
        static func cbc(_ program: LinearProgram) -> LinearProgram.Solution? {
            guard let model = Cbc_newModel() else { return nil }
            defer { Cbc_deleteModel(model) }
            Cbc_setLogLevel(model, 0)
            for cost in program.cost { Cbc_addCol(model, "x", 0, .infinity, cost, 0, 0, nil, nil) }
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
