extension TemplateRuntime {
    /// `value.name`: the attribute, else the item of that name, else undefined.
    func attribute(_ name: PythonText, of value: PythonValue) throws(TemplateError) -> PythonValue {
        if case .undefined(let undefined) = value {
            guard name.hasPrefix("__"), name.hasSuffix("__"), TemplateMethods.hasInternal(name.string, value) else { throw undefined.error }
            return .undefined(PythonUndefined(reason: .unsafe(type: "Undefined", name: name.string)))
        }
        if let found = try ownAttribute(name, of: value) { return found }
        if case .dictionary(let dictionary) = value, let item = dictionary[name] { return item }
        if case .blocks = value, let block = try item(at: .text(name), in: value) { return block }
        return .undefined(PythonUndefined(reason: .attribute(type: value.typeName, name: name.string)))
    }

    /// `value[key]`: the item, else the attribute of that name, else undefined.
    func item(_ key: PythonValue, of value: PythonValue) throws(TemplateError) -> PythonValue {
        if case .undefined(let undefined) = value { throw undefined.error }
        if let found = try item(at: key, in: value) { return found }
        if let name = key.text {
            if let found = try ownAttribute(name, of: value) { return found }
            return .undefined(PythonUndefined(reason: .attribute(type: value.typeName, name: name.string)))
        }
        if case .undefined(let undefined) = key { return .undefined(undefined) }
        return .undefined(
            PythonUndefined(reason: .element(type: value.typeName, element: try representation(of: key).string)))
    }

    private func item(at key: PythonValue, in value: PythonValue) throws(TemplateError) -> PythonValue? {
        switch value {
        case .dictionary(let dictionary):
            guard let hashed = try? PythonKey(key) else { return nil }
            return dictionary[hashed]
        case .list(let list), .tuple(let list):
            guard let index = key.integer.flatMap({ Self.position($0, list.items.count) }) else { return nil }
            return list.items[index]
        case .text(let text):
            guard let index = key.integer.flatMap({ Self.position($0, text.count) }) else { return nil }
            try spend(text.isASCII ? 1 : 1 + text.bytes.count / 64)
            return .text(text.slice(index..<index + 1))
        case .markup(let text):
            guard let index = key.integer.flatMap({ Self.position($0, text.count) }) else { return nil }
            return .markup(text.slice(index..<index + 1))
        case .range(let range):
            guard let index = key.integer.flatMap({ Self.position($0, range.count) }) else { return nil }
            return .integer(range[index])
        case .blocks:
            guard let name = key.text?.string, program.blocks[name] != nil else { return nil }
            return .block(name)
        default: return nil
        }
    }

    private static func position(_ index: Int, _ count: Int) -> Int? {
        let position = index < 0 ? index + count : index
        return (0..<count).contains(position) ? position : nil
    }

    /// What `getattr` finds: methods and properties, not items.
    func ownAttribute(_ name: PythonText, of value: PythonValue) throws(TemplateError) -> PythonValue? {
        if name.bytes.first == UInt8(ascii: "_") {
            guard name.hasPrefix("__"), name.hasSuffix("__"), TemplateMethods.hasInternal(name.string, value) else { return nil }
            return .undefined(PythonUndefined(reason: .unsafe(type: value.typeName, name: name.string)))
        }
        let text = name
        let name = text.string
        switch value {
        case .namespace(let namespace): return namespace.values[text]
        case .loop(let loop): return try loop.attribute(text, self)
        case .cycler(let cycler):
            if name == "current" { return cycler.items.items[cycler.position] }
            if name == "items" { return .tuple(cycler.items) }
            if name == "pos" { return .integer(cycler.position) }
            return name == "next" || name == "reset" ? .method(PythonMethod(value, name)) : nil
        case .joiner(let joiner):
            if name == "sep" { return joiner.separator }
            return name == "used" ? .bool(joiner.isUsed) : nil
        case .macro(let macro): return try attribute(name, of: macro)
        case .tuple(let list) where list.isGroup && list.items.count == 2:
            if name == "grouper" { return list.items[0] }
            if name == "list" { return list.items[1] }
        case .integer, .bool:
            if let integer = value.integer, name == "real" || name == "numerator" { return .integer(integer) }
            if name == "imag" { return .integer(0) }
            if name == "denominator" { return .integer(1) }
        case .float:
            if name == "real" { return value }
            if name == "imag" { return .float(0) }
        case .range(let range):
            if name == "start" { return .integer(range.start) }
            if name == "stop" { return .integer(range.stop) }
            if name == "step" { return .integer(range.step) }
        case .blocks: return nil
        case .block: return nil
        default: break
        }
        switch TemplateMethods.standing(of: name, on: value) {
        case .allowed:
            _ = try deeper(value.depth)
            return .method(PythonMethod(value, name))
        case .forbidden: return .undefined(PythonUndefined(reason: .unsafe(type: value.typeName, name: name)))
        case .absent: return nil
        }
    }

    private func attribute(_ name: String, of macro: TemplateMacro) throws(TemplateError) -> PythonValue? {
        let scope = program.scopes[macro.function.scope]
        switch name {
        case "name": return macro.function.name.map { .string($0) } ?? PythonValue.none
        case "arguments": return try tuple(macro.function.parameters.map { .string($0.name) })
        case "caller": return .bool(scope.usesCaller)
        case "catch_kwargs": return .bool(scope.usesNamed)
        case "catch_varargs": return .bool(scope.usesPositional)
        case "explicit_caller": return .bool(macro.function.parameters.contains { $0.name == "caller" })
        default: return nil
        }
    }

    // MARK: Slices

    func slice(
        _ value: PythonValue, _ start: PythonValue, _ stop: PythonValue, _ step: PythonValue
    ) throws(TemplateError) -> PythonValue {
        if case .undefined(let undefined) = value { throw undefined.error }
        switch value {
        case .list, .tuple, .text, .markup, .range: break
        case .dictionary: throw .runtime("unhashable type: 'slice'")
        default: throw .runtime("'\(value.typeName)' object is not subscriptable")
        }
        let count = try length(of: value)
        let step = try bound(step) ?? 1
        guard step != 0 else { throw .runtime("slice step cannot be zero") }
        let range = Self.indices(try bound(start), try bound(stop), step, count)
        switch value {
        case .list(let list):
            try allocateList(range.count)
            return try self.list((0..<range.count).map { list.items[range[$0]] })
        case .tuple(let list):
            try allocateList(range.count)
            return try tuple((0..<range.count).map { list.items[range[$0]] })
        case .text(let text): return try self.text(slice(text, range))
        case .markup(let text): return .markup(try slice(text, range))
        case .range(let base):
            guard let first = Self.linear(base.start, range.start, base.step), let end = Self.linear(base.start, range.stop, base.step),
                let result = PythonRange(start: first, stop: end, step: range.step.multipliedReportingOverflow(by: base.step).partialValue)
            else { throw .runtime("no such range") }
            return .range(result)
        default: return .none
        }
    }

    private static func linear(_ start: Int, _ index: Int, _ step: Int) -> Int? {
        let (offset, overflow) = index.multipliedReportingOverflow(by: step)
        let (sum, carry) = start.addingReportingOverflow(offset)
        return overflow || carry ? nil : sum
    }

    private func slice(_ text: PythonText, _ range: PythonRange) throws(TemplateError) -> PythonText {
        try spend(1 + text.bytes.count / 64)
        if range.count == 0 { return .empty }
        if range.step == 1 { return text.slice(range.start..<range.start + range.count) }
        try allocateText(text.bytes.count, times: 4)
        let scalars = text.scalars
        return PythonText((0..<range.count).map { scalars[range[$0]] })
    }

    private func bound(_ value: PythonValue) throws(TemplateError) -> Int? {
        if value.isNone { return nil }
        guard let index = value.integer else { throw .runtime("slice indices must be integers or none, not '\(value.typeName)'") }
        return index
    }

    /// The indices that a slice takes of `count` elements, each of them valid.
    static func indices(_ start: Int?, _ stop: Int?, _ step: Int, _ count: Int) -> PythonRange {
        let step = max(step, -Int.max)
        let lower = step < 0 ? -1 : 0
        let upper = step < 0 ? count - 1 : count
        func clamp(_ index: Int?, _ missing: Int) -> Int {
            guard let index else { return missing }
            return index < 0 ? max(index + count, lower) : min(index, upper)
        }
        let first = clamp(start, step < 0 ? upper : lower)
        let last = clamp(stop, step < 0 ? lower : upper)
        return PythonRange(start: first, stop: last, step: step) ?? .empty
    }
}
