/// The methods of `str`.
extension TemplateRuntime {
    func call(_ name: String, on text: PythonText, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        try spend(1 + text.bytes.count / 16)
        if name == "format" { return try self.text(try format(text, arguments)) }
        if name == "format_map" {
            let mapping = try arguments.bind(name, ["mapping"], required: 1)[0] ?? .none
            return try self.text(try format(text, TemplateValues(), mapping: mapping))
        }
        if !arguments.named.isEmpty, !["split", "rsplit", "splitlines", "expandtabs", "encode"].contains(name) {
            throw .runtime("\(name)() takes no keyword arguments")
        }
        if let result = try test(name, text, arguments) { return .bool(result) }
        switch name {
        case "upper", "lower", "capitalize", "title", "swapcase", "casefold":
            _ = try arguments.bind(name, [])
            try allocateText(text.bytes.count, times: 3)
            return .text(Self.changeCase(text, name))
        case "strip", "lstrip", "rstrip":
            return try strip(text, try arguments.bind(name, ["chars"])[0], left: name != "rstrip", right: name != "lstrip")
        case "split", "rsplit": return try split(text, arguments, fromRight: name == "rsplit")
        case "splitlines":
            let keeps = try arguments.bind(name, ["keepends"])[0]
            try allocateList(text.bytes.reduce(1) { $0 + ($1 < 0x20 || $1 >= 0x80 ? 1 : 0) })
            return try texts(text.lines(keepingEnds: try keeps.map { value throws(TemplateError) in try isTrue(value) } ?? false))
        case "partition", "rpartition": return try partition(text, arguments, fromRight: name == "rpartition")
        case "replace":
            let bound = try arguments.bind(name, ["old", "new", "count"], required: 2)
            let count = try bound[2].map { value throws(TemplateError) in try requiredInteger(value) } ?? -1
            return try self.text(try replace(text, try requiredText(bound[0]), by: try requiredText(bound[1]), count: count))
        case "join":
            let parts = try elements(of: try arguments.bind(name, ["iterable"], required: 1)[0] ?? .none)
            var pieces: [PythonText] = []
            for part in parts { pieces.append(try requiredText(part)) }
            return .text(try join(pieces, with: text))
        case "find", "rfind", "index", "rindex", "count": return try search(text, name, arguments)
        case "startswith", "endswith": return .bool(try affix(text, arguments, atStart: name == "startswith"))
        case "removeprefix":
            let prefix = try requiredText(try arguments.bind(name, ["prefix"], required: 1)[0])
            return .text(text.hasPrefix(prefix) ? PythonText(text.bytes[prefix.bytes.count...]) : text)
        case "removesuffix":
            let suffix = try requiredText(try arguments.bind(name, ["suffix"], required: 1)[0])
            return .text(!suffix.isEmpty && text.hasSuffix(suffix) ? PythonText(text.bytes.dropLast(suffix.bytes.count)) : text)
        case "center", "ljust", "rjust", "zfill": return .text(try pad(text, name, arguments))
        case "expandtabs":
            let size = try arguments.bind(name, ["tabsize"])[0]
            return .text(try expandTabs(text, try size.map { value throws(TemplateError) in try requiredInteger(value) } ?? 8))
        default: throw .runtime("the method '\(name)' of 'str' is not supported")
        }
    }

    private func test(_ name: String, _ text: PythonText, _ arguments: TemplateValues) throws(TemplateError) -> Bool? {
        guard name.hasPrefix("is") else { return nil }
        _ = try arguments.bind(name, [])
        switch name {
        case "isalnum": return text.isAll { $0.isPythonAlphanumeric }
        case "isalpha": return text.isAll { $0.isPythonAlphabetic }
        case "isascii": return text.isASCII
        case "isdecimal": return text.isAll { $0.isPythonDecimal }
        case "isdigit": return text.isAll { $0.isPythonDigit }
        case "isidentifier": return text.isIdentifier
        case "islower": return text.isLower
        case "isnumeric": return text.isAll { $0.isPythonNumeric }
        case "isprintable": return text.scalars.allSatisfy(\.isPythonPrintable)
        case "isspace": return text.isAll { $0.isPythonSpace }
        case "istitle": return text.isTitle
        case "isupper": return text.isUpper
        default: return nil
        }
    }

    static func changeCase(_ text: PythonText, _ name: String) -> PythonText {
        switch name {
        case "upper": text.uppercased()
        case "lower": text.lowercased()
        case "capitalize": text.capitalized()
        case "title": text.titled()
        case "swapcase": text.swappedCase()
        default: text.caseFolded()
        }
    }

    func strip(_ text: PythonText, _ characters: PythonValue?, left: Bool, right: Bool) throws(TemplateError) -> PythonValue {
        guard let characters, !characters.isNone else { return .text(text.stripped(left: left, right: right)) }
        let set = Set(try requiredText(characters).scalars)
        return .text(text.stripped(left: left, right: right) { set.contains($0) })
    }

    private func split(_ text: PythonText, _ arguments: TemplateValues, fromRight: Bool) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("split", ["sep", "maxsplit"])
        let limit = splitLimit(try bound[1].map { value throws(TemplateError) in try requiredInteger(value) } ?? -1)
        let parts: [PythonText]
        if let separator = bound[0], !separator.isNone {
            let separator = try requiredText(separator)
            guard !separator.isEmpty else { throw .runtime("empty separator") }
            parts = fromRight ? text.splitFromRight(separator, limit: limit) : text.split(separator, limit: limit)
        } else {
            parts = fromRight ? text.splitAtSpaceFromRight(limit: limit) : text.splitAtSpace(limit: limit)
        }
        try allocateText(text.bytes.count)
        try allocateList(parts.count * 3)
        return try texts(parts)
    }

    private func partition(_ text: PythonText, _ arguments: TemplateValues, fromRight: Bool) throws(TemplateError) -> PythonValue {
        let separator = try requiredText(try arguments.bind("partition", ["sep"], required: 1)[0])
        guard !separator.isEmpty else { throw .runtime("empty separator") }
        let end = text.bytes.count
        let found = fromRight ? text.findLast(separator, from: 0, to: end) : text.find(separator, from: 0, to: end)
        guard let found else {
            return try tuple(
                fromRight ? [.text(.empty), .text(.empty), .text(text)] : [.text(text), .text(.empty), .text(.empty)])
        }
        return try tuple([
            .text(PythonText(text.bytes[..<found])), .text(separator), .text(PythonText(text.bytes[(found + separator.bytes.count)...])),
        ])
    }

    func replace(_ text: PythonText, _ old: PythonText, by new: PythonText, count: Int) throws(TemplateError) -> PythonText {
        let limit = count < 0 ? Int.max : count
        if limit == 0 { return text }
        try spend(1 + text.bytes.count / 16)
        if old.isEmpty {
            let gaps = min(text.count + 1, limit)
            try allocateText(new.bytes.count, times: gaps)
            try allocateText(text.bytes.count)
            var bytes: [UInt8] = []
            for (index, character) in text.characters.enumerated() {
                if index < gaps { bytes.append(new) }
                bytes.append(character)
            }
            if text.count < gaps { bytes.append(new) }
            return PythonText(bytes)
        }
        let found = text.occurrences(of: old, limit: min(limit, limits.stringBytes))
        if found.isEmpty { return text }
        try allocateText(new.bytes.count, times: found.count)
        try allocateText(text.bytes.count)
        var bytes: [UInt8] = []
        var start = 0
        for position in found {
            bytes.append(contentsOf: text.bytes[start..<position])
            bytes.append(new)
            start = position + old.bytes.count
        }
        bytes.append(contentsOf: text.bytes[start...])
        return PythonText(bytes)
    }

    func join(_ parts: [PythonText], with separator: PythonText) throws(TemplateError) -> PythonText {
        var total = 0
        for part in parts { total += part.bytes.count }
        try allocateText(total)
        try allocateText(separator.bytes.count, times: max(0, parts.count - 1))
        guard total + separator.bytes.count * max(0, parts.count - 1) <= limits.stringBytes else {
            throw .limit("a text is longer than \(limits.stringBytes) bytes")
        }
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if index > 0 { bytes.append(separator) }
            bytes.append(part)
        }
        return PythonText(bytes)
    }

    private func search(_ text: PythonText, _ name: String, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind(name, ["sub", "start", "end"], required: 1)
        let needle = try requiredText(bound[0])
        let lower = try integer(bound[1])
        let range = Self.indices(lower, try integer(bound[2]), 1, text.count)
        let isValid = range.start <= range.stop && (lower ?? 0) <= text.count
        if name == "count" {
            guard isValid else { return .integer(0) }
            if needle.isEmpty { return .integer(range.stop - range.start + 1) }
            return .integer(text.slice(range.start..<range.stop).occurrences(of: needle, limit: limits.stringBytes).count)
        }
        var found: Int?
        if isValid {
            if needle.isEmpty {
                found = name.hasPrefix("r") ? range.stop : range.start
            } else {
                let (start, end) = (text.byteOffset(ofScalar: range.start), text.byteOffset(ofScalar: range.stop))
                let offset = name.hasPrefix("r") ? text.findLast(needle, from: start, to: end) : text.find(needle, from: start, to: end)
                found = offset.map { text.scalarPosition(ofByte: $0) }
            }
        }
        if let found { return .integer(found) }
        guard name.hasSuffix("find") else { throw .runtime("substring not found") }
        return .integer(-1)
    }

    private func affix(_ text: PythonText, _ arguments: TemplateValues, atStart: Bool) throws(TemplateError) -> Bool {
        let bound = try arguments.bind("startswith", ["prefix", "start", "end"], required: 1)
        var candidates: [PythonText] = []
        if case .tuple(let tuple) = bound[0] {
            for item in tuple.items { candidates.append(try requiredText(item)) }
        } else {
            candidates.append(try requiredText(bound[0]))
        }
        var subject = text
        if bound[1] != nil || bound[2] != nil {
            let lower = try integer(bound[1])
            let range = Self.indices(lower, try integer(bound[2]), 1, text.count)
            guard range.start <= range.stop, (lower ?? 0) <= text.count else { return false }
            subject = text.slice(range.start..<range.stop)
        }
        for candidate in candidates where atStart ? subject.hasPrefix(candidate) : subject.hasSuffix(candidate) { return true }
        return false
    }

    private func pad(_ text: PythonText, _ name: String, _ arguments: TemplateValues) throws(TemplateError) -> PythonText {
        let bound = try arguments.bind(name, name == "zfill" ? ["width"] : ["width", "fillchar"], required: 1)
        let width = try requiredInteger(bound[0] ?? .none)
        if name == "zfill" {
            guard width > text.count else { return text }
            let hasSign = text.bytes.first == UInt8(ascii: "-") || text.bytes.first == UInt8(ascii: "+")
            let zeros = try repeated("0", width - text.count)
            return hasSign ? PythonText(text.bytes[..<1] + zeros.bytes + text.bytes[1...]) : zeros + text
        }
        let fill = try bound[1].map { value throws(TemplateError) in try requiredText(value) } ?? " "
        guard fill.count == 1 else { throw .runtime("the fill character must be exactly one character long") }
        return try padded(text, to: width, with: fill, name == "center" ? .center : name == "ljust" ? .left : .right)
    }

    enum Alignment { case left, right, center }

    /// Fills up to a width. Centring puts an odd one left over where `str.center` does.
    func padded(_ text: PythonText, to width: Int, with fill: PythonText, _ alignment: Alignment) throws(TemplateError) -> PythonText {
        guard width > text.count else { return text }
        let missing = width - text.count
        let left =
            switch alignment {
            case .left: 0
            case .right: missing
            case .center: missing / 2 + (missing & width & 1)
            }
        return try repeated(fill, left) + text + repeated(fill, missing - left)
    }

    private func expandTabs(_ text: PythonText, _ size: Int) throws(TemplateError) -> PythonText {
        var bytes: [UInt8] = []
        var column = 0
        for scalar in text.scalars {
            if scalar == "\t" {
                guard size > 0 else { continue }
                let spaces = size - column % size
                try allocateText(bytes.count + min(spaces, .max >> 1))
                bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces))
                column += spaces
            } else {
                bytes.append(scalar: scalar)
                column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
            }
        }
        return PythonText(bytes)
    }
}
