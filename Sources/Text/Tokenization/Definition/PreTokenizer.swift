/// One step of splitting a text into words. Every step splits the words of the step before.
public enum PreTokenizer: Sendable {
    /// What becomes of the matches of a splitting rule.
    public enum Behavior: String, Sendable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    public enum PrependScheme: String, Sendable { case always, first, never }

    /// By a regular expression; `inverted` exchanges matches and what lies between them.
    case pattern(String, Behavior, inverted: Bool)
    /// By a literal text.
    case literal(String, Behavior, inverted: Bool)
    case digits(individually: Bool)
    case punctuation(Behavior)
    case whitespaceSplit
    /// Bytes become characters of the byte-level alphabet; with `pattern`, split by GPT-2's rule.
    case byteLevel(addsPrefixSpace: Bool, splits: Bool)
    /// Spaces become `replacement`; with `splits`, every one starts a word.
    case metaspace(replacement: String, PrependScheme, splits: Bool)
}

extension PreTokenizer {
    /// GPT-2's rule, which `ByteLevel` implies.
    static let gpt2Pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
}
