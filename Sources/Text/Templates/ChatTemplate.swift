public import JSON

/// A chat template: a program in the Jinja language that writes a conversation as the text that a model was trained on.
///
/// Renders the same text as Python's jinja2 with the settings of Hugging Face transformers: the immutable sandbox, `trim_blocks`,
/// `lstrip_blocks`, loop controls, the `generation` tag, `raise_exception`, `strftime_now` and a `tojson` without HTML escapes.
/// A template may come from anywhere: it can neither reach outside nor take more than `Limits` allows.
///
///     let template = try ChatTemplate(source: source)
///     let text = try template.render(["messages": messages, "add_generation_prompt": true])
public struct ChatTemplate: Sendable {
    /// The template as it was written.
    public let source: String
    private let program: TemplateProgram

    /// Reads a template.
    ///
    /// - Throws: a `TemplateError` of kind `.syntax` that says in which line what was wrong, or `.limit`.
    public init(source: String, limits: Limits = .default) throws(TemplateError) {
        guard source.utf8.count <= limits.sourceBytes else {
            throw .limit("the template is longer than \(limits.sourceBytes) bytes")
        }
        self.source = source
        var parser = TemplateParser(try TemplateLexer.tokens(of: source))
        let body = try parser.parse()
        program = try TemplateResolver.resolve(body, names: parser.names, scopes: parser.scopes)
    }

    /// Writes the text for a set of variables, among them usually `messages`, `tools` and `add_generation_prompt`.
    ///
    /// - Parameter now: what `strftime_now` takes as the present.
    /// - Throws: a `TemplateError`: of kind `.raised` where the template itself refuses the conversation.
    public func render(
        _ variables: JSONObject, now: LocalTime = .current(), limits: Limits = .default
    ) throws(TemplateError) -> String {
        let runtime = TemplateRuntime(program, limits: limits, now: now)
        for member in variables { runtime.context[member.key] = try runtime.convert(member.value) }
        return try runtime.render()
    }
}
