extension TemplateParser {
    mutating func parsePrimary() throws(TemplateError) -> TemplateExpression {
        let token = current
        switch token.kind {
        case .name(let name):
            next()
            switch name {
            case "true", "True": return .bool(true)
            case "false", "False": return .bool(false)
            case "none", "None": return .none
            default: return .name(id: newName(), name)
            }
        case .string(let text):
            next()
            var bytes = text.bytes
            while case .string(let more) = current.kind {
                bytes.append(more)
                next()
            }
            return .text(PythonText(bytes))
        case .integer(let value):
            next()
            return .integer(value)
        case .float(let value):
            next()
            return .float(value)
        case .symbol(.leftParenthesis):
            next()
            let tuple = try nested { parser throws(TemplateError) in try parser.parseTuple(isParenthesized: true) }
            try expect(.rightParenthesis)
            return tuple
        case .symbol(.leftBracket): return try parseList()
        case .symbol(.leftBrace): return try parseDictionary()
        default: throw fault("unexpected '\(token.description)'")
        }
    }

    var isTupleEnd: Bool {
        switch current.kind {
        case .variableEnd, .blockEnd, .symbol(.rightParenthesis): true
        default: false
        }
    }

    /// Reads an expression, or a tuple if commas follow. An empty tuple needs parentheses.
    mutating func parseTuple(
        allowsConditional: Bool = true, endsAt endName: String? = nil, isParenthesized: Bool = false
    ) throws(TemplateError) -> TemplateExpression {
        var items: [TemplateExpression] = []
        var isTuple = false
        while true {
            if isTupleEnd || endName.map({ isName($0) }) ?? false { break }
            items.append(try parseExpression(allowsConditional: allowsConditional))
            guard skip(.comma) else { break }
            isTuple = true
        }
        if isTuple { return .tuple(items) }
        if let item = items.first { return item }
        guard isParenthesized else { throw fault("expected an expression, got '\(current.description)'") }
        return .tuple([])
    }

    private mutating func parseList() throws(TemplateError) -> TemplateExpression {
        try expect(.leftBracket)
        var items: [TemplateExpression] = []
        while !isSymbol(.rightBracket) {
            if !items.isEmpty { try expect(.comma) }
            if isSymbol(.rightBracket) { break }
            items.append(try parseExpression())
        }
        try expect(.rightBracket)
        return .list(items)
    }

    private mutating func parseDictionary() throws(TemplateError) -> TemplateExpression {
        try expect(.leftBrace)
        var members: [(key: TemplateExpression, value: TemplateExpression)] = []
        while !isSymbol(.rightBrace) {
            if !members.isEmpty { try expect(.comma) }
            if isSymbol(.rightBrace) { break }
            let key = try parseExpression()
            try expect(.colon)
            members.append((key, try parseExpression()))
        }
        try expect(.rightBrace)
        return .dictionary(members)
    }

    /// Reads what follows `[`, and the `]`.
    mutating func parseSubscript() throws(TemplateError) -> TemplatePostfix.Kind {
        var arguments: [TemplatePostfix.Kind] = []
        while !isSymbol(.rightBracket) {
            if !arguments.isEmpty { try expect(.comma) }
            arguments.append(try parseSubscriptPart())
        }
        try expect(.rightBracket)
        if arguments.count == 1 { return arguments[0] }
        var items: [TemplateExpression] = []
        for argument in arguments {
            guard case .item(let item) = argument else { throw fault("a slice cannot be one of several subscripts") }
            items.append(item)
        }
        return .item(.tuple(items))
    }

    private mutating func parseSubscriptPart() throws(TemplateError) -> TemplatePostfix.Kind {
        var start: TemplateExpression?
        if !isSymbol(.colon) {
            let item = try parseExpression()
            guard isSymbol(.colon) else { return .item(item) }
            start = item
        }
        next()
        var stop: TemplateExpression?
        if !isSymbol(.colon), !isSymbol(.rightBracket), !isSymbol(.comma) { stop = try parseExpression() }
        var step: TemplateExpression?
        if skip(.colon), !isSymbol(.rightBracket), !isSymbol(.comma) { step = try parseExpression() }
        return .slice(start, stop, step)
    }

    mutating func parseArguments() throws(TemplateError) -> TemplateArguments {
        let line = line
        try expect(.leftParenthesis)
        var arguments = TemplateArguments()
        var needsComma = false
        func require(_ condition: Bool) throws(TemplateError) {
            guard condition else { throw fault("invalid order of arguments in a call", line: line) }
        }
        while !isSymbol(.rightParenthesis) {
            if needsComma {
                try expect(.comma)
                if isSymbol(.rightParenthesis) { break }
            }
            needsComma = true
            if skip(.multiply) {
                try require(arguments.spread == nil && arguments.namedSpread == nil)
                arguments.spread = try parseExpression()
            } else if skip(.power) {
                try require(arguments.namedSpread == nil)
                arguments.namedSpread = try parseExpression()
            } else if case .name(let name) = current.kind, case .symbol(.assign) = following.kind {
                try require(arguments.namedSpread == nil)
                guard !arguments.named.contains(where: { $0.name == name }) else { throw fault("argument '\(name)' is given twice") }
                next()
                next()
                arguments.named.append((name, try parseExpression()))
            } else {
                try require(arguments.spread == nil && arguments.namedSpread == nil && arguments.named.isEmpty)
                arguments.positional.append(try parseExpression())
            }
        }
        try expect(.rightParenthesis)
        return arguments
    }
}
