import Engine
import JSON
import Testing

/// Replies in the form of OpenAI's API.
@Suite struct OpenAIResponseTests {
    /// The response of a golden model to a body.
    private func response(_ body: JSON, _ endpoint: OpenAIEndpoint, model name: String = "llama-gguf-q8_0") throws -> (JSON, Reply) {
        let model = try Model(path: Golden.named(name).path)
        let loaded = try LoadedModel(model, options: LoadOptions(threads: 1, contextLength: 128))
        let request = try OpenAIRequest(reading: body, endpoint: endpoint)
        let generation = try request.prompt(for: model).request(request.settings(GenerationSettings()))
        let stream = loaded.engine.generate(generation)
        var reply = Reply()
        while reply.summary == nil { for event in stream.next() { try reply.add(event) } }
        let response = OpenAIResponse(
            to: request, id: "1", created: 1_700_000_000, model: model.responseName, reply: reply, summary: try #require(reply.summary))
        return (try response.json(text: model.text), reply)
    }

    @Test func aChat() throws {
        let (json, reply) = try response(
            [
                "messages": [["role": "user", "content": "Hello"]], "max_tokens": 6, "ignore_eos": true, "logprobs": true,
                "top_logprobs": 2, "temperature": 1.5, "seed": 4,
            ], .chatCompletions)
        #expect(
            Array(json.object?.keys ?? JSONObject().keys) == ["id", "object", "created", "model", "choices", "usage"])
        #expect(json["id"] == "chatcmpl-1" && json["object"] == "chat.completion" && json["created"] == 1_700_000_000)
        let choice = try #require(json["choices"]?[0])
        #expect(choice["index"] == 0 && choice["finish_reason"] == "length")
        #expect(choice["message"] == ["role": "assistant", "content": .string(reply.text), "refusal": nil])
        let prompt = try #require(json["usage"]?["prompt_tokens"]?.int)
        #expect(json["usage"] == ["prompt_tokens": .integer(prompt), "completion_tokens": 6, "total_tokens": .integer(prompt + 6)])
        let content = try #require(choice["logprobs"]?["content"]?.array)
        #expect(content.count == 6 && reply.tokenLogProbabilities.count == 6)
        var bytes: [UInt8] = []
        for (index, entry) in content.enumerated() {
            #expect(entry["logprob"]?.double == reply.tokenLogProbabilities[index])
            let best = entry["top_logprobs"]?.array ?? []
            #expect(best.map { $0["logprob"]?.double } == reply.logProbabilities[index].map(\.logProbability))
            // A drawn token may be none of the likeliest; if it is one, it is the same there.
            for (shown, candidate) in zip(best, reply.logProbabilities[index]) where candidate.token == reply.tokens[index] {
                #expect(shown["logprob"] == entry["logprob"] && shown["token"] == entry["token"])
            }
            #expect((entry["logprob"]?.double ?? 1) <= reply.logProbabilities[index][0].logProbability)
            bytes += (entry["bytes"]?.array ?? []).compactMap { $0.int.map { UInt8($0) } }
        }
        #expect(String(decoding: bytes, as: UTF8.self).hasSuffix(reply.text))
    }

    @Test func aCompletion() throws {
        let (json, reply) = try response(
            ["prompt": "Hello", "max_tokens": 5, "ignore_eos": true, "logprobs": 3], .completions)
        #expect(json["id"] == "cmpl-1" && json["object"] == "text_completion")
        let choice = try #require(json["choices"]?[0])
        #expect(choice["text"]?.string == reply.text && choice["message"] == nil && choice["finish_reason"] == "length")
        let probabilities = try #require(choice["logprobs"])
        let tokens = (probabilities["tokens"]?.array ?? []).compactMap(\.string)
        #expect(tokens.count == 5 && probabilities["token_logprobs"]?.array?.count == 5)
        #expect(probabilities["top_logprobs"]?.array?.allSatisfy { ($0.object?.count ?? 0) > 0 } == true)
        #expect(probabilities["text_offset"]?[0] == 0 && probabilities["text_offset"]?.array?.count == 5)
        let (plain, _) = try response(["prompt": "Hello", "max_tokens": 5, "ignore_eos": true], .completions)
        #expect(plain["choices"]?[0]?["logprobs"] == .null && plain["choices"]?[0]?["text"] == choice["text"])
        // Asked for none of the likeliest, only the token's own are told.
        let (own, _) = try response(["prompt": "Hello", "max_tokens": 5, "ignore_eos": true, "logprobs": 0], .completions)
        #expect(own["choices"]?[0]?["logprobs"]?["top_logprobs"] == .null)
        #expect(own["choices"]?[0]?["logprobs"]?["token_logprobs"] == probabilities["token_logprobs"])
    }

    /// The token that ends a reply has no text and no log-probability; it counts as generated.
    @Test func anEndIsNoText() throws {
        let body: JSON = ["messages": [["role": "user", "content": "Sort these numbers: 42 7 19"]], "logprobs": true]
        let model = try Model(path: ContinuationTests.bundled)
        let loaded = try LoadedModel(model, options: LoadOptions(threads: 1, contextLength: 256))
        let request = try OpenAIRequest(reading: body, endpoint: .chatCompletions)
        let stream = loaded.engine.generate(try request.prompt(for: model).request(request.settings(GenerationSettings())))
        var reply = Reply()
        while reply.summary == nil { for event in stream.next() { try reply.add(event) } }
        let summary = try #require(reply.summary)
        let json = try OpenAIResponse(to: request, id: "1", created: 0, model: "m", reply: reply, summary: summary).json(text: model.text)
        let choice = try #require(json["choices"]?[0])
        #expect(choice["finish_reason"] == "stop" && json["usage"]?["completion_tokens"]?.int == reply.tokens.count)
        #expect(choice["logprobs"]?["content"]?.array?.count == reply.tokens.count - 1)
        #expect(choice["logprobs"]?["content"]?.array?.allSatisfy { $0["top_logprobs"] == [] } == true)
    }

    @Test func withoutTokenizerTokensHaveNames() throws {
        let (json, reply) = try response(
            ["prompt": [1, 2, 3], "max_tokens": 2, "ignore_eos": true, "logprobs": 1], .completions, model: "llama-gguf-f16-bare")
        #expect(json["choices"]?[0]?["text"] == "")
        #expect(json["choices"]?[0]?["logprobs"]?["tokens"] == .array(reply.tokens.map { .string("token_id:\($0)") }))
    }

    @Test func errorsHaveTheApisForm() {
        let json = OpenAIError("is wrong", parameter: "seed", code: "c").json
        #expect(json == ["error": ["message": "seed: is wrong", "type": "invalid_request_error", "param": "seed", "code": "c"]])
        #expect(OpenAIError(GenerationError.brokenLogits).status == 500 && OpenAIError(GenerationError.emptyPrompt).status == 400)
        #expect(OpenAIError(GenerationError.promptTooLong(prompt: 9, context: 4, modelContext: 4)).code == "context_length_exceeded")
    }
}
