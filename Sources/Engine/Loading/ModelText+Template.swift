import Checkpoints
public import JSON
import Text

extension ModelText {
    /// Whether there is a chat template.
    public var hasTemplate: Bool { get throws { !(try templates.value().isEmpty) } }

    /// The text a chat template makes of `messages`, `tools`, `documents`, `add_generation_prompt` and whatever else the object holds.
    public func render(_ variables: JSONObject) throws -> String {
        var rest = variables
        func list(_ key: String) -> [JSON]? {
            defer { rest[key] = nil }
            return variables[key]?.array
        }
        let messages = list("messages") ?? []
        let tools = list("tools")
        let documents = list("documents")
        let addsPrompt = variables["add_generation_prompt"]?.bool ?? false
        rest["add_generation_prompt"] = nil
        let template = try tools == nil ? template.value() : toolTemplate.value()
        return try template.render(
            messages: messages, tools: tools, documents: documents, addGenerationPrompt: addsPrompt,
            specialTokens: try specialTokens.value(),
            variables: rest)
    }

    /// The source of the template to use: one for conversations with tools comes under a name of its own.
    static func source(_ templates: [ChatTemplateSource], forTools: Bool, of checkpoint: Checkpoint) throws -> String {
        let named = forTools ? templates.first { $0.name == "tool_use" } : nil
        guard let chosen = named ?? templates.first else {
            throw CheckpointError(
                .missing, file: checkpoint.path, fault: "brings no chat template", remedy: "run --raw uses the prompt as it is")
        }
        return chosen.source
    }
}
