import Glibc
import JSON
import Models
import Testing

@testable import Engine

/// A batch from file to file: what is written, and that it goes on wherever it was interrupted.
@Suite struct BatchJobTests {
    private let model: Model
    private let loaded: LoadedModel

    init() throws {
        model = try Model(path: Golden.named("llama-gguf-q8_0").path)
        loaded = try LoadedModel(model, options: LoadOptions(threads: 1, contextLength: 128, sequences: 2))
    }

    private func run(_ files: BatchFiles, parallel: Int = 2, seed: UInt64 = 0) throws -> BatchProgress {
        let input = try BatchInput(path: files.input)
        let job = BatchJob(
            input: input, output: try BatchOutput(path: files.output, input: input), model: model, engine: loaded.engine,
            options: BatchJob.Options(defaults: GenerationSettings(ignoresEndTokens: true), parallel: parallel, seed: seed))
        return try job.run()
    }

    /// What an answer says, without the time it was made at.
    private func content(_ answer: JSON?) -> JSON? {
        guard var members = answer?.object, var response = members["response"]?.object, var body = response["body"]?.object else {
            return nil
        }
        body["created"] = nil
        response["body"] = .object(body)
        members["response"] = .object(response)
        return .object(members)
    }

    @Test func everyLineIsAnswered() throws {
        let files = try BatchFiles()
        let lines = [
            BatchFiles.line("chat", #"{"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}"#, url: "/v1/chat/completions"),
            BatchFiles.line("text", #"{"prompt": "Hello", "max_tokens": 4, "stream": false}"#),
            BatchFiles.line("tokens", #"{"prompt": [1, 2, 3], "max_tokens": 5, "temperature": 1}"#),
            BatchFiles.line("both n", #"{"prompt": "Hello", "n": 2}"#), BatchFiles.line("stream", #"{"prompt": "Hello", "stream": true}"#),
            BatchFiles.line("range", #"{"prompt": "Hello", "top_p": 7}"#), BatchFiles.line("token", #"{"prompt": [99999]}"#),
            BatchFiles.line("long", "{\"prompt\": \"\(String(repeating: "word ", count: 200))\"}"),
            BatchFiles.line("url", "{}", url: "/v1/embeddings"),
            #"{"custom_id": "method", "method": "GET", "url": "/v1/completions"}"# + "\n",
            #"{"custom_id": "none", "method": "POST", "url": "/v1/completions"}"# + "\n",
        ]
        try files.writeInput(lines.joined())
        let progress = try run(files)
        #expect(progress.total == 11 && progress.done == 11 && progress.written == 11 && progress.failed == 8 && progress.running == 0)
        #expect(progress.generatedTokens == 12 && progress.isComplete)
        let answers = try #require(try files.answers())
        #expect(answers.count == 11)
        for (id, tokens) in [("chat", 3), ("text", 4), ("tokens", 5)] {
            let answer = try #require(answers[id])
            #expect(Array(answer.object?.keys ?? JSONObject().keys) == ["id", "custom_id", "response", "error"])
            #expect(answer["response"]?["status_code"] == 200 && answer["error"] == .null)
            #expect(answer["response"]?["body"]?["usage"]?["completion_tokens"]?.int == tokens)
            #expect(
                answer["id"]?.string?.hasPrefix("batch_req_") == true
                    && answer["response"]?["request_id"]?.string?.hasPrefix("req_") == true)
        }
        let faults = [
            "both n": "n", "stream": "stream", "range": nil, "token": nil, "long": nil, "url": "url", "method": "method", "none": "body",
        ]
        for (id, field) in faults {
            let response = try #require(answers[id]?["response"])
            #expect(response["status_code"] == 400 && response["body"]?["error"]?["param"]?.string == field, "\(id)")
            #expect(answers[id]?["error"]?["message"] == response["body"]?["error"]?["message"])
        }
        #expect(answers["long"]?["error"]?["code"] == "context_length_exceeded")
    }

    /// The output of a whole run cut off behind any byte: the same command makes it whole again, keeps what was whole, and every answer is
    /// what it was.
    @Test func everyTruncationGoesOn() throws {
        let files = try BatchFiles()
        try files.writeInput(
            BatchFiles.line("a", #"{"prompt": "Hello", "max_tokens": 2}"#)
                + BatchFiles.line("b", #"{"prompt": "Hello", "max_tokens": 2, "temperature": 5}"#) + BatchFiles.line("c", #"{"prompt": 5}"#)
        )
        _ = try run(files)
        let whole = try files.outputBytes, expected = try #require(try files.answers())
        #expect(expected.count == 3)
        for count in 0...whole.count {
            let prefix = whole.prefix(count)
            try files.write(prefix, to: files.output)
            let kept = prefix.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
            let progress = try run(files)
            #expect(progress.kept == prefix.count { $0 == 0x0A } && progress.done == 3 && progress.failed == 1, "\(count)")
            let bytes = try files.outputBytes, answers = try files.answers()
            #expect(bytes.starts(with: whole.prefix(kept)) && answers?.count == 3, "\(count)")
            for (id, answer) in expected { #expect(content(answers?[id]) == content(answer), "\(id) from \(count)") }
        }
    }

    /// Whatever runs beside a request and whatever comes before it in the file, its answer is the same; another seed gives another one.
    @Test func answersDependOnTheirLinesAlone() throws {
        let lines = (0..<9).map { number in
            BatchFiles.line(
                "r\(number)", "{\"prompt\": \"\(String(repeating: "Hello ", count: 1 + number))\", \"max_tokens\": 6, \"temperature\": 3}")
        }
        let files = try BatchFiles(), others = try BatchFiles()
        try files.writeInput(lines.joined())
        try others.writeInput(lines.reversed().joined())
        _ = try run(files, parallel: 1)
        _ = try run(others, parallel: 7)
        let one = try #require(try files.answers()), two = try #require(try others.answers())
        #expect(one.count == 9 && one.keys.allSatisfy { content(one[$0]) == content(two[$0]) })
        let seeded = try BatchFiles()
        try seeded.writeInput(lines.joined())
        _ = try run(seeded, seed: 1)
        let three = try #require(try seeded.answers())
        #expect(one.keys.contains { content(one[$0]) != content(three[$0]) })
    }

    @Test func outputsOfOtherInputsAreRefused() throws {
        let files = try BatchFiles()
        try files.writeInput(BatchFiles.line("a", #"{"prompt": "x", "max_tokens": 1}"#))
        let input = try BatchInput(path: files.input)
        let answer = #"{"custom_id": "a", "response": {"status_code": 200}}"#
        for (text, word) in [
            (#"{"custom_id": "b", "response": null}"# + "\n", "another input"), ("\n", "no answer"), ("{}\n", "no answer"),
            ("\(answer)\nnonsense\n\(answer)\n", "line 2"), ("\(answer)\n\(answer)\n", "answered before"),
        ] {
            try files.writeOutput(text)
            do {
                _ = try BatchOutput(path: files.output, input: input)
                Issue.record("\(text) was taken")
            } catch { #expect(error.description.contains(word), "\(error)") }
            // Nothing was changed.
            #expect(try files.outputBytes == Array(text.utf8))
        }
        for path in [files.input, files.directory, files.directory + "/no/where", "/dev/null"] {
            #expect(throws: BatchError.self) { _ = try BatchOutput(path: path, input: input) }
        }
        // Two at once would answer lines twice.
        try files.writeOutput("")
        let first = try BatchOutput(path: files.output, input: input)
        #expect(throws: BatchError.self) { _ = try BatchOutput(path: files.output, input: input) }
        withExtendedLifetime(first) {}
    }

    /// Of an interrupted batch everything that was written is whole, and nothing of what was running is there.
    @Test func cancellationLeavesWholeLines() throws {
        let files = try BatchFiles()
        try files.writeInput((0..<40).map { BatchFiles.line("r\($0)", #"{"prompt": "Hello", "max_tokens": 30}"#) }.joined())
        func cancelled() throws -> BatchProgress {
            let input = try BatchInput(path: files.input)
            let job = BatchJob(
                input: input, output: try BatchOutput(path: files.output, input: input), model: model, engine: loaded.engine,
                options: BatchJob.Options(defaults: GenerationSettings(ignoresEndTokens: true), parallel: 2))
            let watcher = SystemThread {
                while job.progress.written < 3 { usleep(100) }
                job.cancel()
            }
            defer { watcher.join() }
            return try job.run()
        }
        let progress = try cancelled()
        let answers = try #require(try files.answers())
        #expect(progress.written >= 3 && answers.count == progress.written)
        let rest = try run(files)
        #expect(rest.isComplete && rest.kept == progress.written)
        let all = try #require(try files.answers())
        #expect(all.count == 40 && Set(all.values.map { $0["response"]?["body"]?["choices"]?[0]?["text"]?.string ?? "" }).count == 1)
    }

    /// A broken executor ends the batch without an answer for what it was computing: the next run asks again.
    @Test func aBrokenExecutorIsNoAnswer() throws {
        struct Broken: Error {}
        let files = try BatchFiles()
        try files.writeInput((0..<5).map { BatchFiles.line("r\($0)", #"{"prompt": [1, 2], "max_tokens": 2}"#) }.joined())
        let input = try BatchInput(path: files.input)
        let engine = try Engine(options: EngineOptions(contextLength: 40)) {
            let executor = FakeExecutor()
            executor.failure = Broken()
            return executor
        }
        let job = BatchJob(
            input: input, output: try BatchOutput(path: files.output, input: input), model: model, engine: engine,
            options: BatchJob.Options(defaults: GenerationSettings(), parallel: 2))
        #expect(throws: BatchError.self) { _ = try job.run() }
        #expect(try files.outputBytes.isEmpty)
    }

    /// The cache is made as large as the lines need, and fewer requests run at once where that does not fit.
    @Test func loadingFollowsTheLines() throws {
        var need = BatchNeed()
        for _ in 0..<50 { need.add(bytes: 600, maximumTokens: 100) }
        let options = LoadOptions(threads: 1, contextLength: 1)
        let usual = try BatchLoading(model, need: need, options: options, context: nil, parallel: nil)
        #expect(usual.parallel == 16 && usual.engineOptions.contextLength == min(4096, model.contextLength))
        #expect(usual.options.contextLength * usual.options.sequences >= 16 * 300)
        let few = try BatchLoading(model, need: need, options: options, context: 64, parallel: 3)
        #expect(few.parallel == 3 && few.engineOptions.contextLength == 64 && few.options.contextLength * few.options.sequences <= 192)
        #expect(throws: LoadError.self) {
            _ = try BatchLoading(model, need: need, options: options, context: model.contextLength + 1, parallel: nil)
        }
        #expect(throws: LoadError.self) {
            _ = try BatchLoading(model, need: need, options: LoadOptions(threads: 0, contextLength: 1), context: nil, parallel: nil)
        }
    }
}
