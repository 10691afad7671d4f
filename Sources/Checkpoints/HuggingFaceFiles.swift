public import JSON

/// What lies beside the tensors in a Hugging Face directory. Every file but the tensors' may be absent.
public struct HuggingFaceFiles: Sendable {
    public var directory: String
    /// `config.json`; nil where the directory holds only a tokenizer.
    public var config: JSON?
    public var generationConfig: JSON?
    public var tokenizerConfig: JSON?
    public var specialTokensMap: JSON?
    /// `tokenizer.json`, not parsed.
    public var tokenizerFile: MappedFile?
    /// `chat_template.jinja` or `chat_template.json`; templates may also be in the tokenizer's configuration: see
    /// `Checkpoint.chatTemplates()`.
    var chatTemplateFile: MappedFile?
    var configFile: MappedFile?

    init(directory: String) throws(CheckpointError) {
        self.directory = directory
        configFile = try Self.file("config.json", in: directory)
        config = try configFile.map(Self.parse)
        generationConfig = try Self.object("generation_config.json", in: directory)
        tokenizerConfig = try Self.object("tokenizer_config.json", in: directory)
        specialTokensMap = try Self.object("special_tokens_map.json", in: directory)
        tokenizerFile = try Self.file("tokenizer.json", in: directory)
        chatTemplateFile = try Self.file("chat_template.jinja", in: directory)
        if chatTemplateFile == nil { chatTemplateFile = try Self.file("chat_template.json", in: directory) }
    }

    /// Files that are in no directory: for tests and fuzzing.
    public init(directory: String, config: JSON?, generationConfig: JSON? = Optional.none, tokenizerConfig: JSON? = Optional.none) {
        self.directory = directory
        self.config = config
        self.generationConfig = generationConfig
        self.tokenizerConfig = tokenizerConfig
    }

    /// Whether the directory holds none of the files.
    var isEmpty: Bool { configFile == nil && tokenizerFile == nil && tokenizerConfig == nil && chatTemplateFile == nil }

    static func path(_ name: String, in directory: String) -> String {
        directory.hasSuffix("/") ? directory + name : directory + "/" + name
    }

    /// nil where there is no such file.
    static func file(_ name: String, in directory: String) throws(CheckpointError) -> MappedFile? {
        let path = path(name, in: directory)
        return MappedFile.exists(path) ? try MappedFile(path: path) : nil
    }

    private static func object(_ name: String, in directory: String) throws(CheckpointError) -> JSON? {
        try file(name, in: directory).map(parse)
    }

    /// The JSON object a file holds.
    static func parse(_ file: MappedFile) throws(CheckpointError) -> JSON {
        do {
            let json = try JSON(parsing: file.bytes)
            if json.object != nil { return json }
        } catch {
            throw CheckpointError(.malformed, file: file.path, fault: error.description)
        }
        throw CheckpointError(.malformed, file: file.path, fault: "is not a JSON object")
    }
}
