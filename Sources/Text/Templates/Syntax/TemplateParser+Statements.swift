extension TemplateParser {
    /// Reads one statement up to, not including, the end of its last tag.
    mutating func parseStatement() throws(TemplateError) -> [TemplateStatement]? {
        guard case .name(let tag) = current.kind else { throw fault("a tag's name is expected, got '\(current.description)'") }
        let line = line
        switch tag {
        case "for": return [try parseLoop()]
        case "if": return [try parseConditional()]
        case "set": return [try parseSet()]
        case "macro": return [try parseMacro()]
        case "call": return [try parseCallBlock()]
        case "filter": return [try parseFilterBlock()]
        case "with": return [try parseWith()]
        case "block": return [try parseBlock()]
        case "generation":
            next()
            return [.generation(try parseFunction(name: nil, nameID: newName(), parameters: [], end: "endgeneration", line: line))]
        case "print": return try parsePrint()
        case "autoescape": return [try parseAutoescape()]
        case "break", "continue":
            next()
            guard loops > 0 else { throw fault("'\(tag)' outside a loop", line: line) }
            return [tag == "break" ? .breakLoop(line: line) : .continueLoop(line: line)]
        case "include", "extends", "import", "from":
            next()
            while !isBlockEnd {
                if case .end = current.kind { break }
                next()
            }
            return [.unsupported(tag, line: line)]
        default: throw unknownTag(tag)
        }
    }

    private mutating func parseLoop() throws(TemplateError) -> TemplateStatement {
        let line = next().line
        let target = try parseTarget(endsAtIn: true)
        try expect(name: "in")
        let sequence = try parseTuple(allowsConditional: false, endsAt: "recursive")
        let filter = skip(name: "if") ? try parseExpression() : nil
        let isRecursive = skip(name: "recursive")
        loops += 1
        let body = try parseStatements(until: ["endfor", "else"], dropsEnd: false)
        loops -= 1
        let hasElse = isName("else")
        next()
        let otherwise = hasElse ? try parseStatements(until: ["endfor"]) : []
        let statement = TemplateLoopStatement(
            target: target, filterTarget: renumbered(target), sequence: sequence, filter: filter, body: body, otherwise: otherwise,
            isRecursive: isRecursive, loopID: newName(), bodyScope: newScope(), otherwiseScope: newScope(), filterScope: newScope(),
            line: line)
        return .loop(statement)
    }

    private mutating func renumbered(_ target: TemplateTarget) -> TemplateTarget {
        switch target {
        case .name(_, let name): .name(id: newName(), name)
        case .namespace(_, let name, let attribute, let line): .namespace(id: newName(), name, attribute: attribute, line: line)
        case .tuple(let targets): .tuple(targets.map { renumbered($0) })
        }
    }

    private mutating func parseConditional() throws(TemplateError) -> TemplateStatement {
        let line = next().line
        var branches: [(test: TemplateExpression, body: [TemplateStatement])] = []
        var otherwise: [TemplateStatement] = []
        while true {
            let test = try parseTuple(allowsConditional: false)
            branches.append((test, try parseStatements(until: ["elif", "else", "endif"], dropsEnd: false)))
            if skip(name: "elif") { continue }
            if skip(name: "else") { otherwise = try parseStatements(until: ["endif"]) } else { next() }
            return .conditional(branches, otherwise: otherwise, line: line)
        }
    }

    private mutating func parseSet() throws(TemplateError) -> TemplateStatement {
        let line = next().line
        let target = try parseTarget(allowsNamespace: true)
        if skip(.assign) { return .assign(target, try parseTuple(), line: line) }
        let filters = try parseFilters()
        let body = try parseStatements(until: ["endset"])
        return .assignBlock(target, filters: filters, body: body, scope: newScope(), line: line)
    }

    private mutating func parseMacro() throws(TemplateError) -> TemplateStatement {
        let line = next().line
        let name = try expectName()
        guard TemplateParser.isAssignable(name) else { throw fault("can't assign to '\(name)'", line: line) }
        let parameters = try parseParameters()
        return .macro(try parseFunction(name: name, nameID: newName(), parameters: parameters, end: "endmacro", line: line))
    }

    private mutating func parseFunction(
        name: String?, nameID: Int, parameters: [TemplateFunction.Parameter], end: String, line: Int
    ) throws(TemplateError) -> TemplateFunction {
        let outerLoops = loops
        loops = 0
        let body = try parseStatements(until: [end])
        loops = outerLoops
        return TemplateFunction(
            name: name, nameID: nameID, parameters: parameters, body: body, scope: newScope(), callerID: newName(), namedID: newName(),
            positionalID: newName(), line: line)
    }

    private mutating func parseParameters() throws(TemplateError) -> [TemplateFunction.Parameter] {
        var parameters: [TemplateFunction.Parameter] = []
        try expect(.leftParenthesis)
        while !isSymbol(.rightParenthesis) {
            if !parameters.isEmpty { try expect(.comma) }
            let line = line
            let name = try expectName()
            guard TemplateParser.isAssignable(name) else { throw fault("can't assign to '\(name)'", line: line) }
            guard !parameters.contains(where: { $0.name == name }) else { throw fault("parameter '\(name)' is given twice", line: line) }
            let value = skip(.assign) ? try parseExpression() : nil
            if value == nil, let last = parameters.last, last.defaultValue != nil {
                throw fault("a parameter without a default follows one with a default")
            }
            parameters.append(.init(id: newName(), name: name, defaultValue: value))
        }
        try expect(.rightParenthesis)
        return parameters
    }

    private mutating func parseCallBlock() throws(TemplateError) -> TemplateStatement {
        let line = next().line
        let parameters = isSymbol(.leftParenthesis) ? try parseParameters() : []
        let call = try parseExpression()
        guard case .postfix(_, let operations) = call, case .call? = operations.last?.kind else {
            throw fault("a call is expected after 'call'", line: line)
        }
        let function = try parseFunction(name: nil, nameID: newName(), parameters: parameters, end: "endcall", line: line)
        return .callBlock(function, call, line: line)
    }

    private mutating func parseFilterBlock() throws(TemplateError) -> TemplateStatement {
        let line = next().line
        let filters = try parseFilters(startsInline: true)
        let body = try parseStatements(until: ["endfilter"])
        return .filterBlock(filters, body: body, scope: newScope(), line: line)
    }

    private mutating func parseWith() throws(TemplateError) -> TemplateStatement {
        let line = next().line
        var bindings: [(target: TemplateTarget, value: TemplateExpression)] = []
        while !isBlockEnd {
            if !bindings.isEmpty { try expect(.comma) }
            let target = try parseTarget()
            try expect(.assign)
            bindings.append((target, try parseExpression()))
        }
        let body = try parseStatements(until: ["endwith"])
        return .with(bindings, body: body, scope: newScope(), line: line)
    }

    private mutating func parseAutoescape() throws(TemplateError) -> TemplateStatement {
        let line = next().line
        guard case .bool(false) = try parseExpression() else {
            throw fault("'autoescape' is supported with 'false' only", line: line)
        }
        return .scope(try parseStatements(until: ["endautoescape"]), scope: newScope())
    }

    private mutating func parseBlock() throws(TemplateError) -> TemplateStatement {
        let line = next().line
        let name = try expectName()
        let isScoped = skip(name: "scoped")
        let isRequired = skip(name: "required")
        guard blockNames.insert(name).inserted else { throw fault("block '\(name)' is defined twice", line: line) }
        let outerLoops = loops
        loops = 0
        let body = try parseStatements(until: ["endblock"])
        loops = outerLoops
        _ = skip(name: name)
        return .block(
            TemplateBlock(
                name: name, isScoped: isScoped, isRequired: isRequired, body: body, scope: newScope(), selfID: newName(),
                superID: newName(), line: line))
    }

    private mutating func parsePrint() throws(TemplateError) -> [TemplateStatement] {
        let line = next().line
        var statements: [TemplateStatement] = []
        while !isBlockEnd {
            if !statements.isEmpty { try expect(.comma) }
            statements.append(.output(try parseExpression(), line: line))
        }
        return statements
    }

    // MARK: Targets

    static func isAssignable(_ name: String) -> Bool {
        !["true", "false", "none", "True", "False", "None"].contains(name)
    }

    /// Reads what a value is assigned to: names, tuples of them and, where allowed, attributes of namespaces.
    mutating func parseTarget(endsAtIn: Bool = false, allowsNamespace: Bool = false) throws(TemplateError) -> TemplateTarget {
        var targets: [TemplateTarget] = []
        var isTuple = false
        while true {
            if isTupleEnd || endsAtIn && isName("in") { break }
            targets.append(try parseSimpleTarget(allowsNamespace: allowsNamespace))
            guard skip(.comma) else { break }
            isTuple = true
        }
        if isTuple { return .tuple(targets) }
        guard let target = targets.first else { throw fault("expected an expression, got '\(current.description)'") }
        return target
    }

    private mutating func parseSimpleTarget(allowsNamespace: Bool) throws(TemplateError) -> TemplateTarget {
        let line = line
        if case .name(let name) = current.kind {
            next()
            if allowsNamespace, TemplateParser.isAssignable(name), skip(.dot) {
                return .namespace(id: newName(), name, attribute: PythonText(try expectName()), line: line)
            }
            guard TemplateParser.isAssignable(name) else { throw fault("can't assign to '\(name)'", line: line) }
            return .name(id: newName(), name)
        }
        guard isSymbol(.leftParenthesis) else { throw fault("can't assign to '\(current.description)'") }
        return try target(from: try parsePrimary(), line: line)
    }

    private mutating func target(from expression: TemplateExpression, line: Int) throws(TemplateError) -> TemplateTarget {
        switch expression {
        case .name(let id, let name): return .name(id: id, name)
        case .tuple(let items):
            var targets: [TemplateTarget] = []
            for item in items { targets.append(try target(from: item, line: line)) }
            return .tuple(targets)
        default: throw fault("can't assign to this expression", line: line)
        }
    }
}
