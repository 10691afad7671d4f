/// Escape sequences in string literals, as Python's codec `unicode-escape` reads them after jinja2 has written every scalar beyond
/// ASCII as an escape. Hence a backslash before such a scalar leaves the spelled-out escape in the text.
enum TemplateEscapes {
    static func decode(_ bytes: ArraySlice<UInt8>, line: Int) throws(TemplateError) -> PythonText {
        guard bytes.contains(UInt8(ascii: "\\")) else { return PythonText(bytes) }
        let source = Array(bytes)
        var result: [UInt8] = []
        var index = 0
        while index < source.count {
            guard source[index] == UInt8(ascii: "\\"), index + 1 < source.count else {
                result.append(source[index])
                index += 1
                continue
            }
            let code = source[index + 1]
            index += 2
            switch code {
            case UInt8(ascii: "\n"): break
            case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): result.append(code)
            case UInt8(ascii: "a"): result.append(0x07)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "v"): result.append(0x0B)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "0")...UInt8(ascii: "7"):
                var value = UInt32(code - UInt8(ascii: "0"))
                var digits = 1
                while digits < 3, index < source.count, source[index] >= UInt8(ascii: "0"), source[index] <= UInt8(ascii: "7") {
                    value = value * 8 + UInt32(source[index] - UInt8(ascii: "0"))
                    index += 1
                    digits += 1
                }
                result.append(scalar: Unicode.Scalar(value) ?? "\u{FFFD}")
            case UInt8(ascii: "x"): result.append(scalar: try hexadecimal(source, &index, digits: 2, line: line))
            case UInt8(ascii: "u"): result.append(scalar: try hexadecimal(source, &index, digits: 4, line: line))
            case UInt8(ascii: "U"): result.append(scalar: try hexadecimal(source, &index, digits: 8, line: line))
            case UInt8(ascii: "N"):
                throw TemplateError(.syntax, "escapes by name ('\\N{...}') are not supported; write the character itself", line: line)
            case 0x80...:
                let (scalar, length) = source.scalar(at: index - 1)
                let value = scalar.value
                let (prefix, width) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
                let digits = String(value, radix: 16)
                let padding = String(repeating: "0", count: width - digits.utf8.count)
                result.append(contentsOf: ("\\" + prefix + padding + digits).utf8)
                index += length - 1
            default:
                result.append(UInt8(ascii: "\\"))
                result.append(code)
            }
        }
        return PythonText(result)
    }

    private static func hexadecimal(
        _ source: [UInt8], _ index: inout Int, digits: Int, line: Int
    ) throws(TemplateError) -> Unicode.Scalar {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard index < source.count, let digit = Character(Unicode.Scalar(source[index])).hexDigitValue else {
                throw TemplateError(.syntax, "truncated escape in a string: \(digits) hexadecimal digits are needed", line: line)
            }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw TemplateError(.syntax, "an escape in a string names U+\(String(value, radix: 16)), which is no character", line: line)
        }
        return scalar
    }
}
