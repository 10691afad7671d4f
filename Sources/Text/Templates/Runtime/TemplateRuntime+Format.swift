/// `str.format`: replacement fields in braces.
extension TemplateRuntime {
    private struct Fields {
        let arguments: TemplateValues
        let mapping: PythonValue?
        /// The next automatic number, or -1 once fields are numbered by hand.
        var next = 0
        var isManual = false
    }

    func format(_ text: PythonText, _ arguments: TemplateValues, mapping: PythonValue? = nil) throws(TemplateError) -> PythonText {
        var fields = Fields(arguments: arguments, mapping: mapping)
        return try format(text.scalars, &fields, depth: 2)
    }

    private func format(_ scalars: [Unicode.Scalar], _ fields: inout Fields, depth: Int) throws(TemplateError) -> PythonText {
        guard depth >= 0 else { throw .runtime("max string recursion exceeded") }
        var result: [UInt8] = []
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            index += 1
            guard scalar == "{" || scalar == "}" else {
                result.append(scalar: scalar)
                continue
            }
            if index < scalars.count, scalars[index] == scalar {
                result.append(scalar: scalar)
                index += 1
                continue
            }
            guard scalar == "{" else { throw .runtime("single '}' encountered in format string") }
            let start = index
            var open = 1
            while index < scalars.count, open > 0 {
                if scalars[index] == "{" { open += 1 } else if scalars[index] == "}" { open -= 1 }
                index += 1
            }
            guard open == 0 else { throw .runtime("expected '}' before end of string") }
            let part = try field(Array(scalars[start..<index - 1]), &fields, depth: depth)
            try allocateText(result.count + part.bytes.count)
            result.append(part)
        }
        return PythonText(result)
    }

    private func field(_ scalars: [Unicode.Scalar], _ fields: inout Fields, depth: Int) throws(TemplateError) -> PythonText {
        var end = 0
        var brackets = 0
        while end < scalars.count {
            if scalars[end] == "[" { brackets += 1 } else if scalars[end] == "]" { brackets = max(0, brackets - 1) }
            if brackets == 0, scalars[end] == ":" || scalars[end] == "!" { break }
            end += 1
        }
        var rest = scalars[end...]
        var value = try lookUp(Array(scalars[..<end]), &fields)
        if rest.first == "!" {
            guard rest.count >= 2 else { throw .runtime("end of string while looking for conversion specifier") }
            let conversion = rest[rest.startIndex + 1]
            rest = rest.dropFirst(2)
            guard rest.isEmpty || rest.first == ":" else { throw .runtime("expected ':' after conversion specifier") }
            switch conversion {
            case "s": value = .text(try string(of: value))
            case "r": value = .text(try representation(of: value))
            case "a": value = .text(Self.escapedBeyondASCII(try representation(of: value)))
            default: throw .runtime("unknown conversion specifier '\(conversion)'")
            }
        }
        let specification = try format(Array(rest.dropFirst()), &fields, depth: depth - 1)
        return try formatted(value, specification)
    }

    private func lookUp(_ name: [Unicode.Scalar], _ fields: inout Fields) throws(TemplateError) -> PythonValue {
        var index = name.firstIndex { $0 == "." || $0 == "[" } ?? name.count
        let first = PythonText(name[..<index])
        var value: PythonValue
        if first.isEmpty || first.isAll({ $0.isPythonDecimal }) {
            let position: Int
            if first.isEmpty {
                guard !fields.isManual else { throw .runtime("cannot switch from manual field specification to automatic field numbering") }
                position = fields.next
                fields.next += 1
            } else {
                guard fields.next == 0 else { throw .runtime("cannot switch from automatic field numbering to manual field specification") }
                fields.isManual = true
                guard let number = Int(first.string) else { throw .runtime("too many decimal digits in format string") }
                position = number
            }
            guard fields.arguments.positional.indices.contains(position) else {
                throw .runtime("replacement index \(position) out of range for positional args tuple")
            }
            value = fields.arguments.positional[position]
        } else if case .dictionary(let dictionary) = fields.mapping {
            guard let found = dictionary[first] else { throw .runtime("format lacks the key '\(first.string)'") }
            value = found
        } else {
            guard let found = fields.arguments.named.first(where: { $0.name == first.string }) else {
                throw .runtime("format lacks the argument '\(first.string)'")
            }
            value = found.value
        }
        while index < name.count {
            if name[index] == "." {
                let start = index + 1
                index = name[start...].firstIndex { $0 == "." || $0 == "[" } ?? name.count
                guard start < index else { throw .runtime("empty attribute in format string") }
                value = try attribute(PythonText(name[start..<index]), of: value)
            } else {
                guard name[index] == "[", let close = name[index...].firstIndex(of: "]"), close > index + 1 else {
                    throw .runtime("missing ']' or empty element in format string")
                }
                let key = PythonText(name[(index + 1)..<close])
                value = try item(key.isAll { $0.isPythonDecimal } ? .integer(Int(key.string) ?? .max) : .text(key), of: value)
                index = close + 1
            }
        }
        return value
    }

    /// `format(value, specification)`.
    private func formatted(_ value: PythonValue, _ specification: PythonText) throws(TemplateError) -> PythonText {
        if specification.isEmpty { return try string(of: value) }
        let parsed = try FormatSpecification(specification)
        guard parsed.precision ?? 0 <= 10_000 else { throw .limit("a precision is larger than 10000") }
        switch value {
        case .text(let text), .markup(let text):
            guard parsed.type == nil || parsed.type == "s" else { throw .runtime("unknown format code for a string") }
            guard parsed.sign == nil, parsed.alignment != "=", !parsed.showsBase, parsed.grouping == nil else {
                throw .runtime("sign, '=', '#' and grouping are not allowed in a string format specifier")
            }
            let cut = parsed.precision.map { text.slice(0..<min($0, text.count)) } ?? text
            return try aligned("", cut, parsed, missing: "<")
        case .integer(let integer) where !(parsed.type.map { "eEfFgG%".unicodeScalars.contains($0) } ?? false):
            return try formatted(integer, parsed)
        case .bool(let bool) where !(parsed.type.map { "eEfFgG%".unicodeScalars.contains($0) } ?? false):
            if parsed.type == nil { return try aligned("", bool ? "1" : "0", parsed, missing: ">") }
            return try formatted(bool ? 1 : 0, parsed)
        case .integer, .bool, .float: return try formatted(value.double ?? 0, parsed)
        default: throw .runtime("unsupported format string passed to \(value.typeName).__format__")
        }
    }

    private func formatted(_ integer: Int, _ parsed: FormatSpecification) throws(TemplateError) -> PythonText {
        guard parsed.precision == nil else { throw .runtime("precision not allowed in integer format specifier") }
        if parsed.type == "c" {
            guard let scalar = UInt32(exactly: integer).flatMap(Unicode.Scalar.init) else { throw .runtime("%c arg not in range") }
            return try aligned("", PythonText([scalar]), parsed, missing: "<")
        }
        let radix: Int
        var prefix = ""
        switch parsed.type ?? "d" {
        case "d", "n": radix = 10
        case "b": (radix, prefix) = (2, "0b")
        case "o": (radix, prefix) = (8, "0o")
        case "x": (radix, prefix) = (16, "0x")
        case "X": (radix, prefix) = (16, "0X")
        default: throw .runtime("unknown format code for an integer")
        }
        let digits = String(integer.magnitude, radix: radix, uppercase: parsed.type == "X")
        let head = parsed.sign(isNegative: integer < 0) + (parsed.showsBase ? prefix : "")
        return try aligned(PythonText(head), PythonText(digits), parsed, missing: ">", groupSize: radix == 10 ? 3 : 4)
    }

    private func formatted(_ double: Double, _ parsed: FormatSpecification) throws(TemplateError) -> PythonText {
        let isNegative = double.sign == .minus && !double.isNaN
        var digits: String
        let type = parsed.type
        let scaled = type == "%" ? double * 100 : double
        if !scaled.isFinite {
            digits = scaled.isNaN ? "nan" : "inf"
        } else {
            let decimal = ExactDecimal(scaled)
            switch type {
            case "e", "E": digits = decimal.scientific(parsed.precision ?? 6)
            case "f", "F", "%": digits = decimal.fixed(parsed.precision ?? 6)
            case "g", "G", "n": digits = decimal.general(parsed.precision ?? 6, keepsZeros: parsed.showsBase)
            case nil:
                if let precision = parsed.precision {
                    digits = decimal.general(precision)
                    if !digits.contains("."), !digits.contains("e") {
                        // Without a type the number keeps a digit after the point, if that fits in the precision.
                        digits = digits.utf8.count < precision ? digits + ".0" : decimal.scientific(max(0, precision - 1))
                    }
                } else {
                    digits = scaled.magnitude.pythonDescription
                }
            default: throw .runtime("unknown format code for a float")
            }
        }
        if type == "E" || type == "F" || type == "G" { digits = digits.uppercased() }
        if type == "%" { digits += "%" }
        return try aligned(PythonText(parsed.sign(isNegative: isNegative)), PythonText(digits), parsed, missing: ">", groupSize: 3)
    }

    private func aligned(
        _ head: PythonText, _ body: PythonText, _ parsed: FormatSpecification, missing: Unicode.Scalar, groupSize: Int = 3
    ) throws(TemplateError) -> PythonText {
        var body = body
        let isNumeric = missing == ">"
        if let grouping = parsed.grouping {
            let minimum = parsed.padsZero && parsed.alignment == nil ? parsed.width - head.count : 0
            try allocateText(max(0, minimum))
            body = FormatSpecification.grouped(body, by: groupSize, with: grouping, minimum: minimum)
        }
        let count = head.count + body.count
        guard parsed.width > count else { return head + body }
        let alignment = parsed.alignment ?? (parsed.padsZero && isNumeric ? "=" : missing)
        let fill = PythonText([parsed.fill ?? (parsed.padsZero ? "0" : " ")])
        let spaces = parsed.width - count
        switch alignment {
        case "<": return head + body + (try repeated(fill, spaces))
        case "^": return (try repeated(fill, spaces / 2)) + head + body + (try repeated(fill, spaces - spaces / 2))
        case "=": return head + (try repeated(fill, spaces)) + body
        default: return (try repeated(fill, spaces)) + head + body
        }
    }
}
