import JSON

/// The normalisers, pre-tokenizers and decoders of `tokenizer.json`.
extension TokenizerDefinition {
    private static let maximumDepth = 8
    private static let maximumSteps = 64

    /// The steps of a component: itself, or those of a `Sequence`, however nested.
    private static func flattened(_ json: JSON?, list: String, depth: Int = 0) throws(TokenizerError) -> [JSON] {
        guard let json, !json.isNull else { return [] }
        guard depth < maximumDepth else { throw TokenizerError("sequences of components nest deeper than \(maximumDepth)") }
        guard json["type"]?.string == "Sequence" else { return [json] }
        var result: [JSON] = []
        for part in json[list]?.array ?? [] {
            result += try flattened(part, list: list, depth: depth + 1)
            guard result.count <= maximumSteps else { throw TokenizerError("more than \(maximumSteps) components in a sequence") }
        }
        return result
    }

    private static func text(_ json: JSON, _ key: String) throws(TokenizerError) -> String {
        guard let text = json[key]?.string else { throw TokenizerError("the component \(shown(json)) has no text \"\(key)\"") }
        return text
    }

    /// `{"String": …}` or `{"Regex": …}`.
    private static func pattern(_ json: JSON) throws(TokenizerError) -> (text: String, isPattern: Bool) {
        if let text = json["pattern"]?["String"]?.string ?? json["pattern"]?.string { return (text, false) }
        if let text = json["pattern"]?["Regex"]?.string { return (text, true) }
        throw TokenizerError("the component \(shown(json)) has no \"pattern\"")
    }

    static func normalisers(_ json: JSON?) throws(TokenizerError) -> [Normaliser] {
        var result: [Normaliser] = []
        for step in try flattened(json, list: "normalizers") {
            let type = step["type"]?.string ?? ""
            switch type {
            case "NFC", "NFD", "NFKC", "NFKD": result.append(.form(Normaliser.Form(rawValue: type) ?? .nfc))
            case "Lowercase": result.append(.lowercase)
            case "Prepend": result.append(.prepend(try text(step, "prepend")))
            case "Replace":
                let (pattern, isPattern) = try pattern(step)
                let content = try text(step, "content")
                result.append(isPattern ? .replacePattern(pattern, with: content) : .replace(pattern, with: content))
            case "Strip":
                result.append(.strip(left: step["strip_left"]?.bool ?? true, right: step["strip_right"]?.bool ?? true))
            case "StripAccents": result.append(.stripAccents)
            case "ByteLevel": result.append(.byteLevel)
            case "Precompiled":
                guard let map = step["precompiled_charsmap"]?.string, !map.isEmpty else { break }
                result.append(.characterMap(try CharacterMap(base64: map, byCharacter: true)))
            case "Nmt":
                result.append(.replacePattern(#"[\x{1}-\x{8}\x{B}\x{E}-\x{1F}\x{7F}\x{8F}\x{9F}]"#, with: ""))
                result.append(
                    .replacePattern(#"[\x{9}\x{A}\x{C}\x{D}\x{1680}\x{200B}-\x{200F}\x{2028}\x{2029}\x{2581}\x{FEFF}\x{FFFD}]"#, with: " "))
            default: throw TokenizerError("the normalizer \"\(type)\" is not supported")
            }
        }
        return result
    }

    static func preTokenizers(_ json: JSON?) throws(TokenizerError) -> [PreTokenizer] {
        var result: [PreTokenizer] = []
        for step in try flattened(json, list: "pretokenizers") {
            let type = step["type"]?.string ?? ""
            switch type {
            case "ByteLevel":
                result.append(
                    .byteLevel(addsPrefixSpace: step["add_prefix_space"]?.bool ?? true, splits: step["use_regex"]?.bool ?? true))
            case "Split":
                let (pattern, isPattern) = try pattern(step)
                let behavior = try behavior(step)
                let inverted = step["invert"]?.bool ?? false
                result.append(isPattern ? .pattern(pattern, behavior, inverted: inverted) : .literal(pattern, behavior, inverted: inverted))
            case "Digits": result.append(.digits(individually: step["individual_digits"]?.bool ?? false))
            case "Punctuation": result.append(.punctuation(step["behavior"] == nil ? .isolated : try behavior(step)))
            case "Metaspace": result.append(try metaspace(step))
            case "WhitespaceSplit": result.append(.whitespaceSplit)
            case "Whitespace": result.append(.pattern(#"[\w\u200C\u200D]+|[^\w\s\u200C\u200D]+"#, .removed, inverted: true))
            case "CharDelimiterSplit": result.append(.literal(try text(step, "delimiter"), .removed, inverted: false))
            case "BertPreTokenizer": result += [.whitespaceSplit, .punctuation(.isolated)]
            default: throw TokenizerError("the pre-tokenizer \"\(type)\" is not supported")
            }
        }
        return result
    }

    private static func behavior(_ json: JSON) throws(TokenizerError) -> PreTokenizer.Behavior {
        let name = json["behavior"]?.string ?? ""
        guard let behavior = PreTokenizer.Behavior(rawValue: name) else {
            throw TokenizerError("the splitting behavior \"\(name)\" is not known")
        }
        return behavior
    }

    private static func prependScheme(_ json: JSON) throws(TokenizerError) -> PreTokenizer.PrependScheme {
        if let name = json["prepend_scheme"]?.string {
            guard let scheme = PreTokenizer.PrependScheme(rawValue: name) else {
                throw TokenizerError("the prepend scheme \"\(name)\" is not known")
            }
            return json["add_prefix_space"]?.bool == false ? .never : scheme
        }
        return json["add_prefix_space"]?.bool ?? true ? .always : .never
    }

    private static func metaspace(_ json: JSON) throws(TokenizerError) -> PreTokenizer {
        let replacement = json["replacement"]?.string ?? "▁"
        guard !replacement.isEmpty else { throw TokenizerError("a Metaspace component has an empty replacement") }
        return .metaspace(replacement: replacement, try prependScheme(json), splits: json["split"]?.bool ?? true)
    }

    static func decoders(_ json: JSON?) throws(TokenizerError) -> [TokenDecoder] {
        let steps = try flattened(json, list: "decoders")
        if steps.isEmpty { return [.joinWithSpaces] }
        var result: [TokenDecoder] = []
        for step in steps {
            let type = step["type"]?.string ?? ""
            switch type {
            case "ByteLevel": result.append(.byteLevel)
            case "ByteFallback": result.append(.byteFallback)
            case "Fuse": result.append(.fuse)
            case "Metaspace":
                let replacement = json?["replacement"]?.string ?? step["replacement"]?.string ?? "▁"
                result.append(.metaspace(replacement: replacement, dropsFirst: try prependScheme(step) != .never))
            case "Replace":
                let (pattern, isPattern) = try pattern(step)
                guard !isPattern else { throw TokenizerError("a decoder that replaces the pattern \"\(pattern)\" is not supported") }
                result.append(.replace(pattern, with: try text(step, "content")))
            case "Strip":
                let (left, right) = (step["start"]?.int ?? 0, step["stop"]?.int ?? 0)
                guard (0...1024).contains(left), (0...1024).contains(right) else {
                    throw TokenizerError("a Strip decoder with \(left) and \(right)")
                }
                result.append(.strip(content: step["content"]?.string ?? " ", left: left, right: right))
            default: throw TokenizerError("the decoder \"\(type)\" is not supported")
            }
        }
        return result
    }
}
