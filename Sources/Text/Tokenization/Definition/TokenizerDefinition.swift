/// Everything a tokenizer needs, whatever file it came from: plain data, in the ids of the model.
///
/// Make one from `tokenizer.json` (`init(tokenizerJSON:configuration:)`), from `vocab.json` and `merges.txt`, or from a GGUF header
/// (`init(gguf:)`); hand it to `Tokenizer`.
public struct TokenizerDefinition: Sendable {
    /// How a word becomes pieces.
    public enum Model: String, Sendable {
        /// Byte-pair encoding: the pair that stands first in the list of merges is merged first.
        case mergesByRank
        /// SentencePiece's BPE: the pair whose merged piece has the best score is merged first.
        case mergesByScore
        /// The segmentation with the highest sum of scores.
        case unigram
    }

    /// What a piece is for. Raw values are those of `tokenizer.ggml.token_type`.
    public enum PieceKind: UInt8, Sendable {
        case normal = 1
        case unknown = 2
        case control = 3
        case userDefined = 4
        case unused = 5
        /// One byte, written `<0x0A>`.
        case byte = 6
    }

    /// Two pieces that merge; where they stand in the list is their rank.
    public struct Merge: Sendable, Equatable {
        public var left: Int32
        public var right: Int32
        public var merged: Int32

        public init(left: Int32, right: Int32, merged: Int32) {
            self.left = left
            self.right = right
            self.merged = merged
        }
    }

    /// A token that is found in the text before anything else happens to it.
    public struct AddedToken: Sendable, Equatable {
        public var id: Int32
        public var content: String
        /// A control token: kept from matching by `parseSpecial: false`, left out by `skipSpecial: true`.
        public var isSpecial: Bool
        /// Takes white space before or after it along.
        public var stripsLeft = false
        public var stripsRight = false
        /// Matches only where no word character touches it.
        public var isSingleWord = false
        /// Searched for in the normalised text rather than in the raw one.
        public var isNormalised = false

        public init(id: Int32, content: String, isSpecial: Bool) {
            self.id = id
            self.content = content
            self.isSpecial = isSpecial
        }
    }

    public var model: Model
    /// The pieces as the file writes them (`Ġthe`, `▁the`), by id. An empty string is an id without a piece.
    public var pieces: [String]
    /// By id; shorter than `pieces` where the rest is normal.
    public var kinds: [PieceKind] = []
    /// By id, for `mergesByScore` and `unigram`.
    public var scores: [Double] = []
    public var merges: [Merge] = []
    public var unknownID: Int32?
    /// Characters without a piece become the `<0x…>` pieces of their bytes.
    public var byteFallback = false
    /// Neighbouring unknown characters become one unknown token.
    public var fusesUnknown = true
    /// A word that is a piece as a whole is not merged together.
    public var ignoresMerges = false

    public var addedTokens: [AddedToken] = []
    public var normalisers: [Normaliser] = []
    public var preTokenizers: [PreTokenizer] = []
    public var decoders: [TokenDecoder] = []

    /// What `encode(addSpecial: true)` puts before and after a text.
    public var prefix: [Int32] = []
    public var suffix: [Int32] = []

    public var beginID: Int32?
    public var endID: Int32?
    public var padID: Int32?
    /// Ids that end an answer, beside `endID`: end of turn, end of message.
    public var otherEndIDs: [Int32] = []

    public init(model: Model, pieces: [String]) {
        self.model = model
        self.pieces = pieces
    }
}

extension TokenizerDefinition {
    /// Names of tokens that end an answer in well-known vocabularies.
    static let endNames = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<EOT>", "_<EOT>", "<|end_of_text|>",
        "<｜end▁of▁sentence｜>", "<end_of_utterance>", "<|END_OF_TURN_TOKEN|>", "<|return|>", "<|call|>",
    ]

    /// Enters the special tokens among `endNames` into `otherEndIDs`.
    mutating func findOtherEnds() {
        for token in addedTokens where token.isSpecial && token.id != endID && !otherEndIDs.contains(token.id) {
            if Self.endNames.contains(where: { sameUTF8($0, token.content) }) { otherEndIDs.append(token.id) }
        }
    }
}

/// Equality of the UTF-8 bytes: pieces that differ in bytes are different pieces even where `String` finds them equivalent.
@inline(__always)
func sameUTF8(_ a: String, _ b: String) -> Bool {
    let a = a.utf8
    let b = b.utf8
    return a.count == b.count && a.elementsEqual(b)
}
