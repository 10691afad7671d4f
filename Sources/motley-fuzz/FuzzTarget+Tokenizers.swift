import JSON
import Text

extension FuzzTarget {
    private static let sample = "Hello, y'all!  <s>I'm 12345 été 我想 🙂\u{200D}\n\n\tx\u{301}   "

    /// tokenizer.json: an accepted one must encode and decode without a trap.
    static let tokenizer = FuzzTarget(
        name: "tokenizer",
        words: [
            "\"BPE\"", "\"Unigram\"", "\"ByteLevel\"", "\"Metaspace\"", "\"Split\"", "\"Sequence\"", "\"Precompiled\"", "\"Replace\"",
            "\"Strip\"",
            "\"TemplateProcessing\"", "\"merges\"", "\"added_tokens\"", "null", "true", "-1", "2147483648", "1e308", "[", "]", "{", "}",
            "\\\\p{L}+", "(?!\\\\S)", "{1,3}", "\\u2581",
        ]
    ) {
        [bytePairs, characterPairs, unigram].map { Array($0.utf8) }
    } run: { bytes in
        guard let json = try? JSON(parsing: bytes), let definition = try? TokenizerDefinition(tokenizerJSON: json, configuration: json)
        else {
            return false
        }
        return exercise(definition)
    }

    /// Splitting patterns: an accepted one must split any text in bounded time.
    static let pattern = FuzzTarget(
        name: "pattern",
        words: [
            "\\p{L}", "\\p{Lu}", "\\P{N}", "[^", "&&", "]", "(?:", "(?i:", "(?!", "(?=", "(?<=", "(?<!", ")", "|", "*", "+", "?", "++",
            "{1,3}",
            "\\s",
            "\\S", "\\d", "\\w", "\\b", "^", "$", "\\x{1F642}", "[a-z]", "[[:alpha:]]",
        ]
    ) {
        [
            #"'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#, #"(?i:'s|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s*[\r\n]+"#,
            #"(?:a|ab)*c|[\p{L}&&[^\p{Lu}]]+?x|(?<=\s)\b\w{2,4}|(?:x+x+)+y"#,
        ].map { Array($0.utf8) }
    } run: { bytes in
        guard let source = String(validating: bytes, as: UTF8.self) else { return false }
        var definition = TokenizerDefinition(model: .mergesByRank, pieces: (0x61...0x7A).map { String(UnicodeScalar(UInt8($0))) })
        definition.preTokenizers = [.pattern(source, .isolated, inverted: false)]
        guard let tokenizer = try? Tokenizer(definition) else { return false }
        _ = tokenizer.encode(sample + String(repeating: "x", count: 500) + String(repeating: "ab ", count: 50))
        return true
    }

    private static func exercise(_ definition: TokenizerDefinition) -> Bool {
        guard let tokenizer = try? Tokenizer(definition) else { return false }
        for parse in [true, false] {
            let ids = tokenizer.encode(sample, parseSpecial: parse)
            _ = tokenizer.decode(ids, skipSpecial: parse)
            var decoder = StreamingDecoder(tokenizer)
            for id in ids { _ = decoder.append(id) }
            _ = decoder.finish()
        }
        _ = tokenizer.encode([0xFF, 0xC3, 0x28, 0xF0, 0x9F, 0x99] as [UInt8])
        return true
    }

    private static let bytePairs = """
        {"added_tokens":[{"id":5,"content":"<s>","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":true}],\
        "normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]},\
        "pre_tokenizer":{"type":"Sequence","pretokenizers":[\
        {"type":"Split","pattern":{"Regex":"\\\\p{N}{1,3}| ?\\\\p{L}+|\\\\s+(?!\\\\S)"},\
        "behavior":"Isolated","invert":false},{"type":"Digits","individual_digits":true},\
        {"type":"ByteLevel","add_prefix_space":true,"use_regex":true}]},\
        "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},\
        {"Sequence":{"id":"A","type_id":0}}],\
        "special_tokens":{"<s>":{"id":"<s>","ids":[5]}}},"decoder":{"type":"ByteLevel"},\
        "model":{"type":"BPE","ignore_merges":true,"vocab":{"l":0,"o":1,"H":2,"lo":3,"llo":4},"merges":["l o",["l","lo"]]}}
        """

    private static let characterPairs = """
        {"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":1,"content":"  ","special":false,"normalized":true}],\
        "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},\
        {"type":"Replace","pattern":{"String":" "},"content":"▁"},\
        {"type":"NFKC"},{"type":"Lowercase"},{"type":"Strip","strip_left":true,"strip_right":true}]},"pre_tokenizer":null,\
        "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},\
        {"type":"ByteFallback"},{"type":"Fuse"},\
        {"type":"Strip","content":" ","start":1,"stop":0}]},\
        "model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,\
        "vocab":{"<unk>":0,"  ":1,"▁":2,"x":3,"▁x":4},"merges":["▁ x"]}}
        """

    private static let unigram = """
        {"normalizer":{"type":"Precompiled","precompiled_charsmap":"CAAAAAEAAAAAAAAAYQA="},\
        "pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true},\
        "decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true},\
        "model":{"type":"Unigram","unk_id":0,"byte_fallback":false,\
        "vocab":[["<unk>",0],["▁",-2.5],["l",-3],["lo",-3.5],["▁He",-4.25],["é",-5]]}}
        """
}
