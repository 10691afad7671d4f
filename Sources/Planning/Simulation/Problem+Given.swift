import Models
public import Plans

extension Problem {
    /// What the cost model says of a plan from outside, which is bound to this hardware and checked first. What it was predicted on other
    /// hardware does not count.
    ///
    /// - Throws: `FieldError` where it is not for this hardware or model or breaks a rule, `Planner.NothingFits` where a memory
    ///   overflows.
    public func evaluate(given plan: Plan, name: String) throws -> Evaluation {
        if let refusal = plan.refusal(ofModel: shape.fingerprint) { throw FieldError(field: name, message: refusal) }
        let bound: Plan
        do { bound = try plan.bound(to: hardware.inventory) } catch { throw FieldError(field: name, message: error.message) }
        let wrong = PlanCheck.problems(bound, shape: shape, inventory: hardware.inventory)
        guard wrong.isEmpty else { throw FieldError(field: name, message: wrong.prefix(5).joined(separator: "; ")) }
        let evaluation = try evaluate(bound, strategy: "given plan")
        guard evaluation.fits else { throw Planner.NothingFits(description: "\(name): \(evaluation.overflows.joined(separator: "; "))") }
        return evaluation
    }

    /// What to tell about a plan from outside that can be used nevertheless; nil: nothing.
    public func warning(of plan: Plan) -> String? { plan.warning(ofProfile: fingerprint) }
}
