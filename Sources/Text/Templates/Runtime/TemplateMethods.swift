/// Which methods the values of a template have, and which of them the sandbox forbids.
enum TemplateMethods {
    enum Standing { case allowed, forbidden, absent }

    static func standing(of name: String, on value: PythonValue) -> Standing {
        switch value {
        case .text, .markup: text.contains(name) ? .allowed : .absent
        case .list: list.contains(name) ? .allowed : changingList.contains(name) ? .forbidden : .absent
        case .dictionary: dictionary.contains(name) ? .allowed : changingDictionary.contains(name) ? .forbidden : .absent
        case .tuple, .range: name == "count" || name == "index" ? .allowed : .absent
        case .view: name == "isdisjoint" || name == "mapping" ? .allowed : .absent
        case .integer, .bool: integer.contains(name) ? .allowed : .absent
        case .float: float.contains(name) ? .allowed : .absent
        case .global(.dict): name == "fromkeys" ? .allowed : .absent
        default: .absent
        }
    }

    /// Whether a name with underscores around it belongs to Python's internals, which a template may not touch.
    static func hasInternal(_ name: String, _ value: PythonValue) -> Bool {
        switch value {
        case .list, .dictionary, .text, .markup, .tuple:
            if ["__len__", "__iter__", "__getitem__", "__contains__", "__add__", "__mul__"].contains(name) { return true }
        default: break
        }
        return [
            "__class__", "__doc__", "__init__", "__repr__", "__str__", "__eq__", "__ne__", "__hash__", "__dir__", "__new__", "__reduce__",
            "__reduce_ex__", "__getattribute__", "__setattr__", "__delattr__", "__format__", "__sizeof__", "__subclasshook__",
            "__init_subclass__", "__lt__", "__le__", "__gt__", "__ge__",
        ].contains(name)
    }

    private static let text: Set<String> = [
        "capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find", "format", "format_map", "index", "isalnum",
        "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle",
        "isupper", "join", "ljust", "lower", "lstrip", "maketrans", "partition", "removeprefix", "removesuffix", "replace", "rfind",
        "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title",
        "translate", "upper", "zfill",
    ]
    private static let list: Set<String> = ["copy", "count", "index"]
    private static let changingList: Set<String> = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]
    private static let dictionary: Set<String> = ["copy", "fromkeys", "get", "items", "keys", "values"]
    private static let changingDictionary: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]
    private static let integer: Set<String> = [
        "as_integer_ratio", "bit_count", "bit_length", "conjugate", "from_bytes", "to_bytes",
    ]
    private static let float: Set<String> = ["as_integer_ratio", "conjugate", "fromhex", "hex", "is_integer"]
}

extension TemplateRuntime {
    func call(_ method: PythonMethod, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        switch method.receiver {
        case .text(let text): return try call(method.name, on: text, arguments)
        case .markup(let text):
            let result = try call(method.name, on: text, arguments)
            if case .text(let text) = result { return .markup(text) }
            return result
        case .list(let list): return try call(method.name, on: list, isList: true, arguments)
        case .tuple(let list): return try call(method.name, on: list, isList: false, arguments)
        case .dictionary(let dictionary): return try call(method.name, on: dictionary, arguments)
        case .loop(let loop):
            guard arguments.named.isEmpty else { throw .runtime("loop.\(method.name) takes no keyword arguments") }
            return try loop.call(method.name, arguments.positional, self)
        case .cycler(let cycler):
            _ = try arguments.bind(method.name, [])
            if method.name == "reset" {
                cycler.position = 0
                return .none
            }
            defer { cycler.position = (cycler.position + 1) % cycler.items.items.count }
            return cycler.items.items[cycler.position]
        case .integer, .bool: return try call(method.name, on: method.receiver.integer ?? 0, arguments)
        case .float(let double):
            _ = try arguments.bind(method.name, [])
            if method.name == "is_integer" { return .bool(double.isFinite && double == double.rounded()) }
            if method.name == "conjugate" { return .float(double) }
        case .range(let range):
            if let value = try arguments.bind(method.name, ["value"], required: 1)[0] {
                let isIn = try contains(.range(range), value)
                if method.name == "count" { return .integer(isIn ? 1 : 0) }
                guard isIn, let number = value.integer else { throw .runtime("the value is not in the range") }
                return .integer((number - range.start) / range.step)
            }
        case .global(.dict): return try fromKeys(arguments)
        default: break
        }
        throw .runtime("the method '\(method.name)' of '\(method.receiver.typeName)' is not supported")
    }

    private func call(_ name: String, on list: PythonList, isList: Bool, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        if name == "copy" {
            _ = try arguments.bind(name, [])
            return try self.list(list.items)
        }
        guard arguments.named.isEmpty else { throw .runtime("\(name)() takes no keyword arguments") }
        let bound = try arguments.bind(name, name == "count" ? ["value"] : ["value", "start", "stop"], required: 1)
        guard let value = bound[0] else { return .none }
        if name == "count" {
            var count = 0
            for item in list.items where try isEqual(item, value) { count += 1 }
            return .integer(count)
        }
        let range = Self.indices(try integer(bound[1]), try integer(bound[2]), 1, list.items.count)
        for index in range.start..<max(range.start, range.stop) where try isEqual(list.items[index], value) { return .integer(index) }
        throw .runtime("\(try representation(of: value).string) is not in the \(isList ? "list" : "tuple")")
    }

    private func call(_ name: String, on dictionary: PythonDictionary, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        switch name {
        case "items", "keys", "values":
            _ = try arguments.bind(name, [])
            _ = try deeper(dictionary.depth)
            return .view(PythonView(kind: name == "items" ? .items : name == "keys" ? .keys : .values, dictionary: dictionary))
        case "get":
            guard arguments.named.isEmpty else { throw .runtime("get() takes no keyword arguments") }
            let bound = try arguments.bind(name, ["key", "default"], required: 1)
            guard let key = bound[0] else { return .none }
            return dictionary[try PythonKey(key)] ?? bound[1] ?? .none
        case "fromkeys": return try fromKeys(arguments)
        default:
            _ = try arguments.bind(name, [])
            return .dictionary(dictionary)
        }
    }

    private func fromKeys(_ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        guard arguments.named.isEmpty else { throw .runtime("fromkeys() takes no keyword arguments") }
        let bound = try arguments.bind("fromkeys", ["iterable", "value"], required: 1)
        var builder = PythonDictionaryBuilder()
        for key in try elements(of: bound[0] ?? .none) { try builder.set(key, bound[1] ?? .none) }
        return try self.dictionary(builder)
    }

    private func call(_ name: String, on integer: Int, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        _ = try arguments.bind(name, [])
        switch name {
        case "bit_length": return .integer(Int.bitWidth - integer.magnitude.leadingZeroBitCount)
        case "bit_count": return .integer(integer.magnitude.nonzeroBitCount)
        case "conjugate": return .integer(integer)
        case "as_integer_ratio": return try tuple([.integer(integer), .integer(1)])
        default: throw .runtime("the method '\(name)' of 'int' is not supported")
        }
    }

    // MARK: Arguments

    /// An optional integer argument; none means that it is not given.
    func integer(_ value: PythonValue?) throws(TemplateError) -> Int? {
        guard let value, !value.isNone else { return nil }
        return try requiredInteger(value)
    }

    func requiredInteger(_ value: PythonValue) throws(TemplateError) -> Int {
        if case .undefined(let undefined) = value { throw .runtime("an integer is needed: \(undefined.error.message)") }
        guard let integer = value.integer else { throw .runtime("an integer is needed, not '\(value.typeName)'") }
        return integer
    }

    func requiredText(_ value: PythonValue?) throws(TemplateError) -> PythonText {
        guard let text = value?.text else { throw .runtime("a string is needed, not '\(value?.typeName ?? "None")'") }
        return text
    }
}
