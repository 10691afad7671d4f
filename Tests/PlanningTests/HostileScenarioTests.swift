import JSON
import Plans
import Testing

@testable import Planning

/// Scenarios that are allowed but absurd: a plan or an error with a reason, never a trap.
struct HostileScenarioTests {
    static func scenario(_ hardware: String, _ model: String, _ workload: String, _ objective: String) throws -> Scenario {
        try Scenario(
            reading: FieldReader(
                JSON(
                    parsing:
                        #"{"version": 1, "hardware": \#(hardware), "model": \#(model), "workload": \#(workload), "#
                        + #""objective": \#(objective)}"#
                ))
        )
    }

    static func desktop(_ devices: String, memory: String = "\"64GiB\"", disk: String = "2TB") -> String {
        #"{"machines": [{"name": "d", "memory": {"capacity": \#(memory)}, "cpu": "Ryzen 9 7950X", "devices": [\#(devices)], "#
            + #""disks": [{"capacity": "\#(disk)", "read": "6GB/s"}]}]}"#
    }

    static let objectives = [#""latency""#, #""ttft""#, #""throughput""#, #""cost""#, #"{"kind": "slo", "deadline": "3s"}"#]
    static let workloads = [
        #"{"prompt_tokens": 128, "output_tokens": 32, "batch": 10000000}"#, #"{"prompt_tokens": 128, "output_tokens": 32, "rate": 1e9}"#,
        #"{"prompt_tokens": 128, "output_tokens": 32, "rate": 1e-9}"#, #"{"prompt_tokens": 1, "output_tokens": 1, "batch": 10000000}"#,
        #"{"prompt_tokens": 100000000, "output_tokens": 100000000, "batch": 10000000, "context_limit": 100000000}"#,
        #"{"trace": [[0, 1, 1], [1e9, 100000000, 100000000]]}"#, #"{"prompt_tokens": 1, "output_tokens": 1, "batch": 1}"#,
    ]

    @Test(arguments: workloads) func absurdWorkloadsEnd(workload: String) throws {
        for objective in Self.objectives {
            let problem = try Problem(Self.scenario(Self.desktop(#""T4""#), #""OPT-1.3B""#, workload, objective))
            do throws(Planner.NothingFits) {
                let found = try Planner(problem).plan(.auto, timeLimit: 0.5).best
                #expect(PlanCheck.problems(found.plan, shape: problem.shape, inventory: problem.hardware.inventory).isEmpty)
            } catch { #expect(error.description.contains("OPT-1.3B")) }
        }
    }

    @Test(arguments: [
        #"{"memory": {"capacity": 1, "bandwidth": 1e9}, "operations": {"f16": 1e12}}"#,
        #"{"memory": {"capacity": "8GiB", "bandwidth": 1}, "operations": {"f16": 1}}"#,
        #"{"memory": {"capacity": 1000000000000000, "bandwidth": 1e15}, "operations": {"f16": 1e18}, "launch": 100}"#,
    ])
    func absurdDevicesEnd(device: String) throws {
        for objective in Self.objectives {
            for workload in [
                #"{"prompt_tokens": 8, "output_tokens": 4, "batch": 2}"#, #"{"prompt_tokens": 8, "output_tokens": 4, "rate": 2}"#,
            ] {
                let hardware = Self.desktop(device, memory: "\"1MiB\"")
                guard let scenario = try? Self.scenario(hardware, #""OPT-1.3B""#, workload, objective), let problem = try? Problem(scenario)
                else {
                    continue
                }
                _ = try? Planner(problem).plan(.auto, timeLimit: 2)
            }
        }
    }

    /// Whole experts are large beside what is left of a memory: layers take turns, and the disk takes what is left over. Every pair of
    /// model, format, hardware and objective comes, not every combination.
    @Test(arguments: [0, 1, 2], [0, 1, 2])
    func expertsThatFitWithDiskGetPlans(modelNumber: Int, hardwareNumber: Int) throws {
        let model = ["Mixtral-8x7B", "DeepSeek-V3", "Qwen3-30B-A3B"][modelNumber]
        let (device, memory) = [("RTX 4090", "64GiB"), ("RTX 4090", "16GiB"), ("RTX 3060", "32GiB")][hardwareNumber]
        for (number, (objective, batch)) in [("latency", 1), ("throughput", 16)].enumerated() {
            let format = ["f16", "q8_0", "q4_0"][(modelNumber + hardwareNumber + number) % 3]
            let problem = try Problem(
                Self.scenario(
                    Self.desktop("\"\(device)\"", memory: "\"\(memory)\""), #"{"name": "\#(model)", "format": "\#(format)"}"#,
                    #"{"prompt_tokens": 512, "output_tokens": 128, "batch": \#(batch)}"#, "\"\(objective)\""))
            let auto = try Planner(problem).plan(.auto).best
            for strategy in [Strategy.flexgen, .hetegen] {
                let found = try Planner(problem).plan(strategy).best
                #expect(PlanCheck.problems(found.plan, shape: problem.shape, inventory: problem.hardware.inventory).isEmpty)
                #expect(auto.score <= found.score * (1 + 1e-9), "\(strategy)")
            }
        }
    }

    /// The error names the plan that lacks least.
    @Test func whatDoesNotFitNamesTheSmallestOverflow() throws {
        let problem = try Problem(
            Self.scenario(
                Self.desktop(#""RTX 3060", "RTX 4090""#, disk: "1GB"), #"{"name": "Llama-2-70B", "format": "f16"}"#,
                #"{"prompt_tokens": 128, "output_tokens": 32}"#, "\"latency\""))
        let found = Strategy.auto.search(problem, deadline: Deadline(seconds: 20))
        let least = try #require(found.filter { !$0.fits }.map(\.excessBytes).min())
        let named = try #require(found.first { !$0.fits && $0.excessBytes == least })
        #expect(least > 0)
        do {
            _ = try Planner(problem).plan(.auto)
            Issue.record("it fits")
        } catch { #expect(error.description.contains(named.overflows.joined(separator: "; "))) }
    }

    /// Plans that keep up are equal to 1 %; the sooner one is taken.
    @Test func plansThatKeepUpAreToldApartByTheirRequests() {
        let requests = (0..<100).map { Workload.Request(arrival: Double($0) * 10, promptTokens: 10, outputTokens: 10) }
        func outcome(_ total: Double, last: Double) -> QueueModel.Outcome {
            QueueModel.Outcome(
                firstToken: requests.map { _ in total / 2 }, finished: requests.map { _ in total }, requests: requests, duration: 990 + last
            )
        }
        let quick = outcome(1, last: 2), slow = outcome(5, last: 1), late = outcome(0.5, last: 30)
        #expect(quick.secondsPerToken < slow.secondsPerToken)
        #expect(slow.secondsPerToken < late.secondsPerToken)
        for one in [quick, slow, late] {
            let exact = one.duration / one.tokens
            #expect(abs(one.secondsPerToken / exact - 1) < 0.0101)
        }
    }
}
