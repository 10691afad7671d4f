import ArgumentParser
import Foundation
import JSON
import Planning
import Plans

/// `motley plan`: the best plan for a model, hardware, a workload and an objective, with its prediction. Nothing of the hardware need be
/// there.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Plans where a model's weights, KV cache and work go, and predicts speed and memory.")

    @OptionGroup var input: PlanningOptions

    @Flag(help: "Say what runs where, what a step is made of, and what else was considered.")
    var explain = false

    @Flag(help: "List what one more device, more memory, a faster link or disk would gain.")
    var whatIf = false

    @Option(help: "A plan made before (its file, or what --json printed), to start from: re-planning is sooner and keeps what it can.")
    var warm: String?

    @Option(help: "Write a picture of the plan and of a step's time line.")
    var svg: String?

    @Option(help: "Write the plan alone to a file.")
    var output: String?

    func run() throws { try input.reporting("plan", plan) }

    private func plan() throws {
        let strategy = try input.chosenStrategy
        let scenario = try PlanningInput.scenario(input)
        let problem = try Problem(scenario, seed: input.seed)
        let start = try warm.map { path in
            let file = try PlanningInput.parse(path)
            return problem.adopt(try PlanningInput.plan(in: file), strategy: file["strategy"]?.string ?? "")
        }
        let result = try Planner(problem).plan(strategy, timeLimit: input.timeLimit, warm: start)
        if let output { try Data((result.best.plan.json.serialized(pretty: true) + "\n").utf8).write(to: URL(fileURLWithPath: output)) }
        if let svg { try Data(Picture(result, of: problem).svg.utf8).write(to: URL(fileURLWithPath: svg)) }
        if input.json {
            print(result.json.serialized())
            return
        }
        let explanation = Explanation(result, of: problem)
        print(explain ? explanation.text : explanation.headline, terminator: explain ? "" : "\n")
        if whatIf {
            print(WhatIf.table(WhatIf(scenario, strategy: strategy, seed: input.seed).lines(baseline: result, timeLimit: input.timeLimit)))
        }
        print("planned in \(String(format: "%.2f", result.planningSeconds)) s")
    }
}
