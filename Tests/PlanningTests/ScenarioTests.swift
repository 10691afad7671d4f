import JSON
import Models
import Plans
import Testing

@testable import Planning

struct ScenarioTests {
    static func read(_ text: String) throws -> Scenario { try Scenario(reading: FieldReader(JSON(parsing: text))) }

    static func text(
        model: String = "\"OPT-6.7B\"", workload: String = #"{"prompt_tokens": 10, "output_tokens": 5}"#, objective: String = "\"latency\"",
        more: String = ""
    )
        -> String
    {
        #"{"hardware": {"machines": [{"name": "a", "memory": {"capacity": "64GiB"}, "devices": ["T4", "T4"]}]}, "model": \#(model), "#
            + #""workload": \#(workload), "objective": \#(objective)\#(more)}"#
    }

    @Test func readsAllParts() throws {
        let scenario = try Self.read(
            Self.text(
                model: #"{"name": "opt-30b", "format": "q4_0"}"#,
                workload: #"{"prompt_tokens": {"uniform": [3, 7]}, "output_tokens": {"values": [1, 9]}, "rate": 0.5}"#,
                objective: #"{"kind": "slo", "ttft": "2s", "tpot": 0.1}"#, more: #", "constraints": ["exclude gpu1", "kv 8bit"]"#))
        #expect(scenario.model.name == "OPT-30B" && scenario.model.bytesPerElement == 0.5625)
        #expect(scenario.workload.meanPrompt == 5 && scenario.workload.contextTokens == 16)
        #expect(scenario.objective == .slo(.limits(timeToFirstToken: 2, timePerOutputToken: 0.1)))
        #expect(scenario.constraints.excluded == ["gpu1"] && scenario.constraints.keyValueFormat == .q8)
        let workload = try Workload(reading: FieldReader(scenario.workload.json))
        #expect(workload == scenario.workload)
        #expect(try Objective(reading: FieldReader(scenario.objective.json)) == scenario.objective)
    }

    @Test(arguments: [
        (text(model: "\"OPT-31B\""), "model"), (text(model: #"{"name": "OPT-30B", "format": "q9"}"#), "model.format"),
        (text(workload: #"{"prompt_tokens": 0, "output_tokens": 5}"#), "workload.prompt_tokens"),
        (text(workload: #"{"prompt_tokens": 5, "output_tokens": 5, "batch": 1, "rate": 2}"#), "workload"),
        (text(workload: #"{"prompt_tokens": 5, "output_tokens": 5, "bach": 1}"#), "workload.bach"),
        (text(workload: #"{"trace": [[0, 5]]}"#), "workload.trace[0]"), (text(objective: "\"fastest\""), "objective"),
        (text(objective: #"{"kind": "slo"}"#), "objective"), (text(objective: #"{"kind": "slo", "scale": 5}"#), "objective.reference"),
        (text(more: #", "constraints": ["pin everything"]"#), "constraints[0]"), (text(more: #", "extra": 1"#), "extra"),
    ])
    func errorsNameTheField(text: String, field: String) {
        #expect { try Self.read(text) } throws: { error in (error as? FieldError)?.field == field }
    }

    @Test func contradictionsNameBoth() throws {
        var constraints = Constraints()
        try constraints.pin("layers 0-9 = gpu0")
        #expect { try constraints.pin("layers 9-12 = gpu1") } throws: { error in
            let text = "\(error)"
            return text.contains("layers 0-9 = gpu0") && text.contains("layers 9-12 = gpu1")
        }
        try constraints.add("exclude gpu0")
        let scenario = try Self.read(Self.text())
        let hardware = Hardware(scenario.hardware)
        #expect { try hardware.restricted(by: constraints) } throws: { error in
            let text = "\(error)"
            return text.contains("pin layers 0-9 = gpu0") && text.contains("exclude gpu0")
        }
        var unknown = Constraints()
        try unknown.limit("gpu7=1GiB")
        #expect(throws: ConstraintError.self) { try hardware.restricted(by: unknown) }
    }

    @Test func limitsShrinkMemories() throws {
        var constraints = Constraints()
        try constraints.limit("gpu0=1GiB")
        let hardware = try Hardware(Self.read(Self.text()).hardware).restricted(by: constraints)
        #expect(hardware.memories[1].capacity == 1 << 30)
        #expect(hardware.memories[2].capacity > 1 << 30)
    }

    /// Every strategy's plans read back as written and keep the invariant of plans.
    @Test func plansRoundTrip() throws {
        var random = SplitMix(seed: 3)
        for _ in 0..<30 {
            let problem = try Problem(Fixtures.random(&random))
            for found in Strategy.even.search(problem, deadline: Deadline(seconds: 5)) {
                let again = try Plan(reading: FieldReader(JSON(parsing: found.plan.json.serialized())))
                #expect(again.replicas == found.plan.replicas)
                #expect(again.devices == found.plan.devices && again.memories == found.plan.memories)
                if found.fits {
                    #expect(PlanCheck.problems(found.plan, shape: problem.shape, inventory: problem.hardware.inventory).isEmpty)
                }
            }
        }
    }

    @Test(arguments: [
        #"{}"#, #"{"version": 1}"#, #"{"version": 2, "devices": [], "memories": [], "replicas": []}"#,
        #"{"version": 1, "devices": [{"id": -1, "machine": 0, "kind": "cpu"}], "memories": [], "replicas": []}"#,
        #"{"version": 1, "devices": [], "memories": [], "replicas": [{"stages": [{"machine": 0, "layers": [5, 2], "#
            + #""hidden_states": 0, "placements": []}]}]}"#,
        #"{"version": 1, "devices": [], "memories": [], "replicas": [{"stages": [{"machine": 0, "layers": [0, 9000000], "#
            + #""hidden_states": 0, "placements": []}]}]}"#,
    ])
    func hostilePlansAreRefused(text: String) {
        #expect(throws: FieldError.self) { try Plan(reading: FieldReader(JSON(parsing: text))) }
    }

    @Test func apportioningKeepsTheSum() {
        var random = SplitMix(seed: 9)
        for _ in 0..<500 {
            let shares = (0..<1 + random.below(6)).map { _ in random.below(5) == 0 ? 0 : random.unit() }
            let units = 1 + random.below(5000), grain = [1, 1, 32, 256][random.below(4)]
            let counts = Realiser.apportion(shares, units: units, grain: grain)
            #expect(counts.reduce(0, +) == units && counts.allSatisfy { $0 >= 0 })
        }
        #expect(Realiser.apportion([0.5, 0.5], units: 8, grain: 1) == [4, 4])
        #expect(Realiser.apportion([0.2, 0.8], units: 28672, grain: 256) == [5632, 23040])
    }
}
