import Foundation
import JSON
import Testing

/// `motley batch` as other programs call it, and killed while it works.
@Suite(.serialized) struct BatchCommandTests {
    private let model = MotleyProcess.golden("llama-gguf-q8_0.gguf")
    private let directory: String
    private var input: String { directory + "/requests.jsonl" }
    private var output: String { directory + "/results.jsonl" }

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("motley-batch-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    private func withFiles(_ lines: [String], _ body: () throws -> Void) throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try lines.map { $0 + "\n" }.joined().write(toFile: input, atomically: false, encoding: .utf8)
        try body()
    }

    private func chat(_ id: String, _ text: String, _ members: String) -> String {
        #"{"custom_id": "\#(id)", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": "#
            + #"[{"role": "user", "content": "\#(text)"}], \#(members)}}"#
    }

    private func batch(_ more: String...) throws -> MotleyProcess {
        try MotleyProcess(["batch", "--model", model, "-i", input, "-o", output, "--threads", "1"] + more)
    }

    /// Answers by `custom_id`; nil where one is twice there or the last line is torn.
    private func answers() throws -> [String: JSON]? {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: output)))
        guard bytes.isEmpty || bytes.last == 0x0A else { return nil }
        var answers: [String: JSON] = [:]
        for line in bytes.split(separator: 0x0A) {
            let json = try JSON(parsing: line)
            guard let id = json["custom_id"]?.string, answers.updateValue(json, forKey: id) == nil else { return nil }
        }
        return answers
    }

    private func text(_ answer: JSON?) -> String? { answer?["response"]?["body"]?["choices"]?[0]?["message"]?["content"]?.string }

    /// The texts are those of `motley run` with the same options, also where tokens are drawn.
    @Test func textsAreThoseOfRun() throws {
        let drawn = ["--temperature", "0.8", "--top-p", "0.9", "--seed", "7", "--presence-penalty", "0.5"]
        let lines = [
            chat("greedy", "Hello there", #""max_tokens": 12, "ignore_eos": true"#),
            chat(
                "drawn", "Hello there",
                #""max_tokens": 12, "ignore_eos": true, "temperature": 0.8, "top_p": 0.9, "seed": 7, "presence_penalty": 0.5"#),
            #"{"custom_id": "raw", "method": "POST", "url": "/v1/completions", "body": {"prompt": "Hello there", "max_tokens": 12}}"#,
        ]
        try withFiles(lines) {
            let result = try batch("--json")
            #expect(result.status == 0, "\(result.error)")
            let json = try result.json()
            #expect(json["requests"] == 3 && json["answered"] == 3 && json["failed"] == 0 && json["kept"] == 0)
            let answers = try #require(try answers())
            func run(_ options: [String]) throws -> String? {
                let call = ["run", "--model", model, "--max-tokens", "12", "--json", "Hello there"]
                return try MotleyProcess(call + options).jsonLines().last?["text"]?.string
            }
            #expect(try text(answers["greedy"]) == run(["--temperature", "0", "--ignore-eos"]))
            #expect(try text(answers["drawn"]) == run(["--ignore-eos"] + drawn))
            let raw = answers["raw"]?["response"]?["body"]?["choices"]?[0]?["text"]?.string
            #expect(try raw == run(["--raw", "--temperature", "0"]))
            // Nothing is left to do: no model is loaded, nothing is written.
            let again = try MotleyProcess(["batch", "--model", "/nowhere.gguf", "-i", input, "-o", output])
            #expect(again.status == 0 && again.error.contains("3 of 3") && again.output.isEmpty)
        }
    }

    /// Killed again and again, each time with a torn line behind what was written: the same command goes on, and answers each line once, as
    /// if nothing had happened.
    @Test func killedBatchesGoOn() throws {
        let lines = (0..<60).map { chat("r\($0)", "Say \($0 * 7)", #""max_tokens": 40, "ignore_eos": true, "temperature": 1.5"#) }
        try withFiles(lines) {
            var kept = 0
            for round in 1...3 {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: try #require(MotleyProcess.executable))
                process.arguments = ["batch", "--model", model, "-i", input, "-o", output, "--threads", "1", "--parallel", "4"]
                process.standardError = FileHandle.nullDevice
                try process.run()
                while process.isRunning, count() < kept + 4 { usleep(500) }
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                #expect(process.terminationReason == .uncaughtSignal, "it was done before it could be killed")
                kept = count()
                #expect(kept >= 4 * round && kept < lines.count)
                let handle = try #require(FileHandle(forWritingAtPath: output))
                try handle.seekToEnd()
                handle.write(Data(#"{"id":"batch_req_12","custom_id":"r5"#.utf8))
                try handle.close()
            }
            let rest = try batch("--json")
            #expect(rest.status == 0, "\(rest.error)")
            #expect(try rest.json()["kept"]?.int == kept && rest.json()["answered"] == 60)
            let interrupted = try #require(try answers())
            #expect(interrupted.count == 60)
            try FileManager.default.removeItem(atPath: output)
            #expect(try batch("--quiet").error.isEmpty)
            let whole = try #require(try answers())
            #expect(whole.count == 60 && whole.keys.allSatisfy { text(whole[$0]) == text(interrupted[$0]) && text(whole[$0]) != nil })
        }
    }

    /// Whole lines of the output.
    private func count() -> Int {
        (try? Data(contentsOf: URL(fileURLWithPath: output)))?.count { $0 == 0x0A } ?? 0
    }

    @Test func statusesSayWhatHappened() throws {
        let good = chat("good", "Hello", #""max_tokens": 2"#)
        try withFiles([good, chat("bad", "Hello", #""max_tokens": 0"#)]) {
            let failed = try batch("--json")
            #expect(failed.status == 1)
            #expect(try failed.json()["failed"] == 1 && failed.json()["answered"] == 2)
            #expect(try answers()?["bad"]?["response"]?["status_code"] == 400)
            // Also where it was so before.
            #expect(try batch().status == 1)
        }
    }

    /// Everything that is refused before work: status 2, a line for each complaint, no output.
    @Test func refusals() throws {
        let good = chat("good", "Hello", #""max_tokens": 2"#)
        try withFiles([good, "{", "{}", good]) {
            let result = try batch("--json")
            #expect(result.status == 2 && result.output.isEmpty)
            let lines = result.error.split(separator: "\n")
            #expect(lines.count == 3 && lines.allSatisfy { $0.hasPrefix("motley: error: \(input): line ") }, "\(result.error)")
            #expect(lines[2].contains("line 4") && lines[2].contains("line 1"))
            #expect(!FileManager.default.fileExists(atPath: output))
            try (good + "\n").write(toFile: input, atomically: false, encoding: .utf8)
            for (more, word) in [
                (["--model", "/nowhere.gguf"], "/nowhere.gguf"), (["--context", "100000000"], "context"), (["--top-p", "7"], "top-p"),
            ] {
                let result = try MotleyProcess(["batch", "--model", model, "-i", input, "-o", output] + more)
                #expect(result.status == 2 && result.error.contains(word), "\(result.error)")
            }
            #expect(try MotleyProcess(["batch", "--model", model, "-i", input, "-o", input]).error.contains("is the input"))
            #expect(try MotleyProcess(["batch", "--model", model, "-i", directory + "/no", "-o", output]).status == 2)
            #expect(try batch("--parallel", "0").status == 64)
            #expect(try batch().status == 0)
            try (chat("other", "Hello", #""max_tokens": 2"#) + "\n").write(toFile: input, atomically: false, encoding: .utf8)
            let other = try batch()
            #expect(other.status == 2 && other.error.contains("another input"), "\(other.error)")
        }
    }
}
