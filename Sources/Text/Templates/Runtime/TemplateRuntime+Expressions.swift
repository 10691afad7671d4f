extension TemplateRuntime {
    func evaluate(_ expression: TemplateExpression) throws(TemplateError) -> PythonValue {
        try spend(1)
        switch expression {
        case .none: return .none
        case .bool(let value): return .bool(value)
        case .integer(let value): return .integer(value)
        case .float(let value): return .float(value)
        case .text(let text): return .text(text)
        case .name(let id, let name):
            let value = load(program.places[id])
            if case .missing = value { return .undefined(PythonUndefined(reason: .name(name))) }
            return value
        default: return try nested { () throws(TemplateError) -> PythonValue in try evaluateCompound(expression) }
        }
    }

    private func evaluateCompound(_ expression: TemplateExpression) throws(TemplateError) -> PythonValue {
        switch expression {
        case .tuple(let items): return try tuple(try evaluate(all: items))
        case .list(let items): return try list(try evaluate(all: items))
        case .dictionary(let members): return try evaluate(members: members)
        case .arithmetic(let first, let rest, let line): return try evaluate(first, rest, line)
        case .concatenation(let parts): return try concatenate(parts)
        case .comparison(let first, let rest, let line): return try compare(first, rest, line)
        case .and(let operands): return try evaluate(operands, until: false)
        case .or(let operands): return try evaluate(operands, until: true)
        case .not(let operand): return .bool(!(try isTrue(try evaluate(operand))))
        case .negative(let operand, let line):
            let value = try evaluate(operand)
            return try at(line) { () throws(TemplateError) in try negate(value) }
        case .positive(let operand, let line):
            let value = try evaluate(operand)
            return try at(line) { () throws(TemplateError) in
                if case .undefined(let undefined) = value { throw undefined.error }
                if let integer = value.integer { return .integer(integer) }
                guard case .float = value else { throw .runtime("bad operand type for unary +: '\(value.typeName)'") }
                return value
            }
        case .conditional(let test, let then, let otherwise, let line):
            if try isTrue(try evaluate(test)) { return try evaluate(then) }
            guard let otherwise else {
                return .undefined(hint: "the inline if-expression on line \(line) evaluated to false and has no else")
            }
            return try evaluate(otherwise)
        case .postfix(let base, let operations): return try evaluate(operations, on: try evaluate(base))
        default: return try evaluate(expression)
        }
    }

    private func evaluate(all expressions: [TemplateExpression]) throws(TemplateError) -> [PythonValue] {
        var values: [PythonValue] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try evaluate(expression)) }
        return values
    }

    private func evaluate(members: [(key: TemplateExpression, value: TemplateExpression)]) throws(TemplateError) -> PythonValue {
        var builder = PythonDictionaryBuilder()
        for member in members {
            let key = try evaluate(member.key)
            try builder.set(key, try evaluate(member.value))
        }
        return try dictionary(builder)
    }

    private func evaluate(_ operands: [TemplateExpression], until stop: Bool) throws(TemplateError) -> PythonValue {
        var value = PythonValue.none
        for operand in operands {
            value = try evaluate(operand)
            if try isTrue(value) == stop { return value }
        }
        return value
    }

    private func concatenate(_ parts: [TemplateExpression]) throws(TemplateError) -> PythonValue {
        var bytes: [UInt8] = []
        for value in try evaluate(all: parts) {
            let part = try string(of: value)
            try allocateText(bytes.count + part.bytes.count)
            bytes.append(part)
        }
        return .text(PythonText(bytes))
    }

    private func evaluate(
        _ first: TemplateExpression, _ rest: [(operation: ArithmeticOperation, operand: TemplateExpression)], _ line: Int
    ) throws(TemplateError) -> PythonValue {
        var result = try evaluate(first)
        for (operation, operand) in rest {
            let right = try evaluate(operand)
            let left = result
            result = try at(line) { () throws(TemplateError) in try apply(operation, left, right) }
        }
        return result
    }

    private func compare(
        _ first: TemplateExpression, _ rest: [(operation: ComparisonOperation, operand: TemplateExpression)], _ line: Int
    ) throws(TemplateError) -> PythonValue {
        var left = try evaluate(first)
        for (operation, operand) in rest {
            let right = try evaluate(operand)
            let (before, holds) = (left, right)
            guard try at(line, { () throws(TemplateError) in try apply(operation, before, holds) }) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    func apply(_ operation: ComparisonOperation, _ left: PythonValue, _ right: PythonValue) throws(TemplateError) -> Bool {
        switch operation {
        case .equal: try isEqual(left, right)
        case .notEqual: !(try isEqual(left, right))
        case .less: try isOrdered(left, right, .less)
        case .lessOrEqual: try isOrdered(left, right, .lessOrEqual)
        case .greater: try isOrdered(left, right, .greater)
        case .greaterOrEqual: try isOrdered(left, right, .greaterOrEqual)
        case .isIn: try contains(right, left)
        case .isNotIn: !(try contains(right, left))
        }
    }

    // MARK: Postfixes

    /// Applies what follows a value. `caller` goes to the last call, from a call block.
    func evaluate(
        _ operations: [TemplatePostfix], on base: PythonValue, caller: PythonValue? = nil
    ) throws(TemplateError) -> PythonValue {
        var value = base
        for (index, operation) in operations.enumerated() {
            try spend(1)
            let subject = value
            let caller = index == operations.count - 1 ? caller : nil
            value = try at(operation.line) { () throws(TemplateError) in try apply(operation.kind, to: subject, caller: caller) }
        }
        return value
    }

    private func apply(_ kind: TemplatePostfix.Kind, to value: PythonValue, caller: PythonValue?) throws(TemplateError) -> PythonValue {
        switch kind {
        case .attribute(let name): return try attribute(name, of: value)
        case .item(let item): return try self.item(try evaluate(item), of: value)
        case .slice(let start, let stop, let step):
            let bounds = try evaluate(all: [start ?? .none, stop ?? .none, step ?? .none])
            return try slice(value, bounds[0], bounds[1], bounds[2])
        case .call(let arguments):
            var values = try evaluate(arguments)
            if let caller { values.named.append(("caller", caller)) }
            return try call(value, values)
        case .filter(let name, let arguments): return try filter(name, value, try evaluate(arguments))
        case .test(let name, let arguments, let isNegated):
            return .bool(try test(name, value, try evaluate(arguments)) != isNegated)
        }
    }

    private func evaluate(_ arguments: TemplateArguments) throws(TemplateError) -> TemplateValues {
        var values = TemplateValues()
        values.positional = try evaluate(all: arguments.positional)
        for argument in arguments.named { values.named.append((argument.name, try evaluate(argument.value))) }
        if let spread = arguments.spread {
            let more = try elements(of: try evaluate(spread))
            try allocateList(more.count)
            values.positional.append(contentsOf: more)
        }
        if let spread = arguments.namedSpread {
            guard case .dictionary(let dictionary) = try evaluate(spread) else { throw .runtime("the argument after ** must be a mapping") }
            try allocateList(dictionary.count * 2)
            var seen = Set(values.named.map(\.name))
            for (key, value) in zip(dictionary.keys, dictionary.values) {
                guard let name = key.text?.string else { throw .runtime("keywords must be strings") }
                guard seen.insert(name).inserted else { throw .runtime("got two values for argument '\(name)'") }
                values.named.append((name, value))
            }
        }
        return values
    }
}
