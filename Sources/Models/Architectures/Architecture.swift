import Checkpoints
import JSON

/// The architectures Motley knows, by the names checkpoints give them.
enum Architecture {
    private typealias FromGGUF = @Sendable (GGUFHyperparameters, TensorFinder) throws(CheckpointError) -> ModelSpec
    private typealias FromHuggingFace = @Sendable (HuggingFaceConfiguration, TensorFinder, String) throws(CheckpointError) -> ModelSpec

    /// By `general.architecture`.
    private static let gguf: [(name: String, describe: FromGGUF)] = [
        ("llama", { keys, tensors throws(CheckpointError) in try Llama.describe(keys, tensors) }),
        ("qwen2", { keys, tensors throws(CheckpointError) in try Qwen2.describe(keys, tensors) }),
        ("qwen3", { keys, tensors throws(CheckpointError) in try Qwen3.describe(keys, tensors) }),
        ("gpt2", { keys, tensors throws(CheckpointError) in try GPT2.describe(keys, tensors) }),
    ]

    /// By the entry of `architectures`, or by `model_type` where that list is absent.
    private static let huggingFace: [(name: String, type: String, describe: FromHuggingFace)] = [
        ("LlamaForCausalLM", "llama", { config, tensors, name throws(CheckpointError) in try Llama.describe(config, tensors, name) }),
        ("MistralForCausalLM", "mistral", { config, tensors, name throws(CheckpointError) in try Mistral.describe(config, tensors, name) }),
        ("Qwen2ForCausalLM", "qwen2", { config, tensors, name throws(CheckpointError) in try Qwen2.describe(config, tensors, name) }),
        ("Qwen3ForCausalLM", "qwen3", { config, tensors, name throws(CheckpointError) in try Qwen3.describe(config, tensors, name) }),
        ("OPTForCausalLM", "opt", { config, tensors, name throws(CheckpointError) in try OPT.describe(config, tensors, name) }),
        ("GPT2LMHeadModel", "gpt2", { config, tensors, name throws(CheckpointError) in try GPT2.describe(config, tensors, name) }),
    ]

    static func describe(_ metadata: GGUFMetadata, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        guard let name = try metadata.string("general.architecture") else {
            throw CheckpointError(.missing, file: metadata.file, subject: "key 'general.architecture'", fault: "is needed but absent")
        }
        guard let known = gguf.first(where: { $0.name == name }) else { throw unknown(name, file: metadata.file, known: gguf.map(\.name)) }
        guard !tensors.checkpoint.tensors.isEmpty else {
            throw CheckpointError(.missing, file: metadata.file, fault: "holds no tensors, only a vocabulary")
        }
        return try known.describe(GGUFHyperparameters(metadata: metadata, architecture: name), tensors)
    }

    static func describe(_ files: HuggingFaceFiles, _ tensors: TensorFinder) throws(CheckpointError) -> ModelSpec {
        guard let json = files.config else {
            throw CheckpointError(.missing, file: files.directory, fault: "has no config.json, so nothing says what model it is")
        }
        let config = HuggingFaceConfiguration(json: json, file: files.directory + "/config.json")
        if let list = config["architectures"] {
            guard let names = list.array, names.count == 1, let name = names[0].string else {
                throw config.error(.malformed, "architectures", "\(HuggingFaceConfiguration.show(list)) is not a list of one name")
            }
            guard let known = huggingFace.first(where: { $0.name == name }) else {
                throw unknown(name, file: config.file, known: huggingFace.map(\.name))
            }
            return try describe(known.describe, config, tensors, name)
        }
        guard let type = config["model_type"]?.string else { throw config.error(.missing, "architectures", "is needed but absent") }
        guard let known = huggingFace.first(where: { $0.type == type }) else {
            throw unknown(type, file: config.file, known: huggingFace.map(\.type))
        }
        return try describe(known.describe, config, tensors, known.name)
    }

    private static func describe(_ describe: FromHuggingFace, _ config: HuggingFaceConfiguration, _ tensors: TensorFinder, _ name: String)
        throws(CheckpointError) -> ModelSpec
    {
        guard !tensors.checkpoint.tensors.isEmpty else {
            throw CheckpointError(
                .missing, file: tensors.checkpoint.path, fault: "has neither model.safetensors nor model.safetensors.index.json",
                remedy: "weights in other formats must be converted to safetensors")
        }
        return try describe(config, tensors, name)
    }

    private static func unknown(_ name: String, file: String, known: [String]) -> CheckpointError {
        CheckpointError(
            .unsupported, file: file, fault: "architecture \(CheckpointError.quote(name)) is not known",
            remedy: "known ones: " + known.joined(separator: ", "))
    }
}
