/// The filter `tojson` as transformers defines it: Python's `json.dumps` without HTML escapes.
extension TemplateRuntime {
    private struct Style {
        var asciiOnly = false
        var indentation: PythonText?
        var itemSeparator: PythonText = ", "
        var keySeparator: PythonText = ": "
        var sortsKeys = false
    }

    func json(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonText {
        let bound = try arguments.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])
        var style = Style()
        style.asciiOnly = try flag(bound[0])
        style.sortsKeys = try flag(bound[3])
        if let indent = bound[1], !indent.isNone {
            if let text = indent.text {
                style.indentation = text
            } else {
                style.indentation = try repeated(" ", try requiredInteger(indent))
            }
            style.itemSeparator = ","
        }
        if let separators = bound[2], !separators.isNone {
            let pair = try elements(of: separators)
            guard pair.count == 2 else { throw .runtime("separators must be a pair") }
            style.itemSeparator = try requiredText(pair[0])
            style.keySeparator = try requiredText(pair[1])
        }
        var bytes: [UInt8] = []
        try append(value, style, level: 0, to: &bytes)
        return PythonText(bytes)
    }

    private func append(_ value: PythonValue, _ style: Style, level: Int, to bytes: inout [UInt8]) throws(TemplateError) {
        try spend(1)
        guard bytes.count <= limits.stringBytes else { throw .limit("a text is longer than \(limits.stringBytes) bytes") }
        switch value {
        case .none: bytes.append(ascii: "null")
        case .bool(let value): bytes.append(ascii: value ? "true" : "false")
        case .integer(let value): bytes.append(contentsOf: String(value).utf8)
        case .float(let value): bytes.append(contentsOf: Self.jsonNumber(value).utf8)
        case .text(let text), .markup(let text):
            try allocate(text.bytes.count)
            Self.append(text, asciiOnly: style.asciiOnly, to: &bytes)
        case .list(let list), .tuple(let list):
            try appendBody(list.items.count, "[", "]", style, level, to: &bytes) { (index, bytes) throws(TemplateError) in
                try self.append(list.items[index], style, level: level + 1, to: &bytes)
            }
        case .dictionary(let dictionary):
            let order = try self.order(of: dictionary, style)
            try appendBody(dictionary.count, "{", "}", style, level, to: &bytes) { (index, bytes) throws(TemplateError) in
                Self.append(try Self.jsonKey(dictionary.keys[order[index]]), asciiOnly: style.asciiOnly, to: &bytes)
                bytes.append(style.keySeparator)
                try self.append(dictionary.values[order[index]], style, level: level + 1, to: &bytes)
            }
        default: throw .runtime("object of type \(value.typeName) is not JSON serializable")
        }
    }

    private func appendBody(
        _ count: Int, _ open: StaticString, _ close: StaticString, _ style: Style, _ level: Int, to bytes: inout [UInt8],
        _ element: (Int, inout [UInt8]) throws(TemplateError) -> Void
    ) throws(TemplateError) {
        bytes.append(ascii: open)
        if count > 0 {
            for index in 0..<count {
                if index > 0 { bytes.append(style.itemSeparator) }
                try appendBreak(style, level + 1, to: &bytes)
                try element(index, &bytes)
            }
            try appendBreak(style, level, to: &bytes)
        }
        bytes.append(ascii: close)
    }

    private func appendBreak(_ style: Style, _ level: Int, to bytes: inout [UInt8]) throws(TemplateError) {
        guard let indentation = style.indentation else { return }
        try allocateText(indentation.bytes.count, times: level)
        bytes.append(UInt8(ascii: "\n"))
        for _ in 0..<level { bytes.append(indentation) }
        guard bytes.count <= limits.stringBytes else { throw .limit("a text is longer than \(limits.stringBytes) bytes") }
    }

    private func order(of dictionary: PythonDictionary, _ style: Style) throws(TemplateError) -> [Int] {
        let order = Array(dictionary.keys.indices)
        guard style.sortsKeys else { return order }
        let sorted = try sorted(order.map { .integer($0) }, by: dictionary.keys)
        return sorted.compactMap(\.integer)
    }

    private static func jsonNumber(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return value.pythonDescription
    }

    private static func jsonKey(_ key: PythonValue) throws(TemplateError) -> PythonText {
        switch key {
        case .text(let text), .markup(let text): return text
        case .none: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return PythonText(String(value))
        case .float(let value): return PythonText(jsonNumber(value))
        default: throw .runtime("keys must be str, int, float, bool or None, not \(key.typeName)")
        }
    }

    private static func append(_ text: PythonText, asciiOnly: Bool, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if asciiOnly {
            for scalar in text.scalars {
                if scalar.isASCII, scalar.value != 0x7F {
                    append(UInt8(scalar.value), to: &bytes)
                } else {
                    for unit in String(scalar).utf16 { appendEscape(unit, to: &bytes) }
                }
            }
        } else {
            for byte in text.bytes { append(byte, to: &bytes) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func append(_ byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): bytes.append(ascii: "\\\"")
        case UInt8(ascii: "\\"): bytes.append(ascii: "\\\\")
        case 0x08: bytes.append(ascii: "\\b")
        case 0x09: bytes.append(ascii: "\\t")
        case 0x0A: bytes.append(ascii: "\\n")
        case 0x0C: bytes.append(ascii: "\\f")
        case 0x0D: bytes.append(ascii: "\\r")
        case 0..<0x20: appendEscape(UInt16(byte), to: &bytes)
        default: bytes.append(byte)
        }
    }

    private static func appendEscape(_ unit: UInt16, to bytes: inout [UInt8]) {
        let digits = String(unit, radix: 16)
        bytes.append(contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8)
    }
}
