import Checkpoints
import Testing
import Text

/// Real vocabularies with the ids their own tokenizers give.
@Suite struct VocabularyFixtureTests {
    static let names = ["gpt-2", "llama-spm", "phi-3", "deepseek-llm", "starcoder"].filter { SharedFixtures.exists("vocab/\($0).gguf") }

    @Test(arguments: names)
    func encodesAsExpected(_ name: String) throws {
        let file = try GGUFFile(path: SharedFixtures.path("vocab/\(name).gguf"))
        let tokenizer = try Tokenizer(TokenizerDefinition(gguf: GGUFTokenizerFields(file.metadata)))
        let input = String(decoding: try #require(SharedFixtures.read("vocab/\(name).gguf.inp")), as: UTF8.self)
        let output = String(decoding: try #require(SharedFixtures.read("vocab/\(name).gguf.out")), as: UTF8.self)
        let separator = "\n__ggml_vocab_test__\n"
        var texts: [String] = []
        var rest = input[...]
        while let range = rest.firstRange(of: separator) {
            texts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(texts.count == 46 && lines.count >= texts.count)
        for (text, line) in zip(texts, lines) {
            let expected = line.split(separator: " ").compactMap { Int32($0) }
            let ids = tokenizer.encode(text, addSpecial: false)
            #expect(ids == expected, "\(name): \(text.debugDescription)")
            #expect(tokenizer.decode(ids) == text)
        }
    }
}
