/// Turning values into text.
extension TemplateRuntime {
    /// `str`.
    func string(of value: PythonValue) throws(TemplateError) -> PythonText {
        switch value {
        case .text(let text), .markup(let text): return text
        case .undefined, .missing: return .empty
        default:
            var bytes: [UInt8] = []
            try describe(value, into: &bytes)
            return PythonText(bytes)
        }
    }

    /// `repr`.
    func representation(of value: PythonValue) throws(TemplateError) -> PythonText {
        var bytes: [UInt8] = []
        try describe(value, into: &bytes)
        return PythonText(bytes)
    }

    /// Appends `repr`.
    private func describe(_ value: PythonValue, into bytes: inout [UInt8]) throws(TemplateError) {
        try spend(1)
        guard bytes.count <= limits.stringBytes else { throw .limit("a text is longer than \(limits.stringBytes) bytes") }
        switch value {
        case .none: bytes.append(ascii: "None")
        case .bool(let value): bytes.append(ascii: value ? "True" : "False")
        case .integer(let value): bytes.append(contentsOf: String(value).utf8)
        case .float(let value): bytes.append(contentsOf: value.pythonDescription.utf8)
        case .text(let text):
            try allocateText(text.bytes.count)
            Self.quote(text, into: &bytes)
        case .markup(let text):
            try allocateText(text.bytes.count)
            bytes.append(ascii: "Markup(")
            Self.quote(text, into: &bytes)
            bytes.append(ascii: ")")
        case .list(let list): try describe(list.items, "[", "]", into: &bytes)
        case .tuple(let list): try describe(list.items, "(", list.items.count == 1 ? ",)" : ")", into: &bytes)
        case .dictionary(let dictionary): try describe(dictionary.keys, dictionary.values, into: &bytes)
        case .view(let view):
            bytes.append(contentsOf: view.typeName.utf8)
            try describe(try elements(of: value), "([", "])", into: &bytes)
        case .range(let range):
            let step = range.step == 1 ? "" : ", \(range.step)"
            bytes.append(contentsOf: "range(\(range.start), \(range.stop)\(step))".utf8)
        case .namespace(let namespace):
            bytes.append(ascii: "<Namespace ")
            let names = namespace.names.map { PythonValue.text($0) }
            try describe(names, namespace.names.map { namespace.values[$0] ?? .none }, into: &bytes)
            bytes.append(ascii: ">")
        case .loop(let loop): bytes.append(contentsOf: "<LoopContext \(loop.index0 + 1)/\(try loop.length(self))>".utf8)
        case .macro(let macro):
            bytes.append(ascii: "<Macro ")
            if let name = macro.function.name { Self.quote(PythonText(name), into: &bytes) } else { bytes.append(ascii: "anonymous") }
            bytes.append(ascii: ">")
        case .undefined, .missing: bytes.append(ascii: "Undefined")
        default: bytes.append(contentsOf: "<\(value.typeName)>".utf8)
        }
    }

    private func describe(
        _ items: [PythonValue], _ open: StaticString, _ close: StaticString, into bytes: inout [UInt8]
    ) throws(TemplateError) {
        bytes.append(ascii: open)
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(ascii: ", ") }
            try describeNested(item, into: &bytes)
        }
        bytes.append(ascii: close)
    }

    private func describe(_ keys: [PythonValue], _ values: [PythonValue], into bytes: inout [UInt8]) throws(TemplateError) {
        bytes.append(ascii: "{")
        for index in keys.indices {
            if index > 0 { bytes.append(ascii: ", ") }
            try describeNested(keys[index], into: &bytes)
            bytes.append(ascii: ": ")
            try describeNested(values[index], into: &bytes)
        }
        bytes.append(ascii: "}")
    }

    private func describeNested(_ value: PythonValue, into bytes: inout [UInt8]) throws(TemplateError) {
        var inner = bytes
        bytes = []
        try nested { () throws(TemplateError) in try describe(value, into: &inner) }
        bytes = inner
    }

    /// Appends a text in quotes: single ones, unless it holds these and no double ones.
    static func quote(_ text: PythonText, into bytes: inout [UInt8]) {
        let usesDouble = text.bytes.contains(UInt8(ascii: "'")) && !text.bytes.contains(UInt8(ascii: "\""))
        let quote = usesDouble ? UInt8(ascii: "\"") : UInt8(ascii: "'")
        bytes.append(quote)
        for scalar in text.scalars {
            switch scalar.value {
            case UInt32(quote), UInt32(UInt8(ascii: "\\")):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(scalar: scalar)
            case 0x09: bytes.append(ascii: "\\t")
            case 0x0A: bytes.append(ascii: "\\n")
            case 0x0D: bytes.append(ascii: "\\r")
            default:
                if scalar.isPythonPrintable {
                    bytes.append(scalar: scalar)
                } else {
                    let (prefix, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                    let digits = String(scalar.value, radix: 16)
                    bytes.append(contentsOf: "\\\(prefix)\(String(repeating: "0", count: width - digits.utf8.count))\(digits)".utf8)
                }
            }
        }
        bytes.append(quote)
    }

    // MARK: Markup

    /// The text of a value with the characters escaped that HTML gives a meaning, unless it is markup already.
    func escaped(_ value: PythonValue) throws(TemplateError) -> PythonText {
        if case .markup(let text) = value { return text }
        let text = try string(of: value)
        guard text.bytes.contains(where: { Self.entity($0) != nil }) else { return text }
        try allocateText(text.bytes.count, times: 5)
        var bytes: [UInt8] = []
        for byte in text.bytes {
            if let entity = Self.entity(byte) { bytes.append(ascii: entity) } else { bytes.append(byte) }
        }
        return PythonText(bytes)
    }

    private static func entity(_ byte: UInt8) -> StaticString? {
        switch byte {
        case UInt8(ascii: "&"): "&amp;"
        case UInt8(ascii: "<"): "&lt;"
        case UInt8(ascii: ">"): "&gt;"
        case UInt8(ascii: "'"): "&#39;"
        case UInt8(ascii: "\""): "&#34;"
        default: nil
        }
    }
}
