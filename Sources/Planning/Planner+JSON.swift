public import JSON
import Plans

extension Planner.Result {
    /// The form that other programs rely on (docs/formats.md): plan, prediction, planning time, strategy.
    public var json: JSON {
        [
            "plan": best.plan.json, "prediction": best.prediction.json(memories: best.plan.memories),
            "planning_seconds": .number(planningSeconds),
            "strategy": .string(strategy.rawValue),
        ]
    }
}
