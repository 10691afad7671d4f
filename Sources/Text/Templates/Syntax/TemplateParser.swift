/// Reads tokens into statements by recursive descent, in the order and with the precedences of jinja2's parser.
struct TemplateParser {
    private let tokens: [TemplateToken]
    private var position = 0
    private var depth = 0
    /// Mentions of variables and scopes numbered so far.
    var names = 0
    var scopes = 0
    /// How many loops surround the current place within its macro: `break` needs one.
    var loops = 0
    var blockNames: Set<String> = []
    /// What the innermost open block waits for, for messages.
    private var expected: [[String]] = []

    init(_ tokens: [TemplateToken]) { self.tokens = tokens }

    mutating func parse() throws(TemplateError) -> [TemplateStatement] {
        try parseBody(until: [])
    }

    // MARK: Tokens

    var current: TemplateToken { tokens[min(position, tokens.count - 1)] }
    var following: TemplateToken { tokens[min(position + 1, tokens.count - 1)] }
    var line: Int { current.line }

    @discardableResult
    mutating func next() -> TemplateToken {
        defer { position += 1 }
        return current
    }

    func fault(_ message: String, line: Int? = nil) -> TemplateError {
        TemplateError(.syntax, message, line: line ?? self.line)
    }

    func isName(_ name: String) -> Bool {
        if case .name(let found) = current.kind { return found == name }
        return false
    }

    func isSymbol(_ symbol: TemplateSymbol) -> Bool {
        if case .symbol(let found) = current.kind { return found == symbol }
        return false
    }

    var isBlockEnd: Bool {
        if case .blockEnd = current.kind { return true }
        return false
    }

    mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        next()
        return true
    }

    mutating func skip(_ symbol: TemplateSymbol) -> Bool {
        guard isSymbol(symbol) else { return false }
        next()
        return true
    }

    mutating func expect(_ symbol: TemplateSymbol) throws(TemplateError) {
        guard skip(symbol) else { throw unexpected("'\(symbol.rawValue)'") }
    }

    mutating func expect(name: String) throws(TemplateError) {
        guard skip(name: name) else { throw unexpected("'\(name)'") }
    }

    mutating func expectName() throws(TemplateError) -> String {
        guard case .name(let name) = current.kind else { throw unexpected("a name") }
        next()
        return name
    }

    mutating func expectBlockEnd() throws(TemplateError) {
        guard isBlockEnd else { throw unexpected("'%}'") }
        next()
    }

    private func unexpected(_ wanted: String) -> TemplateError {
        if case .end = current.kind { return fault("unexpected end of template, expected \(wanted)") }
        return fault("expected \(wanted), got '\(current.description)'")
    }

    /// Runs `body` one level deeper, and refuses to go too deep.
    mutating func nested<Result>(
        _ body: (inout TemplateParser) throws(TemplateError) -> Result
    ) throws(TemplateError) -> Result {
        guard depth < TemplateDepth.syntax else {
            throw TemplateError(.limit, "expressions and blocks nest more than \(TemplateDepth.syntax) deep", line: line)
        }
        depth += 1
        let result = try body(&self)
        depth -= 1
        return result
    }

    mutating func newName() -> Int {
        defer { names += 1 }
        return names
    }

    mutating func newScope() -> Int {
        defer { scopes += 1 }
        return scopes
    }

    // MARK: Bodies

    /// Reads the end of the tag that opens a body, the body, and, unless several may end it, the name of the tag that does.
    mutating func parseStatements(until ends: [String], dropsEnd: Bool = true) throws(TemplateError) -> [TemplateStatement] {
        _ = skip(.colon)
        try expectBlockEnd()
        expected.append(ends)
        let body = try nested { parser throws(TemplateError) in try parser.parseBody(until: ends) }
        if case .end = current.kind {
            throw fault("unexpected end of template, expected \(ends.map { "'\($0)'" }.joined(separator: " or "))")
        }
        expected.removeLast()
        if dropsEnd { next() }
        return body
    }

    private mutating func parseBody(until ends: [String]) throws(TemplateError) -> [TemplateStatement] {
        var body: [TemplateStatement] = []
        while true {
            switch current.kind {
            case .end:
                return body
            case .data(let text):
                body.append(.text(text))
                next()
            case .variableBegin:
                let line = next().line
                body.append(.output(try parseTuple(), line: line))
                guard case .variableEnd = current.kind else { throw unexpected("'}}'") }
                next()
            case .blockBegin:
                next()
                if case .name(let name) = current.kind, ends.contains(name) { return body }
                if let statement = try parseStatement() { body.append(contentsOf: statement) }
                try expectBlockEnd()
            default:
                throw fault("unexpected '\(current.description)'")
            }
        }
    }

    func unknownTag(_ name: String) -> TemplateError {
        var message = "unknown tag '\(name)'"
        if let ends = expected.last {
            message += "; the innermost open block waits for \(ends.map { "'\($0)'" }.joined(separator: " or "))"
        }
        return fault(message)
    }
}
