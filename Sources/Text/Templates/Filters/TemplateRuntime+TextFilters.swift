extension TemplateRuntime {
    /// Filters that take a text. What is no text is turned into one, but for a few that need one.
    func textFilter(_ name: String, _ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue? {
        var isMarkup = false
        if case .markup = value { isMarkup = true }
        func wrap(_ text: PythonText) -> PythonValue { isMarkup ? .markup(text) : .text(text) }
        switch name {
        case "trim":
            let characters = try arguments.bind(name, ["chars"])[0]
            let result = try strip(try string(of: value), characters, left: true, right: true)
            return wrap(try requiredText(result))
        case "upper", "lower", "capitalize":
            _ = try arguments.bind(name, [])
            let text = try string(of: value)
            try allocateText(text.bytes.count, times: 3)
            return wrap(Self.changeCase(text, name))
        case "title":
            _ = try arguments.bind(name, [])
            return .text(Self.titleWords(try string(of: value)))
        case "center":
            let width = try arguments.bind(name, ["width"])[0]
            return wrap(
                try padded(
                    try string(of: value), to: try width.map { width throws(TemplateError) in try requiredInteger(width) } ?? 80,
                    with: " ", .center))
        case "replace":
            let bound = try arguments.bind(name, ["old", "new", "count"], required: 2)
            let (old, new) = (try string(of: bound[0] ?? .none), try string(of: bound[1] ?? .none))
            return .text(try replace(try string(of: value), old, by: new, count: try integer(bound[2]) ?? -1))
        case "format":
            if !arguments.positional.isEmpty, !arguments.named.isEmpty {
                throw .runtime("can't handle positional and keyword arguments at the same time")
            }
            var operand = try tuple(arguments.positional)
            if !arguments.named.isEmpty {
                var builder = PythonDictionaryBuilder()
                for (name, value) in arguments.named { builder.set(PythonText(name), value) }
                operand = try dictionary(builder)
            }
            return wrap(try formatPrintf(try string(of: value), operand))
        case "indent": return try indent(value, arguments)
        case "truncate": return try truncate(value, arguments)
        case "wordwrap": return .text(try wrapWords(value, arguments))
        case "wordcount":
            _ = try arguments.bind(name, [])
            var (count, isInside) = (0, false)
            for scalar in try string(of: value).scalars {
                if scalar.isPythonWord, !isInside { count += 1 }
                isInside = scalar.isPythonWord
            }
            return .integer(count)
        default: return nil
        }
    }

    /// Upper case at the start and after white space, `-` and opening brackets; lower case elsewhere.
    private static func titleWords(_ text: PythonText) -> PythonText {
        var words: [UInt8] = []
        var word: [Unicode.Scalar] = []
        func finish() {
            guard let first = word.first else { return }
            words.append(contentsOf: first.properties.uppercaseMapping.utf8)
            words.append(PythonText(word.dropFirst()).lowercased())
            word = []
        }
        for scalar in text.scalars {
            if scalar.isPythonSpace || scalar == "-" || scalar == "(" || scalar == "{" || scalar == "[" || scalar == "<" {
                finish()
                words.append(scalar: scalar)
            } else {
                word.append(scalar)
            }
        }
        finish()
        return PythonText(words)
    }

    private func indent(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("indent", ["width", "first", "blank"])
        let indentation: PythonText
        if let text = bound[0]?.text {
            indentation = text
        } else {
            indentation = try repeated(" ", try bound[0].map { width throws(TemplateError) in try requiredInteger(width) } ?? 4)
        }
        if case .undefined(let undefined) = value { throw undefined.error }
        guard let text = value.text else { throw .runtime("can only indent a string, not '\(value.typeName)'") }
        let lines = (text + "\n").lines()
        try allocateText(indentation.bytes.count, times: lines.count)
        try allocateText(text.bytes.count)
        let indentsBlank = try flag(bound[2])
        var bytes: [UInt8] = []
        if try flag(bound[1]) { bytes.append(indentation) }
        for (index, line) in lines.enumerated() {
            if index > 0 {
                bytes.append(UInt8(ascii: "\n"))
                if indentsBlank || !line.isEmpty { bytes.append(indentation) }
            }
            bytes.append(line)
        }
        if case .markup = value { return .markup(PythonText(bytes)) }
        return .text(PythonText(bytes))
    }

    private func truncate(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("truncate", ["length", "killwords", "end", "leeway"])
        let length = try bound[0].map { value throws(TemplateError) in try requiredInteger(value) } ?? 255
        let end = try bound[2].map { value throws(TemplateError) in try requiredText(value) } ?? "..."
        let leeway = try integer(bound[3]) ?? 5
        guard length >= end.count else { throw .runtime("expected length >= \(end.count), got \(length)") }
        guard leeway >= 0 else { throw .runtime("expected leeway >= 0, got \(leeway)") }
        let (allowed, overflow) = length.addingReportingOverflow(leeway)
        let count = try self.length(of: value)
        if overflow || count <= allowed { return value }
        guard let text = value.text else { throw .runtime("can only truncate a string, not '\(value.typeName)'") }
        let cut = text.slice(0..<min(text.count, length - end.count))
        if try flag(bound[1]) { return .text(cut + end) }
        return .text((cut.splitFromRight(" ", limit: 1).first ?? .empty) + end)
    }
}
