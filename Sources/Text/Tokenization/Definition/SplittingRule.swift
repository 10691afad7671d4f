/// How the byte-level vocabularies that GGUF knows by name (`tokenizer.ggml.pre`) split a text, in the patterns of their own files.
struct SplittingRule {
    var preTokenizers: [PreTokenizer]
    var normalisers: [Normaliser] = []
    var ignoresMerges = false
    var addsBegin = false

    private static let contractions = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)"#

    /// Llama 3, with up to `digits` digits together.
    private static func llama3(digits: String) -> String {
        contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + digits + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// GPT-4o: words split where lower case turns to upper, contractions at their end.
    private static func gpt4o(contractions: String, digits: String) -> String {
        #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"# + contractions
            + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"# + contractions + #"|\p{N}"# + digits
            + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// Cased letters as DeepSeek's first vocabularies list them.
    private static let deepSeekLetters =
        #"A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377"#
        + #"\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5"#
        + #"\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D"#
        + #"\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4"#
        + #"\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D"#
        + #"\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4"#
        + #"\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06"#
        + #"\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}"#
        + #"\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}"#

    private static func isolated(_ patterns: String...) -> [PreTokenizer] {
        patterns.map { .pattern($0, .isolated, inverted: false) }
    }

    /// - Throws: `TokenizerError` for a name that is not known: a wrong rule would give wrong ids without a word.
    init(named name: String) throws(TokenizerError) {
        let gpt2 = PreTokenizer.gpt2Pattern
        switch name {
        case "gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4", "mellum", "a.x-4.0", "gigachat",
            "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en", "jina-v2-code", "roberta-bpe", "modern-bert":
            preTokenizers = Self.isolated(gpt2)
        case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2":
            preTokenizers = Self.isolated(Self.llama3(digits: "{1,3}"))
            ignoresMerges = true
            addsBegin = true
        case "dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "grok-2":
            preTokenizers = Self.isolated(Self.llama3(digits: "{1,3}"))
        case "qwen2", "stablelm2", "deepseek-r1-qwen", "hunyuan", "megrez", "kormo", "solar-open":
            preTokenizers = Self.isolated(Self.llama3(digits: ""))
            if name == "qwen2" || name == "deepseek-r1-qwen" { normalisers = [.form(.nfc)] }
        case "qwen35":
            preTokenizers = Self.isolated(
                Self.contractions + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#)
            normalisers = [.form(.nfc)]
        case "seed-coder":
            preTokenizers = Self.isolated(
                Self.contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"#)
        case "bailingmoe", "bailingmoe2", "llada-moe":
            preTokenizers = Self.isolated(
                #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#)
        case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b":
            preTokenizers = Self.isolated(#"\p{N}"#, gpt2)
        case "deepseek-llm":
            preTokenizers = Self.isolated(
                "[\\r\\n]", "\\s?[" + Self.deepSeekLetters + "]+", #"\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+"#,
                #"\s+$"#,
                #"[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+"#, #"\p{N}+"#)
        case "deepseek-coder":
            preTokenizers = Self.isolated(
                "[\\r\\n]", #"\s?\p{L}+"#, #"\s?\p{P}+"#, #"[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+"#, #"\p{N}"#)
        case "deepseek-v3", "hunyuan-dense", "joyai-llm":
            preTokenizers = Self.isolated(
                #"\p{N}{1,3}"#, #"[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+"#,
                ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"##
                    + ##" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##
            )
        case "falcon":
            preTokenizers = Self.isolated(#"[\p{P}\$\+<=>\^~\|`]+"#, gpt2, "[0-9][0-9][0-9]")
        case "default", "":
            preTokenizers = Self.isolated(#"[\p{P}\$\+<=>\^~\|]+"#, gpt2, #"\p{N}+"#, "[0-9][0-9][0-9]")
        case "bloom", "poro-chat", "gpt3-finnish":
            preTokenizers = Self.isolated(#" ?[^(\s|.,!?…。，、।۔،)]+"#)
        case "viking":
            preTokenizers = Self.isolated(#" ?[^(\s|.,!?…。，、।۔،)]+"#, #"\p{N}"#)
        case "tekken":
            preTokenizers = Self.isolated(Self.gpt4o(contractions: "", digits: ""))
            ignoresMerges = true
            addsBegin = true
        case "gpt-4o", "llama4", "kanana2":
            preTokenizers = Self.isolated(Self.gpt4o(contractions: Self.contractions + "?", digits: "{1,3}"))
        case "kimi-k2":
            let others = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"#
            let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"#
            preTokenizers = Self.isolated(
                #"[\p{Han}]+|[^\r\n\p{L}\p{N}]?"# + others + "*" + lower + "+" + Self.contractions + #"?|[^\r\n\p{L}\p{N}]?"# + others + "+"
                    + lower
                    + "*" + Self.contractions + #"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#)
        default:
            throw TokenizerError(
                "tokenizer.ggml.pre \"\(name)\" is a splitting rule that is not known; "
                    + "convert the model with a tokenizer.json or name a known rule"
            )
        }
    }
}
