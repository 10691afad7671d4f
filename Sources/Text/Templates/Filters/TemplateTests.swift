/// The names of all tests.
enum TemplateTests {
    static let names: Set<String> = [
        "odd", "even", "divisibleby", "defined", "undefined", "filter", "test", "none", "boolean", "false", "true", "integer", "float",
        "lower", "upper", "string", "mapping", "number", "sequence", "iterable", "callable", "sameas", "escaped", "in", "==", "eq",
        "equalto", "!=", "ne", ">", "gt", "greaterthan", "ge", ">=", "<", "lt", "lessthan", "<=", "le",
    ]
}

extension TemplateRuntime {
    /// Whether `value` passes the test `name`.
    func test(_ name: String, _ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> Bool {
        if let operation = Self.comparison(name) {
            let other = try arguments.bind(name, ["other"], required: 1)[0] ?? .none
            return try apply(operation, value, other)
        }
        switch name {
        case "divisibleby":
            let divisor = try arguments.bind(name, ["num"], required: 1)[0] ?? .none
            return try isEqual(try apply(.modulo, value, divisor), .zero)
        case "sameas": return value.isIdentical(to: try arguments.bind(name, ["other"], required: 1)[0] ?? .none)
        case "in": return try contains(try arguments.bind(name, ["seq"], required: 1)[0] ?? .none, value)
        default: break
        }
        _ = try arguments.bind(name, [])
        switch name {
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "none": return value.isNone
        case "odd": return try isEqual(try apply(.modulo, value, .integer(2)), .integer(1))
        case "even": return try isEqual(try apply(.modulo, value, .integer(2)), .zero)
        case "filter", "test":
            _ = try PythonKey(value)
            return (name == "filter" ? TemplateFilters.names : TemplateTests.names).contains(value.text?.string ?? "")
        case "lower": return try string(of: value).isLower
        case "upper": return try string(of: value).isUpper
        case "string": return value.text != nil
        case "callable":
            switch value {
            case .undefined, .global, .macro, .method, .joiner, .loop, .block: return true
            default: return false
            }
        case "iterable":
            switch value {
            case .undefined, .text, .markup, .list, .tuple, .dictionary, .view, .range, .iterator, .loop: return true
            case .blocks: return true
            default: return false
            }
        case "sequence":
            switch value {
            case .undefined, .text, .markup, .list, .tuple, .dictionary, .range: return true
            default: return false
            }
        default: return try testType(name, value)
        }
    }

    private func testType(_ name: String, _ value: PythonValue) throws(TemplateError) -> Bool {
        switch (name, value) {
        case ("boolean", .bool), ("true", .bool(true)), ("false", .bool(false)): true
        case ("boolean", _), ("true", _), ("false", _): false
        case ("integer", .integer), ("float", .float), ("mapping", .dictionary), ("escaped", .markup): true
        case ("integer", _), ("float", _), ("mapping", _), ("escaped", _): false
        case ("number", .integer), ("number", .float), ("number", .bool): true
        case ("number", _): false
        default: throw .runtime("no test named '\(name)'")
        }
    }

    private static func comparison(_ name: String) -> ComparisonOperation? {
        switch name {
        case "==", "eq", "equalto": .equal
        case "!=", "ne": .notEqual
        case ">", "gt", "greaterthan": .greater
        case ">=", "ge": .greaterOrEqual
        case "<", "lt", "lessthan": .less
        case "<=", "le": .lessOrEqual
        default: nil
        }
    }
}
