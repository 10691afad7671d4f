extension TemplateRuntime {
    /// Filters that hand on elements one by one, so that each works at the time its result is used.
    func lazyFilter(_ name: String, _ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue? {
        switch name {
        case "map": return try map(value, arguments)
        case "select", "reject": return try select(value, arguments, keeps: name == "select", byAttribute: false)
        case "selectattr", "rejectattr": return try select(value, arguments, keeps: name == "selectattr", byAttribute: true)
        case "items":
            _ = try arguments.bind(name, [])
            switch value {
            case .dictionary(let dictionary): return .iterator(try iterator(over: .view(PythonView(kind: .items, dictionary: dictionary))))
            case .undefined: return .iterator(try iterator(over: value))
            default:
                return .iterator(
                    PythonIterator(depth: 1) { () throws(TemplateError) -> PythonValue? in
                        throw .runtime("can only get item pairs from a mapping, not '\(value.typeName)'")
                    })
            }
        case "unique":
            let bound = try arguments.bind(name, ["case_sensitive", "attribute"])
            let key = try getter(bound[1], ignoresCase: !(try flag(bound[0])))
            var seen: Set<PythonKey> = []
            return try lazy(over: value) { (iterator) throws(TemplateError) -> PythonValue? in
                while let item = try iterator.next() { if seen.insert(try PythonKey(try key(item))).inserted { return item } }
                return nil
            }
        case "batch": return try batch(value, arguments)
        case "slice": return try slices(value, arguments)
        default: return nil
        }
    }

    private func map(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        var function: ((PythonValue) throws(TemplateError) -> PythonValue)?
        return try lazy(over: value, ifTrue: true) { [self] (iterator) throws(TemplateError) -> PythonValue? in
            if function == nil { function = try mapping(arguments) }
            guard let item = try iterator.next(), let function else { return nil }
            return try function(item)
        }
    }

    private func mapping(_ arguments: TemplateValues) throws(TemplateError) -> (PythonValue) throws(TemplateError) -> PythonValue {
        if arguments.positional.isEmpty, let attribute = arguments.named.first(where: { $0.name == "attribute" })?.value {
            let fallback = arguments.named.first { $0.name == "default" }?.value
            if let extra = arguments.named.first(where: { $0.name != "attribute" && $0.name != "default" }) {
                throw .runtime("unexpected keyword argument '\(extra.name)'")
            }
            return try getter(attribute, default: fallback)
        }
        guard let name = arguments.positional.first else { throw .runtime("map requires a filter argument") }
        var rest = arguments
        rest.positional.removeFirst()
        let (filterName, values) = (try requiredText(name).string, rest)
        return { [self] (item) throws(TemplateError) -> PythonValue in try filter(filterName, item, values) }
    }

    private func select(
        _ value: PythonValue, _ arguments: TemplateValues, keeps: Bool, byAttribute: Bool
    ) throws(TemplateError) -> PythonValue {
        var holds: ((PythonValue) throws(TemplateError) -> Bool)?
        return try lazy(over: value, ifTrue: true) { [self] (iterator) throws(TemplateError) -> PythonValue? in
            if holds == nil { holds = try condition(arguments, byAttribute: byAttribute) }
            guard let holds else { return nil }
            while let item = try iterator.next() {
                try spend(1)
                if try holds(item) == keeps { return item }
            }
            return nil
        }
    }

    private func condition(
        _ arguments: TemplateValues, byAttribute: Bool
    ) throws(TemplateError) -> (PythonValue) throws(TemplateError) -> Bool {
        var rest = arguments
        var get: (PythonValue) throws(TemplateError) -> PythonValue = { $0 }
        if byAttribute {
            guard let attribute = rest.positional.first else { throw .runtime("missing parameter for attribute name") }
            rest.positional.removeFirst()
            get = try getter(attribute)
        }
        let getter = get
        guard let name = rest.positional.first else {
            return { [self] (item) throws(TemplateError) -> Bool in try isTrue(try getter(item)) }
        }
        rest.positional.removeFirst()
        let (testName, values) = (try requiredText(name).string, rest)
        return { [self] (item) throws(TemplateError) -> Bool in try test(testName, try getter(item), values) }
    }

    private func batch(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("batch", ["linecount", "fill_with"], required: 1)
        let fill = bound[1].flatMap { $0.isNone ? nil : $0 }
        let size = bound[0] ?? .none
        var pending: PythonValue?
        return try lazy(over: value) { [self] (iterator) throws(TemplateError) -> PythonValue? in
            var items: [PythonValue] = []
            if let item = pending { items.append(item) }
            pending = nil
            while let item = try iterator.next() {
                if let count = size.double, Double(items.count) == count {
                    pending = item
                    return try list(items)
                }
                items.append(item)
                try allocate(MemoryLayout<PythonValue>.stride)
            }
            if items.isEmpty { return nil }
            if let fill {
                let missing = try requiredInteger(size) - items.count
                try allocateList(max(0, missing))
                if missing > 0 { items.append(contentsOf: repeatElement(fill, count: missing)) }
            }
            return try list(items)
        }
    }

    private func slices(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("slice", ["slices", "fill_with"], required: 1)
        let fill = bound[1].flatMap { $0.isNone ? nil : $0 }
        var all: [PythonValue]?
        var number = 0
        return try lazy(over: value) { [self] (iterator) throws(TemplateError) -> PythonValue? in
            let count = try requiredInteger(bound[0] ?? .none)
            if all == nil { all = try elements(of: .iterator(iterator)) }
            guard let all else { return nil }
            guard count != 0 else { throw .runtime("integer division or modulo by zero") }
            guard number < count else { return nil }
            let (size, extra) = (all.count / count, all.count % count)
            let start = number * size + min(number, extra)
            var items = Array(all[start..<start + size + (number < extra ? 1 : 0)])
            if let fill, number >= extra { items.append(fill) }
            number += 1
            return try list(items)
        }
    }
}
