import ArgumentParser
import Engine
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

    @OptionGroup var local: ThisMachineOptions

    func validate() throws {
        if local.thisMachine, input.scenario != nil || input.hardware != nil || input.workload != nil || warm != nil {
            throw ValidationError(
                "--this-machine plans for this machine and --prompt, --generate and --parallel: leave --scenario, "
                    + "--hardware, --workload and --warm out.")
        }
        if !local.thisMachine, local.isUsed {
            throw ValidationError("--prompt, --generate, --parallel, --memory, --device, --emulate and --disk-dir need --this-machine.")
        }
    }

    func run() throws { try input.reporting("plan", local.thisMachine ? planLocally : plan) }

    /// The plan that `run` or `bench` would use here.
    private func planLocally() throws {
        guard let path = input.model else { throw FieldError(field: "--model", message: "missing") }
        let model = try Model(path: path)
        let found = try local.plan(model, input)
        guard let result = found.result else { return }
        try report(result, of: found.problem)
    }

    private func plan() throws {
        let strategy = try input.chosenStrategy
        let scenario = try PlanningInput.scenario(input)
        let problem = try Problem(scenario, seed: input.seed)
        let start = try warm.map { path in
            let file = try PlanningInput.parse(path)
            return problem.adopt(try PlanningInput.plan(in: file), strategy: file["strategy"]?.string ?? "")
        }
        let result = try Planner(problem).plan(strategy, timeLimit: input.timeLimit, warm: start)
        try report(result, of: problem)
        if whatIf, !input.json {
            print(WhatIf.table(WhatIf(scenario, strategy: strategy, seed: input.seed).lines(baseline: result, timeLimit: input.timeLimit)))
        }
    }

    private func report(_ result: Planner.Result, of problem: Problem) throws {
        if let output { try Data((result.best.plan.json.serialized(pretty: true) + "\n").utf8).write(to: URL(fileURLWithPath: output)) }
        if let svg { try Data(Picture(result, of: problem).svg.utf8).write(to: URL(fileURLWithPath: svg)) }
        if input.json {
            print(result.json.serialized())
            return
        }
        let explanation = Explanation(result, of: problem)
        print(explain ? explanation.text : explanation.headline, terminator: explain ? "" : "\n")
        print("planned in \(String(format: "%.2f", result.planningSeconds)) s")
    }
}
