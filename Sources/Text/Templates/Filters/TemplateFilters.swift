/// The names of all filters.
enum TemplateFilters {
    static let names: Set<String> = [
        "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "filesizeformat", "first",
        "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max",
        "min", "pprint", "random", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "slice", "sort",
        "string", "striptags", "sum", "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode", "urlize", "wordcount",
        "wordwrap", "xmlattr",
    ]
}

extension TemplateRuntime {
    /// Applies the filter `name` to `value`.
    func filter(_ name: String, _ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        if let text = value.text { try spend(1 + text.bytes.count / 16) }
        switch name {
        case "default", "d":
            let bound = try arguments.bind(name, ["default_value", "boolean"])
            var isMissing = value.isUndefined
            if !isMissing, let boolean = bound[1], try isTrue(boolean) { isMissing = !(try isTrue(value)) }
            return isMissing ? bound[0] ?? .text(.empty) : value
        case "length", "count":
            _ = try arguments.bind(name, [])
            return .integer(try length(of: value))
        case "tojson": return try text(try json(value, arguments))
        case "string":
            _ = try arguments.bind(name, [])
            if case .markup = value { return value }
            return try text(try string(of: value))
        case "attr":
            let attribute = try requiredText(try arguments.bind(name, ["name"], required: 1)[0])
            if case .undefined = value { return try self.attribute(attribute, of: value) }
            return try ownAttribute(attribute, of: value)
                ?? .undefined(PythonUndefined(reason: .attribute(type: value.typeName, name: attribute.string)))
        case "random": throw .runtime("the filter 'random' is not supported: its result would change from one rendering to the next")
        case "pprint": throw .runtime("the filter 'pprint' is not supported")
        case "urlize": throw .runtime("the filter 'urlize' is not supported")
        default: break
        }
        if let result = try textFilter(name, value, arguments) { return result }
        if let result = try markupFilter(name, value, arguments) { return result }
        if let result = try numberFilter(name, value, arguments) { return result }
        if let result = try sequenceFilter(name, value, arguments) { return result }
        if let result = try lazyFilter(name, value, arguments) { return result }
        throw .runtime("no filter named '\(name)'")
    }

    /// Gets at what `attribute` names in items: parts between dots, those of digits alone as indices.
    func getter(
        _ attribute: PythonValue?, ignoresCase: Bool = false, default fallback: PythonValue? = nil
    ) throws(TemplateError) -> (PythonValue) throws(TemplateError) -> PythonValue {
        var parts: [PythonValue] = []
        if let attribute, !attribute.isNone {
            if let text = attribute.text {
                for part in text.split(".", limit: 100) {
                    if part.isAll({ $0.isPythonDigit }) {
                        guard let index = Int(part.string) else { throw .runtime("'\(part.string)' is no index") }
                        parts.append(.integer(index))
                    } else {
                        parts.append(.text(part))
                    }
                }
            } else {
                parts.append(attribute)
            }
        }
        let fallback = fallback.flatMap { $0.isNone ? nil : $0 }
        return { [self] (item) throws(TemplateError) -> PythonValue in
            var item = item
            for part in parts {
                item = try self.item(part, of: item)
                if let fallback, item.isUndefined { item = fallback }
            }
            return ignoresCase ? lowered(item) : item
        }
    }

    func lowered(_ value: PythonValue) -> PythonValue {
        guard let text = value.text else { return value }
        return .text(text.lowercased())
    }

    func flag(_ value: PythonValue?, _ missing: Bool = false) throws(TemplateError) -> Bool {
        guard let value else { return missing }
        return try isTrue(value)
    }
}
