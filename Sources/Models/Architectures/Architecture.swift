import Checkpoints

/// The architectures Motley knows, by the names checkpoints give them.
enum Architecture {
    static func describe(_ metadata: GGUFMetadata, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        guard let name = try metadata.string("general.architecture") else {
            throw CheckpointError(.missing, file: metadata.file, subject: "key 'general.architecture'", fault: "is needed but absent")
        }
        let keys = GGUFHyperparameters(metadata: metadata, architecture: name)
        switch name {
        case "llama": return try Llama.describe(keys, tensors)
        case "qwen2": return try Qwen2.describe(keys, tensors)
        case "qwen3": return try Qwen3.describe(keys, tensors)
        default: throw unknown(name, file: metadata.file, known: ["llama", "qwen2", "qwen3"])
        }
    }

    static func describe(_ files: HuggingFaceFiles, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        throw unknown("?", file: files.directory, known: [])
    }

    private static func unknown(_ name: String, file: String, known: [String]) -> CheckpointError {
        CheckpointError(
            .unsupported, file: file, fault: "architecture \(CheckpointError.quote(name)) is not known",
            remedy: "known ones: " + known.joined(separator: ", "))
    }
}
