public import Plans

extension Problem {
    /// What the cost model says of a plan from outside, which is checked first.
    public func evaluate(given plan: Plan, name: String) throws -> Evaluation {
        let wrong = PlanCheck.problems(plan, shape: shape, inventory: hardware.inventory)
        guard wrong.isEmpty else { throw FieldError(field: name, message: wrong.prefix(5).joined(separator: "; ")) }
        let evaluation = try evaluate(plan, strategy: "given plan")
        guard evaluation.fits else { throw Planner.NothingFits(description: "\(name): \(evaluation.overflows.joined(separator: "; "))") }
        return evaluation
    }
}
