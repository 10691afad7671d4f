import Foundation
import JSON
import Testing

/// Plans from files: what `motley plan` writes, `motley run` runs; what is no plan of this model or machine, it refuses.
@Suite(.serialized) struct PlanFileTests {
    private let model = MotleyProcess.golden("llama-gguf-q8_0.gguf")
    private let hardware =
        #"{"machines": [{"name": "a", "memory": {"capacity": "4GiB"}, "cpu": {"name": "any", "bandwidth": "20GB/s", "#
        + #""operations": {"f16": 1e11}},"#
        + #""disks": [{"name": "d", "capacity": "9GB", "read": "1GB/s"}]}]}"#

    private func run(_ more: [String]) throws -> MotleyProcess {
        try MotleyProcess(
            ["run", "--model", model, "--prompt-tokens", "1,15,27,3", "--max-tokens", "6", "--temperature", "0", "--ignore-eos", "--json"]
                + more)
    }

    private func tokens(_ result: MotleyProcess) throws -> [Int] { (try result.jsonLines().last?["tokens"]?.array ?? []).compactMap(\.int) }

    /// The plan as Foundation sees it, and a place for changed ones.
    private func withPlan(_ body: ([String: Any], ([String: Any]) throws -> String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("motley-plans-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("plan.json")
        let planned = try MotleyProcess([
            "plan", "--model", model, "--hardware", hardware, "--workload", #"{"prompt_tokens": 16, "output_tokens": 16, "batch": 1}"#,
            "--objective",
            "latency", "--output", path.path,
        ])
        #expect(planned.status == 0, "\(planned.error)\(planned.output)")
        let plan = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any])
        try body(plan) { changed in
            let url = folder.appendingPathComponent("\(UUID().uuidString).json")
            try JSONSerialization.data(withJSONObject: changed).write(to: url)
            return url.path
        }
    }

    /// The plan with its only stage changed.
    private func changing(_ plan: [String: Any], _ body: (inout [String: Any]) -> Void) throws -> [String: Any] {
        var plan = plan
        var replicas = try #require(plan["replicas"] as? [[String: Any]])
        var stages = try #require(replicas[0]["stages"] as? [[String: Any]])
        body(&stages[0])
        replicas[0]["stages"] = stages
        plan["replicas"] = replicas
        return plan
    }

    @Test func plansRunAndGiveTheSameTokens() throws {
        try withPlan { plan, write in
            let expected = try tokens(run([]))
            #expect(expected.count == 6)
            let planned = try run(["--plan", write(plan)])
            #expect(planned.status == 0, "\(planned.error)")
            #expect(try tokens(planned) == expected)
            // All layers streamed from the checkpoint's own file.
            var streamed = try changing(plan) { stage in
                stage["streams"] = [["device": 0, "window": 8 << 20, "slots": 3, "bounce": 0]]
                stage["placements"] = (stage["placements"] as? [[String: Any]] ?? []).map { placement in
                    guard placement["module"] as? String != "embedding" else { return placement }
                    var placement = placement
                    placement["shards"] = (placement["shards"] as? [[String: Any]] ?? []).map { shard in
                        shard.merging(["home": 77, "layout": "checkpoint"]) { $1 }
                    }
                    return placement
                }
            }
            streamed["memories"] =
                (plan["memories"] as? [[String: Any]] ?? []).filter { $0["kind"] as? String != "disk" }
                + [["id": 77, "machine": 0, "kind": "disk", "key": "disk0", "name": "disk"]]
            let result = try run(["--plan", write(streamed)])
            #expect(result.status == 0, "\(result.error)")
            #expect(try tokens(result) == expected)
            #expect(result.error.contains("streamed each step"))
        }
    }

    @Test func whatCannotBeRunIsRefused() throws {
        try withPlan { plan, write in
            func refusal(_ changed: [String: Any]) throws -> String {
                let result = try run(["--plan", write(changed)])
                #expect(result.status != 0 && result.output.isEmpty)
                return result.error
            }
            var old = plan
            old["version"] = 1
            #expect(try refusal(old).contains("plan again"))
            var other = plan
            other["model"] = "0123456789abcdef"
            #expect(try refusal(other).contains("plan again for this model"))
            var gpu = plan
            gpu["devices"] = (plan["devices"] as? [[String: Any]] ?? []).map { $0.merging(["kind": "gpu", "key": "gpu0"]) { $1 } }
            #expect(try refusal(gpu).contains("not there"))
            let empty = try changing(plan) { $0["placements"] = [] as [Any] }
            #expect(try refusal(empty).contains("do not follow"))
            let result = try run(["--plan", write(plan), "--kv", "q8"])
            #expect(result.status == 64 && result.error.contains("--kv"))
            #expect(try run(["--plan", "/nowhere/plan.json"]).status != 0)
        }
    }
}
