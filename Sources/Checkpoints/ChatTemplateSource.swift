import JSON

/// A chat template as a checkpoint brings it.
public struct ChatTemplateSource: Sendable, Equatable {
    /// `default`, or a purpose like `tool_use` or `rag`.
    public var name: String
    /// Jinja source.
    public var source: String

    public init(name: String, source: String) {
        self.name = name
        self.source = source
    }
}

extension Checkpoint {
    /// The checkpoint's chat templates, the default one first; empty where it has none.
    public func chatTemplates() throws(CheckpointError) -> [ChatTemplateSource] {
        let templates =
            switch metadata {
            case .gguf(let metadata): try Self.chatTemplates(metadata)
            case .huggingFace(let files): try Self.chatTemplates(files)
            }
        return templates.filter { $0.name == "default" } + templates.filter { $0.name != "default" }
    }

    private static func chatTemplates(_ metadata: GGUFMetadata) throws(CheckpointError) -> [ChatTemplateSource] {
        let prefix = "tokenizer.chat_template"
        var templates: [ChatTemplateSource] = []
        for key in metadata.keys where key == prefix || key.hasPrefix(prefix + ".") {
            guard let source = try metadata.string(key) else { continue }
            templates.append(ChatTemplateSource(name: key == prefix ? "default" : String(key.dropFirst(prefix.count + 1)), source: source))
        }
        return templates
    }

    private static func chatTemplates(_ files: HuggingFaceFiles) throws(CheckpointError) -> [ChatTemplateSource] {
        let configured: JSON?
        let file: String
        if let template = files.chatTemplateFile {
            file = template.path
            if file.hasSuffix(".json") {
                configured = try HuggingFaceFiles.parse(template)["chat_template"]
            } else {
                guard let source = String(validating: template.bytes, as: UTF8.self) else {
                    throw CheckpointError(.malformed, file: file, fault: "is not UTF-8")
                }
                configured = .string(source)
            }
        } else {
            file = HuggingFaceFiles.path("tokenizer_config.json", in: files.directory)
            configured = files.tokenizerConfig?["chat_template"]
        }
        switch configured {
        case nil, .null: return []
        case .string(let source): return [ChatTemplateSource(name: "default", source: source)]
        case .array(let list):
            var templates: [ChatTemplateSource] = []
            for item in list {
                guard let name = item["name"]?.string, let source = item["template"]?.string else {
                    throw CheckpointError(
                        .malformed, file: file, subject: "key 'chat_template'", fault: "holds an entry without 'name' and 'template'")
                }
                templates.append(ChatTemplateSource(name: name, source: source))
            }
            return templates
        default: throw CheckpointError(.malformed, file: file, subject: "key 'chat_template'", fault: "is neither a string nor a list")
        }
    }
}
