import JSON

/// Making values, within the limits.
extension TemplateRuntime {
    func list(_ items: [PythonValue]) throws(TemplateError) -> PythonValue { .list(try contents(items)) }
    func tuple(_ items: [PythonValue]) throws(TemplateError) -> PythonValue { .tuple(try contents(items)) }

    func contents(_ items: [PythonValue], isGroup: Bool = false) throws(TemplateError) -> PythonList {
        try allocateList(items.count)
        var depth = 0
        for item in items { depth = max(depth, item.depth) }
        return PythonList(items, depth: try deeper(depth), isGroup: isGroup)
    }

    /// The depth of what contains something of `depth`.
    func deeper(_ depth: Int) throws(TemplateError) -> Int {
        guard depth < TemplateDepth.values else { throw .limit("values nest more than \(TemplateDepth.values) deep") }
        return depth + 1
    }

    func text(_ text: PythonText) throws(TemplateError) -> PythonValue {
        try allocateText(text.bytes.count)
        return .text(text)
    }

    func dictionary(_ builder: PythonDictionaryBuilder) throws(TemplateError) -> PythonValue {
        try allocateList(builder.count * 3)
        return .dictionary(try builder.build())
    }

    func texts(_ parts: [PythonText]) throws(TemplateError) -> PythonValue {
        try list(parts.map { .text($0) })
    }

    /// Checks before a text is cut at `limit` places or fewer that the list of its parts will be allowed.
    func splitLimit(_ limit: Int) -> Int { limit < 0 ? limits.listCount : min(limit, limits.listCount) }

    func convert(_ json: JSON, depth: Int = 0) throws(TemplateError) -> PythonValue {
        guard depth < TemplateDepth.values else { throw .limit("the data nests more than \(TemplateDepth.values) deep") }
        switch json {
        case .null: return .none
        case .bool(let value): return .bool(value)
        case .integer(let value): return .integer(value)
        case .number(let value): return .float(value)
        case .string(let value): return try text(PythonText(value))
        case .array(let values):
            var items: [PythonValue] = []
            items.reserveCapacity(values.count)
            for value in values { items.append(try convert(value, depth: depth + 1)) }
            return try list(items)
        case .object(let members):
            var builder = PythonDictionaryBuilder()
            for member in members { builder.set(PythonText(member.key), try convert(member.value, depth: depth + 1)) }
            return try dictionary(builder)
        }
    }

    // MARK: Iteration

    /// An iterator over the elements of a value, as `iter` makes it.
    func iterator(over value: PythonValue) throws(TemplateError) -> PythonIterator {
        if case .iterator(let iterator) = value { return iterator }
        if case .loop(let loop) = value {
            return PythonIterator(depth: try deeper(loop.depth)) { [self] () throws(TemplateError) -> PythonValue? in
                guard let item = try loop.advance(self) else { return nil }
                return try tuple([item, .loop(loop)])
            }
        }
        if case .range(let range) = value {
            var index = 0
            return PythonIterator(depth: 1) { () throws(TemplateError) -> PythonValue? in
                guard index < range.count else { return nil }
                defer { index += 1 }
                return .integer(range[index])
            }
        }
        let items = try elements(of: value)
        var index = 0
        return PythonIterator(depth: try deeper(value.depth)) { () throws(TemplateError) -> PythonValue? in
            guard index < items.count else { return nil }
            defer { index += 1 }
            return items[index]
        }
    }

    /// All elements of a value. Uses up an iterator.
    func elements(of value: PythonValue) throws(TemplateError) -> [PythonValue] {
        switch value {
        case .list(let list), .tuple(let list): return list.items
        case .dictionary(let dictionary): return dictionary.keys
        case .view(let view):
            try allocateList(view.dictionary.count * 3)
            return view.items
        case .text(let text), .markup(let text):
            try allocateList(text.count * 3)
            return text.characters.map { .text($0) }
        case .undefined: return []
        case .range(let range):
            try allocateList(range.count)
            return (0..<range.count).map { .integer(range[$0]) }
        case .iterator, .loop:
            let iterator = try iterator(over: value)
            var items: [PythonValue] = []
            while let item = try iterator.next() {
                try allocate(MemoryLayout<PythonValue>.stride)
                guard items.count < limits.listCount else { throw .limit("a list is longer than \(limits.listCount)") }
                items.append(item)
            }
            return items
        default: throw .runtime("'\(value.typeName)' object is not iterable")
        }
    }

    /// A lazy sequence that reads `source` when it is first asked; with `ifTrue` it is empty where `source` then counts as false, even
    /// if that is no sequence.
    func lazy(
        over source: PythonValue, ifTrue: Bool = false, _ step: @escaping (PythonIterator) throws(TemplateError) -> PythonValue?
    ) throws(TemplateError) -> PythonValue {
        try allocate(128)
        var iterator: PythonIterator?
        return .iterator(
            PythonIterator(depth: try deeper(source.depth)) { [self] () throws(TemplateError) -> PythonValue? in
                try nested { () throws(TemplateError) -> PythonValue? in
                    try spend(1)
                    let from: PythonIterator
                    if let iterator {
                        from = iterator
                    } else {
                        if ifTrue, !(try isTrue(source)) { return nil }
                        from = try self.iterator(over: source)
                        iterator = from
                    }
                    return try step(from)
                }
            })
    }

    /// `len`.
    func length(of value: PythonValue) throws(TemplateError) -> Int {
        switch value {
        case .text(let text), .markup(let text): return text.count
        case .list(let list), .tuple(let list): return list.items.count
        case .dictionary(let dictionary): return dictionary.count
        case .view(let view): return view.dictionary.count
        case .range(let range): return range.count
        case .undefined: return 0
        case .loop(let loop): return try loop.length(self)
        default: throw .runtime("object of type '\(value.typeName)' has no len()")
        }
    }

    /// `bool`.
    func isTrue(_ value: PythonValue) throws(TemplateError) -> Bool {
        switch value {
        case .missing, .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .text, .markup, .list, .tuple, .dictionary, .view, .range: try length(of: value) > 0
        case .loop(let loop): try loop.length(self) > 0
        default: true
        }
    }
}
