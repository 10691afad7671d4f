import ArgumentParser
import Foundation
import JSON
import Models
import Planning
import Plans

/// `motley simulate`: plays a workload against a plan, step by step, under a simulated clock.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Plays a workload against a plan: requests, steps, queues and failures under a simulated clock.")

    @OptionGroup var input: PlanningOptions

    @Option(help: "Requests per second instead of the workload's.")
    var rate: Double?

    @Option(help: "Scale of the service level: replaces that of the objective, multiplies a deadline or limits.")
    var sloScale: Double?

    @Option(help: "Requests to play where they arrive at a rate, or all at once.")
    var requests: Int?

    @Option(name: .customLong("fail"), help: "A device or machine that fails: 'SECONDS=LABEL'.")
    var failures: [String] = []

    @Option(help: "Simulate this plan instead of making one.")
    var plan: String?

    @Flag(help: "With --json: everything the simulation knows.")
    var detail = false

    @Option(help: "Write what every stage did as a trace for Chrome or Perfetto.")
    var trace: String?

    @Flag(help: "Share of requests in time over request rates and scales of the service level, with one plan.")
    var curves = false

    @Option(help: "With --curves: request rates, separated by commas.")
    var rates: String?

    @Option(help: "With --curves: scales of the service level, separated by commas.")
    var scales: String?

    @Option(help: "With --curves: write them as a picture.")
    var svg: String?

    func run() throws { try input.reporting("simulate", simulate) }

    private func simulate() throws {
        let strategy = try input.chosenStrategy
        var scenario = try PlanningInput.scenario(input)
        if let rate {
            guard rate > 0, rate <= 1e9 else {
                throw FieldError(field: "--rate", message: "is \(rate); expected requests per second above 0")
            }
            scenario.workload = scenario.workload.arriving(rate: rate)
        }
        if let sloScale {
            guard sloScale > 0, sloScale <= 1e9 else {
                throw FieldError(field: "--slo-scale", message: "is \(sloScale); expected a number above 0")
            }
            scenario.objective = scenario.objective.scaled(by: sloScale)
        }
        var options = SimulationOptions()
        options.seed = input.seed
        options.strategy = strategy
        options.timeLimit = input.timeLimit
        if case .slo = scenario.objective {} else { options.scale = sloScale }
        if let requests {
            guard (1...SimulationOptions.mostRequests).contains(requests) else {
                throw FieldError(field: "--requests", message: "is \(requests); expected 1 to \(SimulationOptions.mostRequests)")
            }
            options.requests = requests
            if scenario.workload.batch != nil { options.batch = requests }
        }
        options.failures = scenario.failures
        for failure in failures { options.failures.append(try DeviceFailure(parsing: failure)) }
        options.recordsTrace = trace != nil

        let problem = try Problem(scenario, seed: input.seed)
        let evaluation = try self.plan.map { try given($0, problem) } ?? Planner(problem).plan(strategy, timeLimit: input.timeLimit).best
        if curves || svg != nil {
            try draw(scenario, problem, evaluation, options)
            return
        }
        var simulator = try Simulator(scenario, problem: problem, plan: evaluation, options: options)
        let start = ContinuousClock.now
        let report = simulator.run()
        let seconds = start.duration(to: .now) / .seconds(1)
        if let trace { try Data(report.trace.chromeJSON.utf8).write(to: URL(fileURLWithPath: trace)) }
        if input.json {
            print((detail ? report.detailedJSON(prediction: evaluation.prediction, of: evaluation.plan) : report.json).serialized())
            return
        }
        print(
            "\(scenario.model.name): \(evaluation.plan.replicas.count) replica\(evaluation.plan.replicas.count == 1 ? "" : "s") by "
                + "\(evaluation.strategy)"
        )
        print(report.text)
        print("simulated \(report.events) events in \(String(format: "%.2f", seconds)) s")
    }

    private func draw(_ scenario: Scenario, _ problem: Problem, _ plan: Evaluation, _ options: SimulationOptions) throws {
        let curves = try AttainmentCurves(
            scenario, problem: problem, plan: plan, options: options, rates: Self.numbers(rates, "--rates"),
            scales: Self.numbers(scales, "--scales"))
        if let svg {
            let name = scenario.name.isEmpty ? scenario.model.name : scenario.name
            try Data(CurveChart(curves, title: "\(name): \(scenario.model.name), plan by \(plan.strategy)").svg.utf8).write(
                to: URL(fileURLWithPath: svg))
        }
        print(input.json ? curves.json.serialized() : curves.text)
    }

    /// Positive numbers separated by commas.
    private static func numbers(_ text: String?, _ option: String) throws -> [Double] {
        guard let text else { return [] }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0.filter { $0 != " " }) ?? 0 }
        guard parts.count <= 100, parts.allSatisfy({ $0 > 0 && $0 <= 1e9 }) else {
            throw FieldError(field: option, message: "\"\(text.prefix(80))\": expected at most 100 numbers above 0, for example 0.5,1,2")
        }
        return parts
    }

    /// A plan from a file, or from what `motley plan --json` printed.
    private func given(_ path: String, _ problem: Problem) throws -> Evaluation {
        let plan = try PlanningInput.plan(path)
        if let warning = problem.warning(of: plan) { Console.error("\(path): \(warning)") }
        return try problem.evaluate(given: plan, name: path)
    }
}
