import Checkpoints
import Models
import Plans

/// The four papers' main experiments under this cost model, as a page: published figure, the strategy named after the system, what `auto`
/// gives, and a word where they differ.
public struct Reproduction {
    /// Scenarios by file name without `.json`.
    let scenarios: (String) throws -> Scenario
    /// Seconds one search may take.
    let timeLimit: Double

    public init(timeLimit: Double = 20, scenarios: @escaping (String) throws -> Scenario) {
        self.scenarios = scenarios
        self.timeLimit = timeLimit
    }

    public func page() throws -> String {
        var page = """
            # Reproduction

            The main experiments of the four systems under our cost model (docs/cost-model.md), written by `make reproduce`. Nothing here
            was measured on these machines: every figure but the published ones is a prediction, made with declared hardware (the files in
            `Scenarios/`). The model is never bent to hit a figure; where they differ, the reason is named.


            """
        page += try flexGen() + heteGen() + hexGenCase() + hexGenPools() + hPipe()
        return Text.wrapped(page)
    }

    func best(_ scenario: Scenario, _ strategy: Strategy) -> Evaluation? {
        guard let problem = try? Problem(scenario) else { return nil }
        return try? Planner(problem).plan(strategy, timeLimit: timeLimit).best
    }

    func rate(_ evaluation: Evaluation?) -> String {
        evaluation?.prediction.throughputTokensPerSecond.map { Text.digits($0) } ?? "does not fit"
    }

    func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }

    func head(_ cells: [String]) -> String { row(cells) + row(cells.map { _ in "---" }) }
}
