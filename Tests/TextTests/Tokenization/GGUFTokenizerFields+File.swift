import Checkpoints
import Text

extension GGUFTokenizerFields {
    init(_ metadata: GGUFMetadata) throws {
        self.init()
        let prefix = "tokenizer.ggml."
        model = try metadata.string(prefix + "model") ?? ""
        preTokenizer = try metadata.string(prefix + "pre")
        tokens = try metadata.strings(prefix + "tokens") ?? []
        scores = try metadata.floats(prefix + "scores") ?? []
        tokenTypes = (try metadata.integers(prefix + "token_type") ?? []).map { Int32(truncatingIfNeeded: $0) }
        merges = try metadata.strings(prefix + "merges") ?? []
        beginID = try metadata.integer(prefix + "bos_token_id")
        endID = try metadata.integer(prefix + "eos_token_id")
        unknownID = try metadata.integer(prefix + "unknown_token_id")
        padID = try metadata.integer(prefix + "padding_token_id")
        endOfTurnID = try metadata.integer(prefix + "eot_token_id")
        addsBegin = try metadata.bool(prefix + "add_bos_token")
        addsEnd = try metadata.bool(prefix + "add_eos_token")
        addsSpacePrefix = try metadata.bool(prefix + "add_space_prefix")
        architecture = try metadata.string("general.architecture")
        name = try metadata.string("general.name")
    }
}
