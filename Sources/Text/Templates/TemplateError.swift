/// Why a chat template could not be read or rendered.
public struct TemplateError: Error, Equatable, Sendable {
    public enum Kind: String, Equatable, Sendable {
        /// The source is no valid template.
        case syntax
        /// The template did something that its language refuses: a wrong type, an undefined value, an unknown filter.
        case runtime
        /// The template called `raise_exception`; the message is its own.
        case raised
        /// The template asked for something the sandbox forbids.
        case security
        /// A limit on time, memory or depth was reached.
        case limit
    }

    public var kind: Kind
    /// What was wrong, in one sentence.
    public var message: String
    /// The line of the template, counted from 1, or 0 where none is known.
    public var line: Int

    public init(_ kind: Kind, _ message: String, line: Int = 0) {
        self.kind = kind
        self.message = message
        self.line = line
    }

    static func runtime(_ message: String) -> TemplateError { TemplateError(.runtime, message) }
    static func limit(_ message: String) -> TemplateError { TemplateError(.limit, message) }

    /// The same error, placed at `line` unless it already knows a line closer to the fault.
    func located(at line: Int) -> TemplateError {
        self.line > 0 ? self : TemplateError(kind, message, line: line)
    }
}

extension TemplateError: CustomStringConvertible {
    public var description: String {
        let place = line > 0 ? "chat template, line \(line): " : "chat template: "
        return place + message
    }
}
