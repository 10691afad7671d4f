extension TemplateRuntime {
    /// Filters that take a whole sequence at once.
    func sequenceFilter(_ name: String, _ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue? {
        switch name {
        case "list":
            _ = try arguments.bind(name, [])
            return try list(try elements(of: value))
        case "first":
            _ = try arguments.bind(name, [])
            return try iterator(over: value).next() ?? .undefined(hint: "no first item, sequence was empty")
        case "last":
            _ = try arguments.bind(name, [])
            switch value {
            case .iterator, .loop, .none, .bool, .integer, .float: throw .runtime("'\(value.typeName)' object is not reversible")
            default: return try elements(of: value).last ?? .undefined(hint: "no last item, sequence was empty")
            }
        case "join": return try join(value, arguments)
        case "reverse":
            _ = try arguments.bind(name, [])
            if case .text(let text) = value { return .text(text.reversed()) }
            if case .markup(let text) = value { return .markup(text.reversed()) }
            let items = Array(try elements(of: value).reversed())
            if case .iterator = value { return try list(items) }
            if case .loop = value { return try list(items) }
            return .iterator(try iterator(over: try list(items)))
        case "sort":
            let bound = try arguments.bind(name, ["reverse", "case_sensitive", "attribute"])
            let items = try elements(of: value)
            let keys = try keys(of: items, bound[2], ignoresCase: !(try flag(bound[1])))
            return try list(try sorted(items, by: keys, descending: try flag(bound[0])))
        case "dictsort": return try sortDictionary(value, arguments)
        case "min", "max":
            let bound = try arguments.bind(name, ["case_sensitive", "attribute"])
            let key = try getter(bound[1], ignoresCase: !(try flag(bound[0])))
            var best: (item: PythonValue, key: PythonValue)?
            for item in try elements(of: value) {
                let itemKey = try key(item)
                guard let current = best else {
                    best = (item, itemKey)
                    continue
                }
                if try isOrdered(itemKey, current.key, name == "min" ? .less : .greater) { best = (item, itemKey) }
            }
            return best?.item ?? .undefined(hint: "no aggregated item, sequence was empty")
        case "sum":
            let bound = try arguments.bind(name, ["attribute", "start"])
            let get = try getter(bound[0])
            var sum = bound[1] ?? .zero
            guard sum.text == nil else { throw .runtime("sum() can't sum strings") }
            for item in try elements(of: value) { sum = try apply(.add, sum, try get(item)) }
            return sum
        case "groupby": return try group(value, arguments)
        default: return nil
        }
    }

    private func join(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("join", ["d", "attribute"])
        let get = try getter(bound[1])
        let separator = try string(of: bound[0] ?? .text(.empty))
        var parts: [PythonText] = []
        if bound[1] == nil || bound[1]?.isNone == true, let text = value.text {
            parts = text.characters
        } else {
            for item in try elements(of: value) { parts.append(try string(of: try get(item))) }
        }
        return .text(try join(parts, with: separator))
    }

    /// What to sort by: the attributes between commas, as a list.
    private func keys(of items: [PythonValue], _ attribute: PythonValue?, ignoresCase: Bool) throws(TemplateError) -> [PythonValue] {
        var getters: [(PythonValue) throws(TemplateError) -> PythonValue] = []
        if let text = attribute?.text {
            for part in text.split(",", limit: 100) { getters.append(try getter(.text(part), ignoresCase: ignoresCase)) }
        } else {
            getters.append(try getter(attribute, ignoresCase: ignoresCase))
        }
        var keys: [PythonValue] = []
        for item in items {
            var parts: [PythonValue] = []
            for get in getters { parts.append(try get(item)) }
            keys.append(try list(parts))
        }
        return keys
    }

    private func sortDictionary(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("dictsort", ["case_sensitive", "by", "reverse"])
        let by = bound[1]?.text?.string ?? (bound[1] == nil ? "key" : "")
        guard by == "key" || by == "value" else { throw .runtime("you can only sort by either 'key' or 'value'") }
        if case .undefined(let undefined) = value { throw undefined.error }
        guard case .dictionary(let dictionary) = value else { throw .runtime("'\(value.typeName)' object has no attribute 'items'") }
        let isSensitive = try flag(bound[0])
        let keys = (by == "key" ? dictionary.keys : dictionary.values).map { isSensitive ? $0 : lowered($0) }
        let items = PythonView(kind: .items, dictionary: dictionary).items
        return try list(try sorted(items, by: keys, descending: try flag(bound[2])))
    }

    private func group(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("groupby", ["attribute", "default", "case_sensitive"], required: 1)
        let isSensitive = try flag(bound[2])
        let get = try getter(bound[0], ignoresCase: !isSensitive, default: bound[1])
        let label = try getter(bound[0], default: bound[1])
        let items = try elements(of: value)
        var keys: [PythonValue] = []
        for item in items { keys.append(try get(item)) }
        let sorted = try sorted(items, by: keys)
        var groups: [PythonValue] = []
        var members: [PythonValue] = []
        var current: PythonValue?
        func finish() throws(TemplateError) {
            guard let first = members.first else { return }
            groups.append(.tuple(try contents([try label(first), try list(members)], isGroup: true)))
            members = []
        }
        for item in sorted {
            let key = try get(item)
            if let previous = current, try isEqual(previous, key) {
            } else {
                try finish()
                current = key
            }
            members.append(item)
        }
        try finish()
        return try list(groups)
    }
}
