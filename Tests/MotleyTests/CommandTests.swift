import Foundation
import JSON
import Testing

/// The forms other programs rely on, and what happens when a call makes no sense.
@Suite(.serialized) struct CommandTests {
    private func temporaryFile(_ contents: String, _ body: (String) throws -> Void) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("motley-\(UUID().uuidString).json")
        try Data(contents.utf8).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        try body(url.path)
    }

    private func integers(_ json: JSON?) -> [Int] { (json?.array ?? []).compactMap(\.int) }
    private func numbers(_ json: JSON?) -> [Double] { (json?.array ?? []).compactMap(\.double) }

    @Test func runWithTokens() throws {
        let result = try MotleyProcess([
            "run", "--model", MotleyProcess.golden("llama-gguf-f16-bare.gguf"), "--prompt-tokens", "1,15,27", "--max-tokens", "8",
            "--temperature",
            "0",
            "--logprobs", "5", "--ignore-eos", "--json",
        ])
        #expect(result.status == 0)
        let lines = try result.jsonLines()
        let done = try #require(lines.last)
        #expect(done["event"]?.string == "done")
        #expect(done["prompt_tokens"]?.int == 3)
        let tokens = integers(done["tokens"])
        #expect(tokens.count == 8)
        // A model without a tokenizer runs, without text.
        #expect(done["text"]?.string == "")
        let logProbabilities = try #require(done["logprobs"]?.array)
        #expect(logProbabilities.count == 8)
        for (token, list) in zip(tokens, logProbabilities) {
            let values = (list.array ?? []).compactMap { $0["logprob"]?.double }
            #expect(values.count == 5 && values == values.sorted(by: >) && values[0] < 0)
            #expect(list[0]?["token"]?.int == token)
        }
        for key in ["load_seconds", "prefill_tokens_per_second", "decode_tokens_per_second"] {
            #expect(done["timings"]?[key]?.double ?? -1 > 0)
        }
        #expect(done["peak_memory_bytes"]?.int ?? 0 > 1_000_000)
        #expect(result.error.contains("layers on cpu0"))
    }

    @Test func perplexityOfTokens() throws {
        try temporaryFile("[1, 2, 3, 4, 5, 6, 7, 8]") { path in
            let result = try MotleyProcess([
                "perplexity", "--model", MotleyProcess.golden("llama-gguf-f16-bare.gguf"), "--tokens-file", path, "--json",
            ])
            #expect(result.status == 0)
            let json = try result.json()
            let nll = try #require(json["nll"]?.double)
            #expect(nll > 0)
            #expect(abs((json["perplexity"]?.double ?? 0) - exp(nll)) < 1e-6 * exp(nll))
            #expect(json["tokens"]?.int == 7)
        }
    }

    /// Texts and chats of a golden model, as transformers tokenizes and renders them.
    @Test(arguments: ["llama-gguf-q8_0", "llama3-hf-bf16-sharded", "gpt2-hf-bf16"]) func textCommands(name: String) throws {
        let expected = try JSON(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: MotleyProcess.golden(name + ".expected.json")))))
        let model = MotleyProcess.golden(expected["model"]?.string ?? "")
        for text in expected["tokenizer"]?["texts"]?.array ?? [] {
            let input = text["text"]?.string ?? ""
            let plain = try MotleyProcess(["tokenize", "--model", model, "--no-special", "--json"], input: input)
            #expect(integers(try plain.json()["tokens"]) == integers(text["tokens_without_special"]), "\(input)")
            let special = try MotleyProcess(["tokenize", "--model", model, "--json"], input: input)
            #expect(integers(try special.json()["tokens"]) == integers(text["tokens"]), "\(input)")
            let list = integers(text["tokens_without_special"]).map { String($0) }.joined(separator: ",")
            let decoded = try MotleyProcess(["detokenize", "--model", model, "--tokens", list, "--json"])
            #expect(try decoded.json()["text"]?.string == input)
        }
        for chat in expected["tokenizer"]?["chats"]?.array ?? [] {
            var members = try #require(chat.object)
            members["text"] = nil
            let rendered = try MotleyProcess(["chat-template", "--model", model, "--json"], input: JSON.object(members).serialized())
            #expect(try rendered.json()["text"]?.string == chat["text"]?.string)
        }
    }

    @Test func runWithText() throws {
        let model = MotleyProcess.golden("llama-gguf-q8_0.gguf")
        let common = ["run", "--model", model, "--max-tokens", "12", "--temperature", "0", "--ignore-eos"]
        let plain = try MotleyProcess(common + ["Hello there"])
        #expect(plain.status == 0)
        #expect(plain.error.split(separator: "\n").count == 2)
        let json = try #require(try MotleyProcess(common + ["--json", "Hello there"]).jsonLines().last)
        #expect(plain.output.dropLast() == json["text"]?.string ?? "")
        let tokens = integers(json["tokens"]).map { String($0) }.joined(separator: ",")
        let decoded = try MotleyProcess(["detokenize", "--model", model, "--tokens", tokens, "--skip-special", "--json"])
        #expect(try decoded.json()["text"]?.string == json["text"]?.string)
        // The same conversation, line by line.
        let chat = try MotleyProcess(common, input: "Hello there\n/set temperature=9999\n/stats\n/quit\nnot reached\n")
        #expect(chat.status == 0)
        #expect(chat.output == plain.output)
        #expect(chat.error.contains("temperature is 9999") && chat.error.contains("prefill"))
    }

    /// Without --model the bundled model answers, and ends by itself.
    @Test func bundledModel() throws {
        let json = try #require(try MotleyProcess(["run", "--json", "--max-tokens", "200", "What is 12 + 30?"]).jsonLines().last)
        #expect(json["event"]?.string == "done" && json["finish_reason"]?.string == "end")
        #expect(json["text"]?.string?.isEmpty == false)
    }

    /// The seed that was drawn gives the same tokens again; one that only fits into 64 bits is not rounded.
    @Test func theSeedIsReported() throws {
        func run(_ seed: [String]) throws -> JSON {
            let call = ["run", "--max-tokens", "16", "--temperature", "1.5", "--ignore-eos", "--raw", "--json", "Once"]
            return try #require(try MotleyProcess(call + seed).jsonLines().last)
        }
        let drawn = try run([])
        let seed = try #require(drawn["seed"]?.int)
        let again = try run(["--seed", String(seed)])
        #expect(again["seed"]?.int == seed && again["tokens"] == drawn["tokens"] && again["text"] == drawn["text"])
        #expect(try run(["--seed", "18446744073709551615"])["seed"]?.string == "18446744073709551615")
    }

    @Test func bench() throws {
        let result = try MotleyProcess([
            "bench", "--model", MotleyProcess.golden("llama-gguf-q8_0.gguf"), "--prompt", "16", "--generate", "4", "--parallel", "1,2",
            "--repetitions", "2",
            "--threads", "1", "--json",
        ])
        #expect(result.status == 0)
        let rows = try #require(try result.json().array)
        #expect(rows.compactMap { $0["test"]?.string } == ["pp16", "tg4", "pp16", "tg4"])
        #expect(rows.compactMap { $0["n_parallel"]?.int } == [1, 1, 2, 2])
        #expect(rows.compactMap { $0["n_prompt"]?.int } == [16, 0, 16, 0])
        #expect(rows.compactMap { $0["n_gen"]?.int } == [0, 4, 0, 4])
        for row in rows {
            let samples = numbers(row["samples_ts"])
            #expect(samples.count == 2)
            #expect(abs((row["avg_ts"]?.double ?? 0) - (samples[0] + samples[1]) / 2) < 1e-6 * samples[0])
            #expect(row["stddev_ts"]?.double ?? -1 >= 0)
        }
    }

    /// The options of `bench ops` are its own: `bench` must not take them first.
    @Test func benchOps() throws {
        let result = try MotleyProcess(["bench", "ops", "--op", "add", "--isa", "scalar", "--tokens", "1", "--threads", "1", "--json"])
        #expect(result.status == 0)
        let rows = try #require(try result.json().array)
        #expect(!rows.isEmpty)
        #expect(rows.allSatisfy { $0["isa"]?.string == "scalar" && $0["conforms"]?.bool == true })
    }

    @Test func negativePenalties() throws {
        let result = try MotleyProcess([
            "run", "--model", MotleyProcess.golden("llama-gguf-f16-bare.gguf"), "--prompt-tokens", "1,2,3", "--max-tokens", "2",
            "--presence-penalty",
            "-1",
            "--frequency-penalty", "-0.5", "--ignore-eos", "--json",
        ])
        #expect(result.status == 0)
    }

    /// What makes no sense is refused in one line, before work starts.
    @Test func refusals() throws {
        let model = MotleyProcess.golden("llama-gguf-f16-bare.gguf")
        let refused: [([String], Int32, String)] = [
            (["run", "--model", "/nowhere.gguf", "hello"], 1, "/nowhere.gguf"),
            (["run", "--model", model, "--prompt-tokens", "1,9999"], 1, "9999"),
            (["run", "--model", model, "--prompt-tokens", "-1"], 64, "prompt-tokens"),
            (["run", "--model", model, "--prompt-tokens", ""], 64, "empty"),
            (["run", "--model", model, "--prompt-tokens", "1,x"], 64, "1,x"),
            (["run", "--model", model, "--prompt-tokens", "1,99999999999999"], 64, "99999999999999"),
            (["run", "--model", model, "--prompt-tokens", "1", "--temperature", "nan"], 1, "temperature"),
            (["run", "--model", model, "--prompt-tokens", "1", "--top-p", "7"], 1, "top-p"),
            (["run", "--model", model, "--prompt-tokens", "1", "--max-tokens", "0"], 64, "max-tokens"),
            (["run", "--model", model, "--prompt-tokens", "1", "--context", "0"], 64, "context"),
            (["run", "--model", model, "--prompt-tokens", "1", "--context", "100000000"], 1, "context"),
            (["run", "--model", model, "--prompt-tokens", "1,2,3,4", "--context", "4"], 1, "4 tokens"),
            (["run", "--model", model, "--prompt-tokens", "1", "--threads", "-3"], 64, "threads"),
            (["run", "--model", model, "--prompt-tokens", "1", "--logprobs", "100000"], 1, "100000"),
            (["perplexity", "--model", model, "--tokens-file", "/nowhere.json"], 1, "/nowhere.json"),
            (["bench", "--model", model, "--prompt", "-5"], 64, "prompt"),
            (["bench", "--model", model, "--prompt", "0", "--generate", "0"], 1, "nothing"),
        ]
        for (arguments, status, word) in refused {
            let result = try MotleyProcess(arguments)
            #expect(result.status == status, "\(arguments)")
            #expect(result.error.contains(word), "\(arguments): \(result.error)")
            #expect(result.output.isEmpty)
            if status == 1 { #expect(result.error.hasPrefix("motley: error: ") || result.error.contains("\nmotley: error: ")) }
        }
        for bad in ["[1, 9999]", "[1]", "[]", "[1, 2.5]", "{\"a\": 1}", "[1, 2", "[\"1\"]", "[1, -2]"] {
            try temporaryFile(bad) { path in
                let result = try MotleyProcess(["perplexity", "--model", model, "--tokens-file", path, "--json"])
                #expect(result.status == 1 && result.output.isEmpty, "\(bad)")
            }
        }
    }
}
