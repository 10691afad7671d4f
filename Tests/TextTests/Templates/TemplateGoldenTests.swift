import Foundation
import JSON
import Testing

@testable import Text

/// Renderings of jinja2 as transformers configures it, made by Tools/make_template_goldens.py.
struct TemplateGoldens {
    let root: JSON

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    static let now = LocalTime(year: 2024, month: 7, day: 26, hour: 15, minute: 4, second: 5, microsecond: 678)

    init() throws {
        let data = try Data(contentsOf: Self.folder.appendingPathComponent("goldens.json"))
        root = try data.withUnsafeBytes { try JSON(parsing: $0.bindMemory(to: UInt8.self)) }
    }

    /// The source of a template, nil where it lies beside the checkout and is not there.
    static func source(of name: String) throws -> String? {
        guard name.hasPrefix("shared/") else {
            return try String(contentsOf: folder.appendingPathComponent("Styles/\(name).jinja"), encoding: .utf8)
        }
        var package = folder
        for _ in 0..<3 { package.deleteLastPathComponent() }
        let shared =
            ProcessInfo.processInfo.environment["MOTLEY_SHARED"].map { URL(fileURLWithPath: $0) }
            ?? package.deletingLastPathComponent().appendingPathComponent("shared")
        let file = shared.appendingPathComponent("fixtures/templates/\(name.dropFirst("shared/".count)).jinja")
        return try? String(contentsOf: file, encoding: .utf8)
    }

    /// What was wrong with an outcome, nil where nothing was.
    static func fault(_ outcome: Result<String, TemplateError>, expected: JSON) -> String? {
        switch outcome {
        case .success(let text):
            guard case .string(let wanted) = expected else { return "rendered \(text.debugDescription) instead of failing" }
            return Array(text.utf8) == Array(wanted.utf8) ? nil : "rendered \(text.debugDescription) instead of \(wanted.debugDescription)"
        case .failure(let error):
            guard let kind = expected["error"]?.string else { return "failed: \(error)" }
            switch kind {
            case "syntax": return error.kind == .syntax ? nil : "failed otherwise: \(error)"
            case "raised":
                return error.kind == .raised && error.message == expected["message"]?.string ? nil : "failed otherwise: \(error)"
            default: return error.kind != .syntax && error.kind != .raised ? nil : "failed otherwise: \(error)"
            }
        }
    }
}

@Suite struct TemplateGoldenTests {
    @Test func conversationsRenderAsInPython() throws {
        let goldens = try TemplateGoldens()
        let contexts = try #require(goldens.root["contexts"]?.object)
        for template in try #require(goldens.root["conversations"]?.object) {
            guard let source = try TemplateGoldens.source(of: template.key) else { continue }
            let compiled = try ChatTemplate(source: source)
            for expected in try #require(template.value.object) {
                var variables = try #require(contexts[expected.key]?.object)
                let messages = try #require(variables["messages"]?.array)
                let tools = variables["tools"]?.array
                let documents = variables["documents"]?.array
                let addsPrompt = variables["add_generation_prompt"]?.bool ?? false
                for name in ["messages", "tools", "documents", "add_generation_prompt"] { variables[name] = nil }
                let outcome = Result { () throws(TemplateError) in
                    try compiled.render(
                        messages: messages, tools: tools, documents: documents, addGenerationPrompt: addsPrompt, variables: variables,
                        now: TemplateGoldens.now)
                }
                let fault = TemplateGoldens.fault(outcome, expected: expected.value)
                #expect(fault == nil, "\(template.key), \(expected.key): \(fault ?? "")")
            }
        }
    }

    @Test func theLanguageWorksAsInPython() throws {
        let goldens = try TemplateGoldens()
        let variables = try #require(goldens.root["variables"]?.object)
        for entry in try #require(goldens.root["language"]?.array) {
            let source = try #require(entry[0]?.string)
            let outcome = Result { () throws(TemplateError) in
                try ChatTemplate(source: source.replacingOccurrences(of: "\\n", with: "\n")).render(variables, now: TemplateGoldens.now)
            }
            let fault = TemplateGoldens.fault(outcome, expected: try #require(entry[1]))
            #expect(fault == nil, "\(source): \(fault ?? "")")
        }
    }
}
