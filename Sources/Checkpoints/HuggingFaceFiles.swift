public import JSON

/// What lies beside the tensors in a Hugging Face directory.
public struct HuggingFaceFiles: Sendable {
    public var directory: String
    /// `config.json`; nil where the directory holds only a tokenizer.
    public var config: JSON?
    /// `generation_config.json`.
    public var generationConfig: JSON?
    /// `tokenizer_config.json`.
    public var tokenizerConfig: JSON?
    /// `tokenizer.json`, not parsed.
    public var tokenizerFile: MappedFile?
    var configFile: MappedFile?
}
