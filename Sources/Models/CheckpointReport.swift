public import Checkpoints
import JSON

/// What `motley show` says about a checkpoint. A model that cannot run is still described, with the reason.
public struct CheckpointReport: Sendable {
    public var path: String
    /// For example `GGUF version 3` or `Hugging Face`.
    public var kind: String
    public var architecture: String?
    public var model: ModelSpec?
    /// Why there is no `model`.
    public var fault: String?
    public var formats: [(name: String, tensors: Int, elements: Int, bytes: Int)]
    public var tensors: [TensorEntry]
    public var fileCount: Int
    public var totalBytes: Int
    public var fingerprint: UInt64
    public var chatTemplates: [ChatTemplateSource]
    /// For example `gpt2 (pre-tokenizer qwen2)` or `BPE`; nil without a tokenizer.
    public var tokenizer: String?
    public var generation: GenerationDefaults

    public init(checkpoint: Checkpoint) throws(CheckpointError) {
        path = checkpoint.path
        formats = checkpoint.formats
        tensors = checkpoint.tensors
        fileCount = checkpoint.files.count
        totalBytes = checkpoint.totalBytes
        fingerprint = checkpoint.fingerprint()
        chatTemplates = try checkpoint.chatTemplates()
        generation = try GenerationDefaults(checkpoint: checkpoint)
        switch checkpoint.metadata {
        case .gguf(let metadata):
            kind = "GGUF"
            architecture = try metadata.string("general.architecture")
            tokenizer = try metadata.string("tokenizer.ggml.model")
            if let rule = try metadata.string("tokenizer.ggml.pre") { tokenizer = (tokenizer ?? "?") + " (pre-tokenizer \(rule))" }
        case .huggingFace(let files):
            kind = "Hugging Face"
            architecture = files.config?["architectures"]?[0]?.string ?? files.config?["model_type"]?.string
            tokenizer = files.tokenizerFile.map(Self.tokenizerKind)
        }
        do {
            model = try ModelSpec(checkpoint: checkpoint)
        } catch {
            fault = error.description
        }
    }

    private static func tokenizerKind(_ file: MappedFile) -> String {
        let json = try? JSON(parsing: file.bytes)
        return json?["model"]?["type"]?.string ?? "tokenizer.json without a model type"
    }
}
