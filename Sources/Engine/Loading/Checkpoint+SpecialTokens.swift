import Checkpoints
import JSON

extension Checkpoint {
    /// The special tokens' texts under the names chat templates know them by (`bos_token`, `eos_token`, ...).
    func specialTokens() throws -> [(name: String, text: String)] {
        switch metadata {
        case .gguf(let metadata): try Self.specialTokens(metadata)
        case .huggingFace(let files): Self.specialTokens(files)
        }
    }

    private static let names = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"]

    private static func specialTokens(_ metadata: GGUFMetadata) throws -> [(name: String, text: String)] {
        let keys = ["bos": "bos", "eos": "eos", "unk": "unknown", "sep": "seperator", "pad": "padding", "cls": "cls", "mask": "mask"]
        var wanted: [Int: [String]] = [:]
        for name in names {
            guard let key = keys[name], let id = try metadata.integer("tokenizer.ggml.\(key)_token_id") else { continue }
            wanted[id, default: []].append(name + "_token")
        }
        guard !wanted.isEmpty, let tokens = try metadata.array("tokenizer.ggml.tokens") else { return [] }
        var found: [(name: String, text: String)] = []
        tokens.forEachString { index, bytes in
            guard let names = wanted[index], let text = String(validating: bytes, as: UTF8.self) else { return }
            for name in names { found.append((name: name, text: text)) }
        }
        return found
    }

    private static func specialTokens(_ files: HuggingFaceFiles) -> [(name: String, text: String)] {
        var found: [(name: String, text: String)] = []
        for name in names {
            let key = name + "_token"
            // A plain string, or an object that describes an added token.
            let sources = [files.tokenizerConfig?[key], files.specialTokensMap?[key]]
            guard let text = sources.lazy.compactMap({ $0?.string ?? $0?["content"]?.string }).first else { continue }
            found.append((name: key, text: text))
        }
        return found
    }
}
