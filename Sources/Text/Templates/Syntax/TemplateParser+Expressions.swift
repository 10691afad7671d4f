extension TemplateParser {
    mutating func parseExpression(allowsConditional: Bool = true) throws(TemplateError) -> TemplateExpression {
        try nested { parser throws(TemplateError) in
            try allowsConditional ? parser.parseConditionalExpression() : parser.parseOr()
        }
    }

    private mutating func parseConditionalExpression() throws(TemplateError) -> TemplateExpression {
        var line = line
        var expression = try parseOr()
        var chained = 0
        while skip(name: "if") {
            chained += 1
            guard chained < 50 else { throw TemplateError(.limit, "too many conditions in one expression", line: line) }
            let test = try parseOr()
            let otherwise = skip(name: "else") ? try parseExpression() : nil
            expression = .conditional(test: test, then: expression, otherwise: otherwise, line: line)
            line = self.line
        }
        return expression
    }

    private mutating func parseOr() throws(TemplateError) -> TemplateExpression {
        var operands = [try parseAnd()]
        while skip(name: "or") { operands.append(try parseAnd()) }
        return operands.count == 1 ? operands[0] : .or(operands)
    }

    private mutating func parseAnd() throws(TemplateError) -> TemplateExpression {
        var operands = [try parseNot()]
        while skip(name: "and") { operands.append(try parseNot()) }
        return operands.count == 1 ? operands[0] : .and(operands)
    }

    private mutating func parseNot() throws(TemplateError) -> TemplateExpression {
        guard skip(name: "not") else { return try parseComparison() }
        return .not(try nested { parser throws(TemplateError) in try parser.parseNot() })
    }

    private mutating func parseComparison() throws(TemplateError) -> TemplateExpression {
        let line = line
        let first = try parseSum()
        var rest: [(operation: ComparisonOperation, operand: TemplateExpression)] = []
        while let operation = comparison() { rest.append((operation, try parseSum())) }
        return rest.isEmpty ? first : .comparison(first, rest, line: line)
    }

    private mutating func comparison() -> ComparisonOperation? {
        switch current.kind {
        case .symbol(let symbol):
            let operation: ComparisonOperation
            switch symbol {
            case .equal: operation = .equal
            case .notEqual: operation = .notEqual
            case .less: operation = .less
            case .lessOrEqual: operation = .lessOrEqual
            case .greater: operation = .greater
            case .greaterOrEqual: operation = .greaterOrEqual
            default: return nil
            }
            next()
            return operation
        case .name("in"):
            next()
            return .isIn
        case .name("not"):
            guard case .name("in") = following.kind else { return nil }
            next()
            next()
            return .isNotIn
        default: return nil
        }
    }

    private mutating func parseSum() throws(TemplateError) -> TemplateExpression {
        let line = line
        let first = try parseConcatenation()
        var rest: [(operation: ArithmeticOperation, operand: TemplateExpression)] = []
        while true {
            if skip(.add) {
                rest.append((.add, try parseConcatenation()))
            } else if skip(.subtract) {
                rest.append((.subtract, try parseConcatenation()))
            } else {
                return rest.isEmpty ? first : .arithmetic(first, rest, line: line)
            }
        }
    }

    private mutating func parseConcatenation() throws(TemplateError) -> TemplateExpression {
        var parts = [try parseProduct()]
        while skip(.tilde) { parts.append(try parseProduct()) }
        return parts.count == 1 ? parts[0] : .concatenation(parts)
    }

    private mutating func parseProduct() throws(TemplateError) -> TemplateExpression {
        let line = line
        let first = try parsePower()
        var rest: [(operation: ArithmeticOperation, operand: TemplateExpression)] = []
        while case .symbol(let symbol) = current.kind {
            let operation: ArithmeticOperation
            switch symbol {
            case .multiply: operation = .multiply
            case .divide: operation = .divide
            case .floorDivide: operation = .floorDivide
            case .modulo: operation = .modulo
            default: return rest.isEmpty ? first : .arithmetic(first, rest, line: line)
            }
            next()
            rest.append((operation, try parsePower()))
        }
        return rest.isEmpty ? first : .arithmetic(first, rest, line: line)
    }

    /// `**`, which is applied from the left, unlike in Python.
    private mutating func parsePower() throws(TemplateError) -> TemplateExpression {
        let line = line
        let first = try parseUnary()
        var rest: [(operation: ArithmeticOperation, operand: TemplateExpression)] = []
        while skip(.power) { rest.append((.power, try parseUnary())) }
        return rest.isEmpty ? first : .arithmetic(first, rest, line: line)
    }

    private mutating func parseUnary(allowsFilter: Bool = true) throws(TemplateError) -> TemplateExpression {
        let line = line
        let operand: TemplateExpression
        if skip(.subtract) {
            operand = .negative(try nested { parser throws(TemplateError) in try parser.parseUnary(allowsFilter: false) }, line: line)
        } else if skip(.add) {
            operand = .positive(try nested { parser throws(TemplateError) in try parser.parseUnary(allowsFilter: false) }, line: line)
        } else {
            operand = try parsePrimary()
        }
        var operations: [TemplatePostfix] = []
        while let operation = try parsePostfix() { operations.append(operation) }
        if allowsFilter {
            while let operation = try parseFilterOrTest() { operations.append(operation) }
        }
        return operations.isEmpty ? operand : .postfix(operand, operations)
    }

    private mutating func parsePostfix() throws(TemplateError) -> TemplatePostfix? {
        let line = line
        if skip(.dot) {
            let token = next()
            switch token.kind {
            case .name(let name): return TemplatePostfix(kind: .attribute(PythonText(name)), line: line)
            case .integer(let index): return TemplatePostfix(kind: .item(.integer(index)), line: line)
            default: throw fault("a name or a number is expected after '.'", line: token.line)
            }
        }
        if skip(.leftBracket) { return TemplatePostfix(kind: try parseSubscript(), line: line) }
        if isSymbol(.leftParenthesis) { return TemplatePostfix(kind: .call(try parseArguments()), line: line) }
        return nil
    }

    private mutating func parseFilterOrTest() throws(TemplateError) -> TemplatePostfix? {
        let line = line
        if isSymbol(.pipe) {
            next()
            let name = try parseDottedName()
            let arguments = isSymbol(.leftParenthesis) ? try parseArguments() : .none
            return TemplatePostfix(kind: .filter(name, arguments), line: line)
        }
        if skip(name: "is") { return try parseTest(line: line) }
        if isSymbol(.leftParenthesis) { return TemplatePostfix(kind: .call(try parseArguments()), line: line) }
        return nil
    }

    /// Filters alone: after the name in a block assignment, or at the start of a filter block.
    mutating func parseFilters(startsInline: Bool = false) throws(TemplateError) -> [TemplatePostfix] {
        var filters: [TemplatePostfix] = []
        var isInline = startsInline
        while isInline || isSymbol(.pipe) {
            if !isInline { next() }
            isInline = false
            let line = line
            let name = try parseDottedName()
            let arguments = isSymbol(.leftParenthesis) ? try parseArguments() : .none
            filters.append(TemplatePostfix(kind: .filter(name, arguments), line: line))
        }
        return filters
    }

    private mutating func parseDottedName() throws(TemplateError) -> String {
        var name = try expectName()
        while skip(.dot) { name += "." + (try expectName()) }
        return name
    }

    private mutating func parseTest(line: Int) throws(TemplateError) -> TemplatePostfix {
        let isNegated = skip(name: "not")
        let name = try parseDottedName()
        var arguments = TemplateArguments.none
        if isSymbol(.leftParenthesis) {
            arguments = try parseArguments()
        } else if startsTestArgument {
            if isName("is") { throw fault("tests with 'is' cannot be chained") }
            let argument = try nested { parser throws(TemplateError) in
                let primary = try parser.parsePrimary()
                var operations: [TemplatePostfix] = []
                while let operation = try parser.parsePostfix() { operations.append(operation) }
                return operations.isEmpty ? primary : TemplateExpression.postfix(primary, operations)
            }
            arguments.positional = [argument]
        }
        return TemplatePostfix(kind: .test(name, arguments, isNegated: isNegated), line: line)
    }

    private var startsTestArgument: Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float: true
        case .symbol(let symbol): symbol == .leftBracket || symbol == .leftBrace
        default: false
        }
    }
}
