import Engine
import JSON
import Testing

/// The text side of every golden model, as transformers tokenizes and renders it.
@Suite struct GoldenTextTests {
    static let withTokenizer = Golden.all.filter { $0.expected["tokenizer"]?.object != nil }

    private func integers(_ json: JSON?) -> [Int32] { (json?.array ?? []).compactMap { $0.int.map { Int32($0) } } }

    @Test(arguments: withTokenizer) func textsBecomeTheTokensOfTransformers(golden: Golden) throws {
        let text = try ModelText(path: golden.path)
        #expect(text.hasTokenizer)
        for sample in golden.expected["tokenizer"]?["texts"]?.array ?? [] {
            let input = try #require(sample["text"]?.string)
            let plain = integers(sample["tokens_without_special"])
            #expect(try text.encode(input, addsSpecial: false) == plain)
            #expect(try text.encode(input, addsSpecial: true) == integers(sample["tokens"]))
            let whole = try text.decode(plain, keepsSpecial: true)
            var decoder = try #require(try text.decoder(continuing: false))
            var streamed = ""
            for token in plain { streamed += decoder.append(token) }
            streamed += decoder.finish()
            #expect(streamed == (try text.decode(plain)))
            #expect(whole == input)
        }
    }

    @Test(arguments: withTokenizer) func conversationsBecomeTheTextOfTransformers(golden: Golden) throws {
        let text = try ModelText(path: golden.path)
        for chat in golden.expected["tokenizer"]?["chats"]?.array ?? [] {
            var variables = try #require(chat.object)
            variables["text"] = nil
            #expect(try text.render(variables) == chat["text"]?.string)
        }
    }

    @Test func aModelWithoutTokenizerSaysSo() throws {
        let text = try ModelText(path: Golden.named("llama-gguf-f16-bare").path)
        #expect(!text.hasTokenizer)
        let decoder = try text.decoder(continuing: false)
        #expect(decoder == nil)
        #expect(throws: (any Error).self) { try text.encode("x", addsSpecial: false) }
        #expect(throws: (any Error).self) { try text.render(["messages": []]) }
    }
}
