import Checkpoints
import JSON
import Text

extension Checkpoint {
    /// Whether the checkpoint brings a vocabulary.
    var hasTokenizer: Bool {
        switch metadata {
        case .gguf(let metadata): metadata["tokenizer.ggml.tokens"] != nil
        case .huggingFace(let files): files.tokenizerFile != nil || Self.file("vocab.json", beside: files) != nil
        }
    }

    func tokenizer() throws -> Tokenizer {
        switch metadata {
        case .gguf(let metadata):
            return try Tokenizer(TokenizerDefinition(gguf: GGUFTokenizerFields(metadata)))
        case .huggingFace(let files):
            if let file = files.tokenizerFile {
                return try Tokenizer(TokenizerDefinition(tokenizerJSON: Self.json(file), configuration: files.tokenizerConfig))
            }
            guard let vocabulary = Self.file("vocab.json", beside: files), let merges = Self.file("merges.txt", beside: files) else {
                throw CheckpointError(
                    .missing, file: files.directory, fault: "holds no tokenizer: neither tokenizer.json nor vocab.json and merges.txt",
                    remedy: "put the model's tokenizer.json there")
            }
            guard let text = String(validating: merges.bytes, as: UTF8.self) else {
                throw CheckpointError(.malformed, file: merges.path, fault: "is not UTF-8")
            }
            return try Tokenizer(
                TokenizerDefinition(vocabulary: Self.json(vocabulary), merges: text, configuration: files.tokenizerConfig))
        }
    }

    private static func file(_ name: String, beside files: HuggingFaceFiles) -> MappedFile? {
        try? MappedFile(path: files.directory + "/" + name)
    }

    private static func json(_ file: MappedFile) throws -> JSON {
        do {
            return try JSON(parsing: file.bytes)
        } catch {
            throw CheckpointError(.malformed, file: file.path, fault: error.description)
        }
    }
}

extension GGUFTokenizerFields {
    /// What a GGUF header says of its tokenizer.
    init(_ metadata: GGUFMetadata) throws(CheckpointError) {
        self.init()
        let prefix = "tokenizer.ggml."
        guard let kind = try metadata.string(prefix + "model") else {
            throw CheckpointError(
                .missing, file: metadata.file, subject: "key 'tokenizer.ggml.model'", fault: "is absent: the file brings no tokenizer",
                remedy: "--prompt-tokens runs token ids")
        }
        model = kind
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
        endOfMessageID = try metadata.integer(prefix + "eom_token_id")
        addsBegin = try metadata.bool(prefix + "add_bos_token")
        addsEnd = try metadata.bool(prefix + "add_eos_token")
        addsSpacePrefix = try metadata.bool(prefix + "add_space_prefix")
        removesExtraSpaces = try metadata.bool(prefix + "remove_extra_whitespaces")
        characterMap = (try metadata.integers(prefix + "precompiled_charsmap") ?? []).map { UInt8(truncatingIfNeeded: $0) }
        architecture = try metadata.string("general.architecture")
        name = try metadata.string("general.name")
    }
}
