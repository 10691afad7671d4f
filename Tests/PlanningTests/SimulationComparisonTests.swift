import Foundation
import JSON
import Plans
import Testing

@testable import Planning

/// The table of docs/simulation.md: what `QueueModel`, with which searches score, says of a plan, and what the simulator gives. Runs where
/// MOTLEY_COMPARE is set.
struct SimulationComparisonTests {
    @Test(.enabled(if: ProcessInfo.processInfo.environment["MOTLEY_COMPARE"] != nil))
    func queueModelAgainstSimulator() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        for (name, rates) in [
            ("hexgen-full", [2.0, 10, 30, 45, 60]), ("hexgen-half", [2.0, 10, 20, 30]), ("hexgen-homogeneous", [2.0, 20, 60, 90, 120]),
        ] {
            let data = try Data(contentsOf: root.appendingPathComponent("Scenarios/\(name).json"))
            for rate in rates {
                var scenario = try Scenario(reading: FieldReader(JSON(parsing: [UInt8](data))))
                scenario.workload = scenario.workload.arriving(rate: rate)
                let problem = try Problem(scenario)
                let plan = try Planner(problem).plan(.hexgen).best
                let models = try plan.plan.replicas.map { try ReplicaModel($0, hardware: problem.hardware, shape: problem.shape) }
                let queue = QueueModel.run(problem.servers(models), problem.requests)
                var simulator = try Simulator(scenario, problem: problem, plan: plan, requests: problem.requests)
                let report = simulator.run()
                let count = Double(report.requests.count)
                let first = report.firstToken.reduce(0, +) / count, each = report.perToken.reduce(0, +) / count
                print(
                    "| \(name) | \(AttainmentCurves.short(rate)) | \(Text.digits(queue.tokens / queue.duration)) / "
                        + "\(Text.digits(report.throughput)) "
                        + "| \(Text.seconds(queue.meanFirstToken)) / \(Text.seconds(first)) "
                        + "| \(Text.seconds(queue.meanTimePerOutputToken)) / \(Text.seconds(each)) "
                        + "| \(Text.percent(queue.attainment(problem.limits))) / \(Text.percent(report.attainment)) |")
            }
        }
    }
}
