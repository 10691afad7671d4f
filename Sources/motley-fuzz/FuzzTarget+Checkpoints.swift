import Checkpoints
import JSON
import Models

extension FuzzTarget {
    static let gguf = FuzzTarget(
        name: "gguf", words: ["GGUF", "general.alignment", "general.architecture", "llama", "tokenizer.ggml.tokens"]
    ) {
        ["llama", "qwen2", "qwen3", "gpt2"].map { SampleFiles.gguf(architecture: $0) }
    } run: { bytes in
        let file = MappedFile(borrowing: bytes, name: "input.gguf")
        guard let checkpoint = try? Checkpoint(gguf: file) else { return false }
        if case .gguf(let metadata) = checkpoint.metadata {
            for key in metadata.keys {
                _ = metadata[key]?.number
                if let array = metadata[key]?.array { _ = (array.strings(), array.integers(), array.floats(), array.bools()) }
            }
        }
        touch(checkpoint)
        return true
    }

    static let safetensors = FuzzTarget(
        name: "safetensors",
        words: ["\"dtype\"", "\"shape\"", "\"data_offsets\"", "__metadata__", "9223372036854775807", "-1", "[", "]", "{", "}", "F32"]
    ) {
        [SampleFiles.safetensors()]
    } repair: { input in
        // The header ends behind the last brace and the spaces after it.
        guard input.count > 8, let brace = input.lastIndex(of: UInt8(ascii: "}")), brace >= 8 else { return }
        let end = input[brace...].dropFirst().firstIndex { $0 != UInt8(ascii: " ") } ?? input.count
        for byte in 0..<8 { input[byte] = UInt8(truncatingIfNeeded: (end - 8) >> (8 * byte)) }
    } run: { bytes in
        let files = HuggingFaceFiles(directory: "input", config: SampleFiles.config)
        guard let checkpoint = try? Checkpoint(safetensors: MappedFile(borrowing: bytes, name: "input.safetensors"), files: files) else {
            return false
        }
        touch(checkpoint)
        return true
    }

    static let config = FuzzTarget(
        name: "config",
        words: ["rope_scaling", "rope_type", "llama3", "null", "[", "]", "{", "}", "9223372036854775807", "1e308", "-1", "0.5"]
    ) {
        ["LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "OPTForCausalLM", "GPT2LMHeadModel"].map {
            name in
            var config = SampleFiles.config.object ?? [:]
            config["architectures"] = [.string(name)]
            return Array(JSON.object(config).serialized().utf8)
        }
    } run: { bytes in
        guard let json = try? JSON(parsing: bytes) else { return false }
        let files = HuggingFaceFiles(directory: "input", config: json, generationConfig: json, tokenizerConfig: json)
        guard let checkpoint = try? Checkpoint(safetensors: SampleFiles.weights, files: files) else { return false }
        touch(checkpoint)
        return (try? ModelSpec(checkpoint: checkpoint)) != nil
    }

    /// Reads everything a program would read from an opened checkpoint.
    private static func touch(_ checkpoint: Checkpoint) {
        for tensor in checkpoint.tensors {
            let bytes = checkpoint.bytes(of: tensor)
            if let format = tensor.format, bytes.count >= format.blockBytes {
                _ = QuantisedBlocks.dequantise(
                    UnsafeRawBufferPointer(rebasing: bytes[(bytes.count - format.blockBytes)...]), format: format)
            }
        }
        if let report = try? CheckpointReport(checkpoint: checkpoint) {
            _ = (report.text(listingTensors: true), report.json(listingTensors: true))
        }
    }
}
