import Foundation
import JSON
import Testing

/// `motley simulate` as another program calls it.
@Suite struct SimulateTests {
    private func scenario(_ more: String = "", objective: String = #"{"kind": "slo", "scale": 5, "reference": {"device": "T4"}}"#) -> String
    {
        #"{"hardware": {"machines": [{"name": "a", "memory": {"capacity": "64GiB"}, "devices": ["T4", "T4"]}]}, "model": "OPT-1.3B","#
            + #""workload": {"prompt_tokens": 64, "output_tokens": 16, "rate": 2}, "objective": \#(objective)\#(more)}"#
    }

    private func withScenario(_ text: String, _ body: (String, String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("motley-simulate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("scenario.json").path
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try body(path, folder.path)
    }

    @Test func theFormOtherProgramsRelyOn() throws {
        try withScenario(scenario()) { path, folder in
            let call = ["simulate", "--scenario", path, "--strategy", "even", "--rate", "4", "--slo-scale", "3", "--seed", "7", "--json"]
            let result = try MotleyProcess(call)
            #expect(result.status == 0 && result.error.isEmpty)
            let json = try result.json()
            #expect(
                json.object?.map(\.key) == [
                    "completed", "throughput_tokens_per_second", "slo_attainment", "ttft_seconds", "tpot_seconds", "utilisation",
                ])
            #expect(json["completed"]?.int == 1000)
            // Again: the same, byte by byte, in another process.
            #expect(try MotleyProcess(call).output == result.output)
            let trace = folder + "/trace.json", plan = folder + "/plan.json"
            #expect(try MotleyProcess(["plan", "--scenario", path, "--output", plan]).status == 0)
            let detailed = try MotleyProcess([
                "simulate", "--scenario", path, "--plan", plan, "--requests", "40", "--fail", "3=gpu1", "--detail", "--json", "--trace",
                trace,
            ])
            #expect(detailed.status == 0, "\(detailed.error)\(detailed.output)")
            #expect(try detailed.json()["failures"]?.array?.count == 1)
            #expect(try JSON(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: trace))))["traceEvents"]?.array?.isEmpty == false)
            let svg = folder + "/curves.svg"
            let curves = try MotleyProcess([
                "simulate", "--scenario", path, "--requests", "50", "--curves", "--rates", "1,10", "--scales", "2,5", "--svg", svg,
                "--json",
            ])
            #expect(try curves.json()["slo_attainment"]?.array?.count == 2)
            #expect(FileManager.default.fileExists(atPath: svg))
            let table = try MotleyProcess(["simulate", "--scenario", path, "--requests", "50"])
            #expect(table.status == 0 && table.output.contains("50 requests completed") && table.output.contains("gpu0"))
        }
    }

    @Test func refusals() throws {
        try withScenario(scenario()) { path, folder in
            let refused: [([String], Int32, String)] = [
                (["--scenario", "/nowhere.json"], 1, "/nowhere.json"), (["--scenario", path, "--rate", "0"], 1, "--rate"),
                (["--scenario", path, "--slo-scale", "0"], 1, "--slo-scale"), (["--scenario", path, "--requests", "0"], 1, "--requests"),
                (["--scenario", path, "--fail", "x=gpu0"], 1, "SECONDS=DEVICE"), (["--scenario", path, "--fail", "1=gpu7"], 1, "gpu7"),
                (["--scenario", path, "--strategy", "best"], 1, "--strategy"),
                (["--scenario", path, "--limit", "gpu=1MiB", "--limit", "host=1MiB"], 2, "fit"),
                (["--scenario", path, "--curves", "--rates", "1,x"], 1, "--rates"),
            ]
            for (arguments, status, word) in refused {
                let result = try MotleyProcess(["simulate"] + arguments + ["--json"])
                #expect(result.status == status, "\(arguments): \(result.output)")
                #expect(try result.json()["error"]?.string?.contains(word) == true, "\(arguments): \(result.output)")
            }
        }
    }
}
