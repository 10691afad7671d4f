public import Checkpoints
import JSON

/// What a checkpoint's authors advise for generation. nil where they say nothing.
public struct GenerationDefaults: Sendable, Equatable {
    public var temperature: Double?
    public var topK: Int?
    public var topP: Double?
    public var minP: Double?
    public var repetitionPenalty: Double?
    /// false asks for greedy decoding.
    public var isSampling: Bool?
    public var beginOfSequence: Int?
    /// Tokens that end a reply, the main one first.
    public var endOfSequence: [Int] = []
    public var padding: Int?

    public init() {}

    /// Reads `generation_config.json` and, for special tokens it lacks, `config.json`; or GGUF's `general.sampling.*` and
    /// `tokenizer.ggml.*`.
    public init(checkpoint: Checkpoint) throws(CheckpointError) {
        switch checkpoint.metadata {
        case .gguf(let metadata): try self.init(metadata)
        case .huggingFace(let files): try self.init(files)
        }
    }

    private init(_ metadata: GGUFMetadata) throws(CheckpointError) {
        let sampling = "general.sampling."
        func number(_ name: String) throws(CheckpointError) -> Double? {
            guard let number = try metadata.number(sampling + name) else { return nil }
            guard number.isFinite else {
                throw CheckpointError(
                    .malformed, file: metadata.file, subject: "key '\(sampling)\(name)'", fault: "\(number) is not a number")
            }
            return number
        }
        temperature = try number("temp")
        topK = try metadata.integer(sampling + "top_k")
        topP = try number("top_p")
        minP = try number("min_p")
        repetitionPenalty = try number("penalty_repeat")
        let tokenizer = "tokenizer.ggml."
        // Writers say "none" with -1, or with its bits as an unsigned number.
        func token(_ name: String) throws(CheckpointError) -> Int? {
            guard let token = try metadata.integer(tokenizer + name), (0..<Int(Int32.max)).contains(token) else { return nil }
            return token
        }
        beginOfSequence = try token("bos_token_id")
        padding = try token("padding_token_id")
        for key in ["eos_token_id", "eot_token_id", "eom_token_id"] {
            if let token = try token(key), !endOfSequence.contains(token) { endOfSequence.append(token) }
        }
    }

    private init(_ files: HuggingFaceFiles) throws(CheckpointError) {
        let generation = HuggingFaceConfiguration(json: files.generationConfig ?? [:], file: files.directory + "/generation_config.json")
        let config = HuggingFaceConfiguration(json: files.config ?? [:], file: files.directory + "/config.json")
        temperature = try generation.number("temperature")
        topK = try generation.integer("top_k")
        topP = try generation.number("top_p")
        minP = try generation.number("min_p")
        repetitionPenalty = try generation.number("repetition_penalty")
        if generation["do_sample"] != nil { isSampling = try generation.bool("do_sample", default: false) }
        beginOfSequence = (try generation.tokens("bos_token_id") + config.tokens("bos_token_id")).first
        padding = (try generation.tokens("pad_token_id") + config.tokens("pad_token_id")).first
        endOfSequence = try generation.tokens("eos_token_id")
        if endOfSequence.isEmpty { endOfSequence = try config.tokens("eos_token_id") }
    }
}

extension HuggingFaceConfiguration {
    fileprivate func number(_ key: String) throws(CheckpointError) -> Double? {
        guard let value = self[key] else { return nil }
        guard let number = value.double, number.isFinite else { throw error(.malformed, key, "\(Self.show(value)) is not a number") }
        return number
    }

    fileprivate func integer(_ key: String) throws(CheckpointError) -> Int? {
        guard let value = self[key] else { return nil }
        guard let integer = value.int else { throw error(.malformed, key, "\(Self.show(value)) is not an integer") }
        return integer
    }

    /// One token id or a list of them.
    fileprivate func tokens(_ key: String) throws(CheckpointError) -> [Int] {
        guard let value = self[key] else { return [] }
        var tokens: [Int] = []
        for item in value.array ?? [value] {
            guard let token = item.int, token >= 0 else {
                throw error(.malformed, key, "\(Self.show(value)) is not a token id or a list of them")
            }
            tokens.append(token)
        }
        return tokens
    }
}
