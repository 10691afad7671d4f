import Foundation
import JSON
import Testing

/// `motley profile`, and what other commands make of it.
@Suite(.serialized) struct ProfileCommandTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("motley-profile-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        try body(url.path)
    }

    @Test func profilesPlan() throws {
        try withDirectory { path in
            let file = path + "/profile.json"
            let result = try MotleyProcess([
                "profile", "--seconds", "0.5", "--threads", "1", "--models", path, "--name", "here", "--output", file, "--json",
            ])
            #expect(result.status == 0 && result.error.isEmpty)
            let written = try String(contentsOfFile: file, encoding: .utf8)
            #expect(result.output == written)
            // Nothing but the profile is left.
            let left = try FileManager.default.contentsOfDirectory(atPath: path)
            #expect(left == ["profile.json"])
            let machine = try #require(try result.json()["machines"]?[0])
            #expect(machine["name"]?.string == "here" && machine["cpu"]?["origin"]?.string == "measured")
            let model = MotleyProcess.golden("llama-gguf-q8_0.gguf")
            let plan = try MotleyProcess([
                "plan", "--model", model, "--hardware", file, "--workload", #"{"prompt_tokens": 8, "output_tokens": 4, "batch": 1}"#,
                "--objective",
                "latency", "--json",
            ])
            #expect(plan.status == 0)
            #expect(try plan.json()["prediction"]?["time_per_output_token_seconds"]?.double ?? 0 > 0)
        }
    }

    @Test func tablesAreForPeople() throws {
        let result = try MotleyProcess(["profile", "--seconds", "0.3", "--threads", "1", "--no-disk", "--name", "here"])
        #expect(result.status == 0 && result.error.isEmpty)
        for part in ["here, measured", "processor", "products on", "attention", "overhead", "no disk was measured"] {
            #expect(result.output.contains(part), "\(part)")
        }
        #expect(!result.output.contains("\u{1B}"))
    }

    @Test func refusals() throws {
        let refused: [([String], Int32, String)] = [
            (["--models", "/nowhere"], 1, "/nowhere"), (["--output", "/nowhere/x.json"], 1, "/nowhere/x.json"),
            (["--seconds", "0"], 64, "seconds"),
            (["--threads", "0"], 64, "threads"), (["--no-disk", "--models", "."], 64, "no-disk"),
        ]
        for (arguments, status, part) in refused {
            let result = try MotleyProcess(["profile"] + arguments)
            #expect(result.status == status && result.error.contains(part) && result.output.isEmpty, "\(arguments)")
        }
    }
}
