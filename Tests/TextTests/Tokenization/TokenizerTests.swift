import JSON
import Testing

@testable import Text

@Suite struct TokenizerTests {
    /// All bytes and a few merges.
    static func byteLevel(_ change: (inout JSONObject) -> Void = { _ in }) throws -> Tokenizer {
        var vocabulary = JSONObject()
        for (byte, scalar) in ByteLevelAlphabet.scalars.enumerated() {
            vocabulary[String(Unicode.Scalar(scalar) ?? "?")] = .integer(byte)
        }
        for (index, piece) in ["he", "ll", "hell", "hello", "Ġhello", "Ġw", "aa", "aaaa"].enumerated() {
            vocabulary[piece] = .integer(256 + index)
        }
        var json: JSONObject = [
            "added_tokens": [
                ["id": 300, "content": "<s>", "special": true], ["id": 301, "content": "<x>", "special": false, "normalized": false],
            ],
            "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true], "decoder": ["type": "ByteLevel"],
            "post_processor": [
                "type": "TemplateProcessing", "single": [["SpecialToken": ["id": "<s>"]], ["Sequence": ["id": "A"]]],
                "special_tokens": ["<s>": ["ids": [300]]],
            ],
            "model": [
                "type": "BPE", "vocab": .object(vocabulary), "merges": ["h e", "l l", "he ll", "hell o", "Ġ hello", "Ġ w", "a a", "aa aa"],
            ],
        ]
        change(&json)
        return try Tokenizer(TokenizerDefinition(tokenizerJSON: .object(json), configuration: nil))
    }

    @Test func mergesByRank() throws {
        let tokenizer = try Self.byteLevel()
        #expect(tokenizer.encode("hello hello w") == [300, 259, 260, 261])
        #expect(tokenizer.encode("aaaaaaa", addSpecial: false) == [263, 262, 97])
        #expect(tokenizer.decode([300, 259, 260, 261]) == "<s>hello hello w")
        #expect(tokenizer.decode([300, 259, 260, 261], skipSpecial: true) == "hello hello w")
    }

    @Test func readsSpecialTokensOnRequest() throws {
        let tokenizer = try Self.byteLevel()
        #expect(tokenizer.encode("<s><x>", addSpecial: false) == [300, 301])
        let plain = tokenizer.encode("<s><x>", addSpecial: false, parseSpecial: false)
        #expect(plain.last == 301 && !plain.contains(300))
        #expect(tokenizer.isSpecial(300) && !tokenizer.isSpecial(301) && !tokenizer.isSpecial(-1) && !tokenizer.isSpecial(9999))
        #expect(tokenizer.token(for: "Ġhello") == 260 && tokenizer.token(for: "nothing") == nil)
        #expect(tokenizer.vocabularySize == 302)
    }

    @Test func longWordsMergeAsShortOnes() throws {
        let tokenizer = try Self.byteLevel()
        let ids = tokenizer.encode(String(repeating: "a", count: 50_001), addSpecial: false)
        #expect(ids.count == 12_501 && ids.dropLast().allSatisfy { $0 == 263 } && ids.last == 97)
    }

    @Test func decodesWholeCharactersOnly() throws {
        let tokenizer = try Self.byteLevel()
        let text = "é🙂 我\u{FFFD}x"
        var decoder = StreamingDecoder(tokenizer)
        var pieces: [String] = []
        for id in tokenizer.encode(text, addSpecial: false) { pieces.append(decoder.append(id)) }
        pieces.append(decoder.finish())
        #expect(pieces.joined() == text)
        #expect(pieces.filter { $0.contains("\u{FFFD}") }.count == 1)
        var broken = StreamingDecoder(tokenizer)
        #expect(broken.append(0xF0) == "" && broken.append(0x9F) == "" && broken.append(0x61) == "\u{FFFD}a" && broken.finish() == "")
        #expect(tokenizer.bytes(of: 260) == Array(" hello".utf8))
    }

    @Test func encodesAnyBytes() throws {
        let tokenizer = try Self.byteLevel()
        let bytes: [UInt8] = [0xFF, 0x68, 0x65, 0xC3, 0x28, 0xE2, 0x82, 0x00]
        let ids = tokenizer.encode(bytes, addSpecial: false)
        #expect(ids.flatMap { tokenizer.bytes(of: $0) } == bytes)
    }

    @Test func mergesByScoreWithByteFallback() throws {
        var fields = GGUFTokenizerFields()
        fields.model = "llama"
        fields.tokens =
            ["<unk>", "<s>", "</s>"] + (0..<256).map { "<0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) + ">" }
        fields.tokens += ["▁", "a", "b", "▁a", "ab", "▁ab"]
        fields.tokenTypes = [2, 3, 3] + Array(repeating: 6, count: 256) + Array(repeating: 1, count: 6)
        fields.scores = Array(repeating: 0, count: 259) + [-10, -11, -12, -3, -2, -1]
        let tokenizer = try Tokenizer(TokenizerDefinition(gguf: fields))
        #expect(tokenizer.encode("ab é") == [1, 264, 259, 3 + 0xC3, 3 + 0xA9])
        #expect(tokenizer.decode([264, 259, 3 + 0xC3, 3 + 0xA9]) == "ab é")
        var continuing = StreamingDecoder(tokenizer, continuing: true)
        #expect(continuing.append(264) == " ab")
    }

    @Test func segmentsByScore() throws {
        let json: JSON = [
            "pre_tokenizer": ["type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"], "decoder": ["type": "Metaspace"],
            "model": [
                "type": "Unigram", "unk_id": 0,
                "vocab": [["<unk>", 0], ["▁", -2], ["a", -3], ["b", -3], ["ab", -4], ["▁a", -4], ["▁ab", -9]],
            ],
        ]
        let tokenizer = try Tokenizer(TokenizerDefinition(tokenizerJSON: json, configuration: nil))
        #expect(tokenizer.encode("ab zza") == [1, 4, 1, 0, 2])
        #expect(tokenizer.decode([5, 3, 5]) == "ab a")
    }

    @Test(arguments: [
        "{}", #"{"model":{"type":"WordPiece"}}"#, #"{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}"#,
        #"{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}"#, #"{"model":{"type":"BPE","vocab":{"a":99999999},"merges":[]}}"#,
        #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"normalizer":{"type":"Magic"}}"#,
        #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(?>a)"},"#
            + #""behavior":"Isolated"}}"#,
        #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"added_tokens":[{"id":2000000,"content":"x"}]}"#,
        #"{"model":{"type":"Unigram","unk_id":7,"vocab":[["a",0]]}}"#, #"{"model":{"type":"BPE","vocab":{},"merges":[]}}"#,
    ])
    func refuses(_ text: String) throws {
        let json = try JSON(parsing: text)
        #expect(throws: (any Error).self) { try Tokenizer(TokenizerDefinition(tokenizerJSON: json, configuration: nil)) }
    }

    @Test func normalises() throws {
        func apply(_ normalisers: [Normaliser], _ text: String) throws -> [UInt8] {
            let pipeline = try NormalisationPipeline(normalisers)
            let bytes = Array(text.utf8)
            return bytes.withUnsafeBufferPointer { pipeline.normalise($0) }
        }
        #expect(
            try apply([.form(.nfc)], "e\u{301} \u{212B} \u{1100}\u{1161}\u{11A8} a\u{327}\u{301}") == Array("é \u{C5} 각 \u{E1}\u{327}".utf8)
        )
        #expect(try apply([.form(.nfd)], "é각") == Array("e\u{301}\u{1100}\u{1161}\u{11A8}".utf8))
        #expect(try apply([.form(.nfkc)], "ﬁ½Ａ") == Array("fi1\u{2044}2A".utf8))
        #expect(try apply([.lowercase, .strip(left: true, right: true)], "  ÀB ") == Array("àb".utf8))
        #expect(try apply([.collapseSpaces], "  a   b ") == Array("a b".utf8))
        #expect(try apply([.prepend("▁"), .replace(" ", with: "▁")], "a b") == Array("▁a▁b".utf8))
    }
}
