extension TemplateRuntime {
    /// Filters for HTML and addresses.
    func markupFilter(_ name: String, _ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue? {
        switch name {
        case "e", "escape":
            _ = try arguments.bind(name, [])
            return .markup(try escaped(value))
        case "forceescape":
            _ = try arguments.bind(name, [])
            return .markup(try escaped(.text(try string(of: value))))
        case "safe":
            _ = try arguments.bind(name, [])
            return .markup(try string(of: value))
        case "striptags":
            _ = try arguments.bind(name, [])
            return .text(try stripTags(try string(of: value)))
        case "xmlattr": return .text(try attributes(value, arguments))
        case "urlencode":
            _ = try arguments.bind(name, [])
            return .text(try encodeAddress(value))
        default: return nil
        }
    }

    /// Removes comments and tags, joins white space and resolves the common entities.
    private func stripTags(_ text: PythonText) throws(TemplateError) -> PythonText {
        var bytes = try remove(text.bytes, from: "<!--", to: "-->")
        bytes = try remove(bytes, from: "<", to: ">")
        let words = PythonText(bytes).splitAtSpace(limit: limits.listCount)
        return Self.unescaped(try join(words, with: " "))
    }

    private func remove(_ bytes: [UInt8], from open: PythonText, to close: PythonText) throws(TemplateError) -> [UInt8] {
        try allocateText(bytes.count)
        let text = PythonText(bytes)
        var result: [UInt8] = []
        var start = 0
        while let found = text.find(open, from: start, to: bytes.count),
            let end = text.find(close, from: found, to: bytes.count)
        {
            result.append(contentsOf: bytes[start..<found])
            start = end + close.bytes.count
        }
        result.append(contentsOf: bytes[start...])
        return result
    }

    private static func unescaped(_ text: PythonText) -> PythonText {
        guard text.bytes.contains(UInt8(ascii: "&")) else { return text }
        let names: [(StaticString, StaticString)] = [
            ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("&quot;", "\""), ("&#39;", "'"), ("&#34;", "\""), ("&apos;", "'"),
            ("&nbsp;", "\u{A0}"),
        ]
        var bytes: [UInt8] = []
        var index = 0
        scan: while index < text.bytes.count {
            if text.bytes[index] == UInt8(ascii: "&") {
                for (name, character) in names where text.bytes[index...].starts(with: PythonText("\(name)").bytes) {
                    bytes.append(ascii: character)
                    index += name.utf8CodeUnitCount
                    continue scan
                }
            }
            bytes.append(text.bytes[index])
            index += 1
        }
        return PythonText(bytes)
    }

    private func attributes(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonText {
        let hasSpace = try flag(try arguments.bind("xmlattr", ["autospace"])[0], true)
        if case .undefined(let undefined) = value { throw undefined.error }
        guard case .dictionary(let dictionary) = value else { throw .runtime("xmlattr needs a mapping, not '\(value.typeName)'") }
        var parts: [PythonText] = []
        for (key, value) in zip(dictionary.keys, dictionary.values) where !value.isNone && !value.isUndefined {
            let name = try requiredText(key)
            guard !name.bytes.contains(where: { (0x09...0x0D).contains($0) || [0x20, 0x2F, 0x3E, 0x3D].contains($0) }) else {
                throw .runtime("invalid character in attribute name: '\(name.string)'")
            }
            parts.append(try escaped(key) + "=\"" + (try escaped(value)) + "\"")
        }
        let joined = try join(parts, with: " ")
        return hasSpace && !joined.isEmpty ? " " + joined : joined
    }

    private func encodeAddress(_ value: PythonValue) throws(TemplateError) -> PythonText {
        let pairs: [PythonValue]
        switch value {
        case .dictionary(let dictionary): pairs = PythonView(kind: .items, dictionary: dictionary).items
        case .list, .tuple, .view, .iterator, .range, .undefined, .loop: pairs = try elements(of: value)
        default: return try quoted(try string(of: value), isQuery: false)
        }
        var parts: [PythonText] = []
        for pair in pairs {
            let items = try elements(of: pair)
            guard items.count == 2 else { throw .runtime("urlencode needs pairs") }
            let (name, value) = (try quoted(try string(of: items[0]), isQuery: true), try quoted(try string(of: items[1]), isQuery: true))
            parts.append(name + "=" + value)
        }
        return try join(parts, with: "&")
    }

    private func quoted(_ text: PythonText, isQuery: Bool) throws(TemplateError) -> PythonText {
        try allocateText(text.bytes.count, times: 3)
        var bytes: [UInt8] = []
        for byte in text.bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "~"):
                bytes.append(byte)
            case UInt8(ascii: "/") where !isQuery: bytes.append(byte)
            case UInt8(ascii: " ") where isQuery: bytes.append(UInt8(ascii: "+"))
            default:
                let digits = Array("0123456789ABCDEF".utf8)
                bytes.append(contentsOf: [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }
        }
        return PythonText(bytes)
    }
}
