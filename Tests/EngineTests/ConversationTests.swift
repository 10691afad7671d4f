import Engine
import JSON
import Testing

/// What a conversation makes of what was said: prompts, requests, histories. No model runs but in the last test.
@Suite struct ConversationTests {
    private func bundled() throws -> Model { try Model(path: ContinuationTests.bundled) }

    private func conversation(_ texts: [String], _ model: Model, system: String? = nil, isRaw: Bool = false) throws -> Conversation {
        var conversation = try Conversation(model: model, system: system, isRaw: isRaw)
        for (index, text) in texts.enumerated() {
            if index % 2 == 0 { conversation.ask(text) } else { conversation.answer(text) }
        }
        return conversation
    }

    @Test func theTemplateWritesThePromptWhereThereIsOne() throws {
        let model = try bundled()
        let conversation = try conversation(["Hello", "Hi.", "Go on"], model, system: "Be brief.")
        #expect(conversation.usesTemplate)
        let text = try model.text.render([
            "messages": [
                ["role": "system", "content": "Be brief."], ["role": "user", "content": "Hello"], ["role": "assistant", "content": "Hi."],
                ["role": "user", "content": "Go on"],
            ], "add_generation_prompt": true,
        ])
        for isCompletion in [true, false] {
            let prompt = try conversation.prompt(isCompletion: isCompletion)
            #expect(try prompt.tokens() == model.text.encode(text, addsSpecial: false))
            #expect(!prompt.isCompletion)
        }
    }

    @Test func withoutTemplateTheTextsFollowOneAnother() throws {
        let model = try bundled()
        let bare = try Model(path: Golden.directory + "/gpt2-hf-bf16")
        for conversation in [
            try conversation(["Hello", "Hi."], model, system: "Be brief.", isRaw: true),
            try conversation(["Hello", "Hi."], bare, system: "Be brief."),
        ] {
            #expect(!conversation.usesTemplate)
            let prompt = try conversation.prompt(isCompletion: true)
            #expect(try prompt.tokens() == conversation.model.text.encode("Be brief.\nHello\nHi.", addsSpecial: true))
            #expect(try prompt.isCompletion && !conversation.prompt().isCompletion)
        }
    }

    /// Every conversation of the golden models, with tools, reasoning and other members, as transformers renders it.
    @Test(arguments: GoldenTextTests.withTokenizer) func membersAndVariablesReachTheTemplate(golden: Golden) throws {
        let model = try Model(path: golden.path)
        for chat in golden.expected["tokenizer"]?["chats"]?.array ?? [] where chat["add_generation_prompt"]?.bool == true {
            let messages = chat["messages"]?.array ?? []
            guard messages.allSatisfy({ $0["content"]?.string != nil }) else { continue }
            var conversation = try Conversation(model: model)
            for message in messages {
                conversation.append(
                    ChatMessage(
                        role: message["role"]?.string ?? "", content: message["content"]?.string ?? "",
                        members: try #require(message.object))
                )
            }
            conversation.variables = try #require(chat.object)
            for key in ["text", "messages"] { conversation.variables[key] = nil }
            let text = try #require(chat["text"]?.string)
            #expect(try conversation.prompt().tokens() == model.text.encode(text, addsSpecial: false))
        }
    }

    @Test func turnsAreTakenBack() throws {
        var conversation = try conversation(["One", "1", "Two"], bundled(), system: "S")
        #expect(conversation.undoTurn() == "Two")
        #expect(conversation.messages.map(\.content) == ["One", "1"])
        conversation.ask("Three")
        conversation.answer("3")
        conversation.append(ChatMessage(role: "tool", content: "t"))
        #expect(conversation.undoTurn() == "Three" && conversation.undoTurn() == "One" && conversation.undoTurn() == nil)
        #expect(conversation.messages.isEmpty && conversation.allMessages.map(\.role) == ["system"])
        conversation.ask("Four")
        conversation.clear()
        #expect(conversation.messages.isEmpty && conversation.system == "S")
    }

    @Test func documentsAreReadBack() throws {
        let model = try bundled()
        let original = try conversation(["Grüße", "日本\n"], model, system: "S")
        var read = try conversation(["Other"], model)
        try read.read(JSON(parsing: original.document.serialized(pretty: true)))
        #expect(read.system == "S" && read.messages == original.messages)
        try read.read(["messages": [["role": "user", "content": "Hi", "name": "x"]]])
        #expect(read.system == nil && read.messages == [ChatMessage(role: "user", content: "Hi")])
        #expect(throws: ConversationError.noMessages) { try read.read(["message": []]) }
        #expect(throws: ConversationError.incompleteMessage) { try read.read(["messages": [["role": "user"]]]) }
        #expect(read.messages.count == 1, "what cannot be read changes nothing")
    }

    @Test func theContextHasRoomForPromptAndReply() throws {
        // 4096 tokens are all that the bundled model has, 128 or so the golden ones.
        let model = try bundled()
        let short = try conversation(["Hello"], model).prompt()
        #expect(try short.contextLength(maximumTokens: nil) == 4096)
        #expect(try short.contextLength(asked: 100, maximumTokens: 5000) == 100)
        #expect(throws: LoadError.self) { try short.contextLength(asked: 4097, maximumTokens: nil) }
        let long = try conversation([String(repeating: "word ", count: 30)], model).prompt()
        let count = try long.tokens().count
        #expect(long.tokenBound > count + 1)
        #expect(try long.contextLength(asked: count + 1, maximumTokens: nil) == count + 1)
        #expect(throws: GenerationError.promptTooLong(prompt: count, context: count, modelContext: 4096)) {
            try long.contextLength(asked: count, maximumTokens: nil)
        }
        #expect(throws: GenerationError.promptTooLong(prompt: 70, context: 70, modelContext: 4096)) {
            try Prompt(tokens: Array(repeating: 1, count: 70), model: model).contextLength(asked: 70, maximumTokens: nil)
        }
        #expect(try model.contextLength(asked: nil, needed: Model.conversationContext) == model.contextLength)
    }

    @Test(arguments: GoldenTextTests.withTokenizer) func bytesBoundTokens(golden: Golden) throws {
        let model = try Model(path: golden.path)
        for sample in golden.expected["tokenizer"]?["texts"]?.array ?? [] {
            let text = try #require(sample["text"]?.string)
            let prompt = Prompt(text: text, isRendered: false, isCompletion: true, model: model)
            prompt.prepare()
            #expect(try prompt.tokens().count <= prompt.tokenBound)
        }
    }

    @Test func settingsBecomeARequest() throws {
        let model = try bundled()
        let advised = model.samplingDefaults
        var overrides = SamplingOverrides()
        #expect(overrides.applied(to: advised) == advised)
        overrides.temperature = 0.5
        overrides.seed = 9
        overrides.logitBias = [3: 2]
        let sampling = overrides.applied(to: SamplingParameters(topK: 7, logitBias: [3: 1, 4: 1]))
        #expect(sampling == SamplingParameters(temperature: 0.5, topK: 7, logitBias: [3: 2, 4: 1], seed: 9))
        let prompt = try conversation(["Hello"], model).prompt()
        var settings = GenerationSettings(sampling: sampling, maximumTokens: 5, stopStrings: ["x"], logProbabilities: 2)
        let request = try prompt.request(settings)
        #expect(try request.prompt == prompt.tokens() && request.endTokens == model.endTokens() && request.generated.isEmpty)
        #expect(request.sampling == sampling && request.maximumTokens == 5 && request.stopStrings == ["x"] && request.logProbabilities == 2)
        #expect(request.decoder != nil && !request.endTokens.isEmpty)
        settings.ignoresEndTokens = true
        #expect(try prompt.request(settings).endTokens.isEmpty)
        #expect(try Conversation(model: model).settings.sampling == advised)
    }

    /// A reply that was cut goes on from its tokens, and a turn begins with what the ones before it have computed.
    @Test func aConversationOfThreeTurns() throws {
        let model = try bundled()
        var conversation = try Conversation(model: model)
        let loaded = try LoadedModel(model, options: LoadOptions(threads: 1, contextLength: 512))
        func reply(_ request: GenerationRequest) throws -> Reply {
            let stream = loaded.engine.generate(request)
            var reply = Reply()
            while reply.summary == nil { for event in stream.next() { try reply.add(event) } }
            return reply
        }
        conversation.ask("Sort these numbers: 42 7 19")
        let first = try reply(conversation.prompt().request(conversation.settings))
        #expect(first.text == "7 19 42" && first.summary?.reason == .endToken && first.logProbabilities.isEmpty)
        conversation.answer(first.text)
        conversation.ask("Sort these numbers: 5 1 3, please, and then tell me what else you can do")
        var request = try conversation.prompt().request(conversation.settings)
        let whole = try reply(request)
        request.maximumTokens = 4
        let begun = try reply(request)
        request.maximumTokens = nil
        request.generated = begun.tokens
        let rest = try reply(request)
        #expect(begun.tokens + rest.tokens == whole.tokens && begun.text + rest.text == whole.text)
        conversation.answer(whole.text)
        conversation.ask("Hello")
        #expect(try reply(conversation.prompt().request(conversation.settings)).summary?.sharedTokens ?? 0 >= 64)
        // A failure is thrown, and nothing is taken in.
        var failed = Reply()
        #expect(throws: GenerationError.stopped) { try failed.add(.failed(.stopped)) }
        #expect(failed.summary == nil)
    }
}
