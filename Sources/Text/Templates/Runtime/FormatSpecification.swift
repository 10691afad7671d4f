/// What stands after the colon in a replacement field: `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
struct FormatSpecification {
    var fill: Unicode.Scalar?
    var alignment: Unicode.Scalar?
    var sign: Unicode.Scalar?
    var showsBase = false
    var padsZero = false
    var width = 0
    var grouping: Unicode.Scalar?
    var precision: Int?
    var type: Unicode.Scalar?

    init(_ text: PythonText) throws(TemplateError) {
        let scalars = text.scalars
        var index = 0
        func isAlignment(_ index: Int) -> Bool { index < scalars.count && "<>=^".unicodeScalars.contains(scalars[index]) }
        if isAlignment(1) {
            fill = scalars[0]
            alignment = scalars[1]
            index = 2
        } else if isAlignment(0) {
            alignment = scalars[0]
            index = 1
        }
        if index < scalars.count, "+- ".unicodeScalars.contains(scalars[index]) {
            sign = scalars[index]
            index += 1
        }
        if index < scalars.count, scalars[index] == "#" {
            showsBase = true
            index += 1
        }
        if index < scalars.count, scalars[index] == "0" {
            padsZero = true
            index += 1
        }
        width = try Self.number(scalars, &index) ?? 0
        if index < scalars.count, scalars[index] == "," || scalars[index] == "_" {
            grouping = scalars[index]
            index += 1
        }
        if index < scalars.count, scalars[index] == "." {
            index += 1
            guard let number = try Self.number(scalars, &index) else { throw .runtime("format specifier missing precision") }
            precision = number
        }
        if index < scalars.count {
            type = scalars[index]
            index += 1
        }
        guard index == scalars.count else { throw .runtime("invalid format specifier '\(text.string)'") }
    }

    private static func number(_ scalars: [Unicode.Scalar], _ index: inout Int) throws(TemplateError) -> Int? {
        var result: Int?
        while index < scalars.count, scalars[index].isASCII, let digit = scalars[index].pythonDecimalValue {
            result = (result ?? 0) * 10 + digit
            guard let result, result < 1 << 40 else { throw .runtime("too many decimal digits in format string") }
            index += 1
        }
        return result
    }

    func sign(isNegative: Bool) -> String {
        if isNegative { return "-" }
        return sign == "+" ? "+" : sign == " " ? " " : ""
    }

    /// Puts separators between groups of the leading digits, and zeros before them up to a minimum length.
    static func grouped(_ text: PythonText, by size: Int, with separator: Unicode.Scalar, minimum: Int) -> PythonText {
        let scalars = text.scalars
        let end = scalars.firstIndex { !($0.isASCII && Character($0).isHexDigit) || $0 == "e" && size == 3 } ?? scalars.count
        let tail = scalars[end...]
        var reversed: [Unicode.Scalar] = []
        var digits = 0
        func append(_ scalar: Unicode.Scalar) {
            if digits > 0, digits % size == 0 { reversed.append(separator) }
            reversed.append(scalar)
            digits += 1
        }
        for scalar in scalars[..<end].reversed() { append(scalar) }
        while digits > 0, reversed.count + tail.count < minimum { append("0") }
        return PythonText(reversed.reversed() + tail)
    }
}
