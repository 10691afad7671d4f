import Engine
import JSON
import Testing

/// Bodies of OpenAI's API: what is read, and that whatever else comes is refused by name.
@Suite struct OpenAIRequestTests {
    private func chat(_ members: String) throws -> OpenAIRequest {
        let messages = #""messages": [{"role": "user", "content": "Hello"}]"#
        return try OpenAIRequest(
            reading: JSON(parsing: "{\(messages)\(members.isEmpty ? "" : ", ")\(members)}"), endpoint: .chatCompletions)
    }

    private func completion(_ members: String) throws -> OpenAIRequest {
        try OpenAIRequest(reading: JSON(parsing: "{\(members)}"), endpoint: .completions)
    }

    @Test func allFields() throws {
        let request = try chat(
            """
            "model": "any", "max_tokens": 7, "max_completion_tokens": 7, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05,
            "seed": -3, "stop": ["a", "b"], "presence_penalty": 0.25, "frequency_penalty": -0.5, "repetition_penalty": 1.25,
            "logit_bias": {"5": -100, "7": 1.5}, "logprobs": true, "top_logprobs": 4, "n": 1, "stream": false, "ignore_eos": true,
            "chat_template_kwargs": {"enable_thinking": false}, "user": "x", "metadata": {"a": "b"}, "store": true, "service_tier": "auto",
            "tools": [], "tool_choice": "none", "response_format": {"type": "text"}, "modalities": ["text"], "parallel_tool_calls": true
            """)
        #expect(request.model == "any" && request.maximumTokens == 7 && request.stopStrings == ["a", "b"])
        #expect(request.input == .messages([ChatMessage(role: "user", content: "Hello")]))
        var expected = SamplingOverrides()
        expected.temperature = 0.5
        expected.topP = 0.9
        expected.topK = 40
        expected.minP = 0.05
        expected.seed = UInt64(bitPattern: -3)
        expected.presencePenalty = 0.25
        expected.frequencyPenalty = -0.5
        expected.repetitionPenalty = 1.25
        expected.logitBias = [5: -100, 7: 1.5]
        #expect(request.sampling == expected)
        #expect(request.logProbabilities == 4 && request.ignoresEndTokens == true && !request.isStreamed)
        #expect(request.templateVariables == ["enable_thinking": false])
    }

    /// `null` is what leaving a field out is.
    @Test func nothingSaid() throws {
        let names = [
            "model", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "presence_penalty",
            "frequency_penalty", "repetition_penalty", "logit_bias", "logprobs", "top_logprobs", "n", "stream", "stream_options", "tools",
            "tool_choice", "response_format", "chat_template_kwargs", "functions", "modalities",
        ]
        let plain = try chat("")
        #expect(try chat(names.map { "\"\($0)\": null" }.joined(separator: ", ")) == plain)
        #expect(plain.sampling == SamplingOverrides() && plain.maximumTokens == nil && plain.logProbabilities == nil)
        let advised = SamplingParameters(temperature: 0.7, topK: 20)
        let settings = plain.settings(GenerationSettings(sampling: advised, stopStrings: ["x"]))
        #expect(settings.sampling == advised && settings.maximumTokens == nil && settings.stopStrings == ["x"])
        // Completions are short unless somebody says otherwise.
        let text = try completion(#""prompt": "a""#)
        #expect(text.settings(GenerationSettings()).maximumTokens == 16)
        #expect(text.settings(GenerationSettings(maximumTokens: 5)).maximumTokens == 5)
        #expect(try completion(#""prompt": "a", "max_tokens": 9"#).settings(GenerationSettings(maximumTokens: 5)).maximumTokens == 9)
        // The token's own log-probability comes with that of the likeliest.
        #expect(try chat(#""logprobs": true"#).settings(GenerationSettings()).logProbabilities == 1)
        #expect(try completion(#""prompt": "a", "logprobs": 0"#).settings(GenerationSettings()).logProbabilities == 1)
        #expect(try completion(#""prompt": "a", "top_k": -1"#).sampling.topK == 0)
    }

    @Test func inputs() throws {
        #expect(try completion(#""prompt": "a b""#).input == .text("a b"))
        #expect(try completion(#""prompt": ["a b"]"#).input == .text("a b"))
        #expect(try completion(#""prompt": [1, 2.0, 3]"#).input == .tokens([1, 2, 3]))
        #expect(try completion(#""prompt": [[1, 2]]"#).input == .tokens([1, 2]))
        let request = try OpenAIRequest(
            reading: [
                "messages": [
                    ["role": "system", "content": [["type": "text", "text": "Be "], ["type": "text", "text": "brief."]]],
                    ["role": "assistant", "content": nil, "tool_calls": [["id": "1"]]], ["role": "tool", "content": "", "name": "f"],
                ]
            ], endpoint: .chatCompletions)
        #expect(
            request.input
                == .messages([
                    ChatMessage(role: "system", content: "Be brief."),
                    ChatMessage(role: "assistant", content: "", members: ["tool_calls": [["id": "1"]]]),
                    ChatMessage(role: "tool", content: "", members: ["name": "f"]),
                ]))
    }

    /// The field at fault and a word of what is wrong with it.
    static let refusedChats: [(members: String, field: String, word: String)] = [
        (#""temperature": "hot""#, "temperature", "number"), (#""temperature": NaN"#, "temperature", "number"),
        (#""temperature": true"#, "temperature", "number"), (#""top_k": 1.5"#, "top_k", "whole"), (#""top_k": -2"#, "top_k", "whole"),
        (#""max_tokens": 0"#, "max_tokens", "whole"), (#""max_tokens": -1"#, "max_tokens", "whole"),
        (#""max_tokens": 1e300"#, "max_tokens", "whole"), (#""max_tokens": [1]"#, "max_tokens", "array"),
        (#""max_tokens": 3, "max_completion_tokens": 4"#, "max_completion_tokens", "one of them"),
        (#""seed": 1.5"#, "seed", "whole"), (#""seed": "1""#, "seed", "whole"), (#""stop": 5"#, "stop", "string"),
        (#""stop": ["a", 5]"#, "stop[1]", "string"), (#""stop": {"a": 1}"#, "stop", "object"),
        (#""logit_bias": [1]"#, "logit_bias", "object"), (#""logit_bias": {"x": 1}"#, "logit_bias.x", "token id"),
        (#""logit_bias": {"1": "a"}"#, "logit_bias.1", "number"),
        (#""logit_bias": {"99999999999": 1}"#, "logit_bias.99999999999", "token id"),
        (#""logprobs": 5"#, "logprobs", "true or false"), (#""top_logprobs": 2"#, "top_logprobs", "logprobs"),
        (#""logprobs": true, "top_logprobs": 21"#, "top_logprobs", "20"),
        (#""logprobs": false, "top_logprobs": 2"#, "top_logprobs", "true"),
        (#""n": 2"#, "n", "1"), (#""n": "1""#, "n", "1"), (#""stream": "yes""#, "stream", "true or false"),
        (#""stream_options": {"include_usage": true}"#, "stream_options", "stream"),
        (#""tools": [{"type": "function"}]"#, "tools", "text"), (#""tool_choice": {"type": "function"}"#, "tool_choice", "tools"),
        (#""response_format": {"type": "json_object"}"#, "response_format", "plain text"),
        (#""modalities": ["audio"]"#, "modalities", "text"),
        (#""chat_template_kwargs": 4"#, "chat_template_kwargs", "object"),
        (#""reasoning_effort": "high""#, "reasoning_effort", "supported"),
        (#""model": 5"#, "model", "string"), (#""prompt": "x""#, "prompt", "supported"), (#""best_of": 1"#, "best_of", "supported"),
        (#""\u0000": 1"#, "\u{0}", "supported"), (#""ignore_eos": 1"#, "ignore_eos", "true or false"),
    ]

    @Test(arguments: refusedChats) func chatsThatAreRefused(members: String, field: String, word: String) throws {
        do {
            _ = try chat(members)
            Issue.record("\(members) was taken")
        } catch let error as OpenAIError {
            #expect(error.status == 400 && error.parameter == field && error.description.contains(word), "\(error)")
        }
    }

    static let refusedInputs: [(body: String, endpoint: OpenAIEndpoint, field: String?)] = [
        ("[]", .chatCompletions, nil), ("null", .completions, nil), ("\"x\"", .completions, nil), ("{}", .chatCompletions, "messages"),
        ("{}", .completions, "prompt"), (#"{"messages": null}"#, .chatCompletions, "messages"),
        (#"{"messages": []}"#, .chatCompletions, "messages"), (#"{"messages": "hi"}"#, .chatCompletions, "messages"),
        (#"{"messages": [5]}"#, .chatCompletions, "messages[0]"), (#"{"messages": [{}]}"#, .chatCompletions, "messages[0].role"),
        (#"{"messages": [{"role": "", "content": "x"}]}"#, .chatCompletions, "messages[0].role"),
        (#"{"messages": [{"role": 5, "content": "x"}]}"#, .chatCompletions, "messages[0].role"),
        (#"{"messages": [{"role": "user"}]}"#, .chatCompletions, "messages[0].content"),
        (#"{"messages": [{"role": "user", "content": null}]}"#, .chatCompletions, "messages[0].content"),
        (#"{"messages": [{"role": "user", "content": 5}]}"#, .chatCompletions, "messages[0].content"),
        (#"{"messages": [{"role": "user", "content": ["x"]}]}"#, .chatCompletions, "messages[0].content[0]"),
        (
            #"{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}]}]}"#,
            .chatCompletions, "messages[0].content[1]"
        ),
        (#"{"prompt": []}"#, .completions, "prompt"), (#"{"prompt": 5}"#, .completions, "prompt"),
        (#"{"prompt": ["a", "b"]}"#, .completions, "prompt"), (#"{"prompt": [[1], [2]]}"#, .completions, "prompt"),
        (#"{"prompt": [1, "a"]}"#, .completions, "prompt[1]"), (#"{"prompt": [1.5]}"#, .completions, "prompt[0]"),
        (#"{"prompt": [99999999999]}"#, .completions, "prompt[0]"), (#"{"prompt": [null]}"#, .completions, "prompt[0]"),
        (#"{"prompt": "a", "suffix": "b"}"#, .completions, "suffix"), (#"{"prompt": "a", "echo": true}"#, .completions, "echo"),
        (#"{"prompt": "a", "best_of": 3}"#, .completions, "best_of"), (#"{"prompt": "a", "logprobs": true}"#, .completions, "logprobs"),
        (#"{"prompt": "a", "max_completion_tokens": 3}"#, .completions, "max_completion_tokens"),
        (#"{"prompt": "a", "messages": []}"#, .completions, "messages"),
    ]

    @Test(arguments: refusedInputs) func inputsThatAreRefused(body: String, endpoint: OpenAIEndpoint, field: String?) throws {
        do {
            _ = try OpenAIRequest(reading: JSON(parsing: body), endpoint: endpoint)
            Issue.record("\(body) was taken")
        } catch let error as OpenAIError { #expect(error.status == 400 && error.parameter == field, "\(error)") }
    }

    /// Messages do not repeat what they are given at length.
    @Test func errorsAreShort() throws {
        let long = String(repeating: "x", count: 100_000)
        for members in ["\"seed\": \"\(long)\"", "\"\(long)\": 1", "\"logit_bias\": {\"\(long)\": 1}", "\"stop\": [{\"\(long)\": 1}]"] {
            do {
                _ = try chat(members)
                Issue.record("it was taken")
            } catch let error as OpenAIError { #expect(error.json.serialized().utf8.count < 600) }
        }
    }

    @Test func paths() {
        #expect(OpenAIEndpoint(path: "/v1/chat/completions") == .chatCompletions && OpenAIEndpoint(path: "/v1/completions") == .completions)
        for path in ["", "/v1/embeddings", "/v1/chat/completions/", "v1/completions"] { #expect(OpenAIEndpoint(path: path) == nil) }
    }

    /// The same requests as the command line makes of the same texts.
    @Test func promptsAreThoseOfTheCommandLine() throws {
        let model = try Model(path: ContinuationTests.bundled)
        var conversation = try Conversation(model: model, system: "Be brief.")
        conversation.ask("Hello")
        let chat = try OpenAIRequest(
            reading: ["messages": [["role": "system", "content": "Be brief."], ["role": "user", "content": "Hello"]]],
            endpoint: .chatCompletions)
        #expect(try chat.prompt(for: model).tokens() == conversation.prompt(isCompletion: true).tokens())
        var raw = try Conversation(model: model, isRaw: true)
        raw.ask("Hello")
        let text = try completion(#""prompt": "Hello""#).prompt(for: model)
        #expect(try text.tokens() == raw.prompt(isCompletion: true).tokens() && text.isCompletion)
        #expect(try completion(#""prompt": [3, 4]"#).prompt(for: model).tokens() == [3, 4])
    }
}
