/// The operator `%` on a text, and the filter `format`: formatting in the style of C's printf.
extension TemplateRuntime {
    private struct Directive {
        var leftAligned = false
        var showsSign = false
        var showsSpace = false
        var showsBase = false
        var padsZero = false
        var width = 0
        var precision: Int?
    }

    private struct Operands {
        let values: [PythonValue]
        let isSingle: Bool
        let mapping: PythonValue?
        var next = 0

        mutating func take() throws(TemplateError) -> PythonValue {
            guard next < values.count else { throw .runtime("not enough arguments for format string") }
            next += 1
            return values[next - 1]
        }
    }

    func formatPrintf(_ format: PythonText, _ operand: PythonValue) throws(TemplateError) -> PythonText {
        var operands: Operands
        if case .tuple(let tuple) = operand {
            operands = Operands(values: tuple.items, isSingle: false, mapping: nil)
        } else {
            var isMapping = false
            switch operand {
            case .dictionary, .list, .undefined, .range: isMapping = true
            default: break
            }
            operands = Operands(values: [operand], isSingle: true, mapping: isMapping ? operand : nil)
        }
        var result: [UInt8] = []
        let scalars = format.scalars
        var index = 0
        while index < scalars.count {
            guard scalars[index] == "%" else {
                result.append(scalar: scalars[index])
                index += 1
                continue
            }
            index += 1
            let part = try directive(scalars, &index, &operands)
            try allocateText(result.count + part.bytes.count)
            result.append(part)
        }
        if operands.mapping == nil, operands.next < operands.values.count {
            throw .runtime("not all arguments converted during string formatting")
        }
        return PythonText(result)
    }

    private func directive(
        _ scalars: [Unicode.Scalar], _ index: inout Int, _ operands: inout Operands
    ) throws(TemplateError) -> PythonText {
        var directive = Directive()
        var value: PythonValue?
        if index < scalars.count, scalars[index] == "(" {
            guard let mapping = operands.mapping else { throw .runtime("format requires a mapping") }
            let start = index + 1
            var depth = 0
            repeat {
                guard index < scalars.count else { throw .runtime("incomplete format key") }
                if scalars[index] == "(" { depth += 1 } else if scalars[index] == ")" { depth -= 1 }
                index += 1
            } while depth > 0
            let key = PythonValue.text(PythonText(scalars[start..<index - 1]))
            guard case .dictionary(let dictionary) = mapping, let found = dictionary[try PythonKey(key)] else {
                throw .runtime("format lacks the key \(try representation(of: key).string)")
            }
            value = found
        }
        flags: while index < scalars.count {
            switch scalars[index] {
            case "-": directive.leftAligned = true
            case "+": directive.showsSign = true
            case " ": directive.showsSpace = true
            case "#": directive.showsBase = true
            case "0": directive.padsZero = true
            default: break flags
            }
            index += 1
        }
        if let width = try number(scalars, &index, &operands) {
            if width < 0 { directive.leftAligned = true }
            directive.width = abs(max(width, -Int.max))
        }
        if index < scalars.count, scalars[index] == "." {
            index += 1
            directive.precision = max(0, try number(scalars, &index, &operands) ?? 0)
        }
        while index < scalars.count, scalars[index] == "l" || scalars[index] == "h" || scalars[index] == "L" { index += 1 }
        guard index < scalars.count else { throw .runtime("incomplete format") }
        let conversion = scalars[index]
        index += 1
        if conversion == "%" { return "%" }
        let operand: PythonValue
        if let value { operand = value } else { operand = try operands.take() }
        return try convert(operand, conversion, directive)
    }

    private func number(
        _ scalars: [Unicode.Scalar], _ index: inout Int, _ operands: inout Operands
    ) throws(TemplateError) -> Int? {
        if index < scalars.count, scalars[index] == "*" {
            index += 1
            return try requiredInteger(try operands.take())
        }
        var result: Int?
        while index < scalars.count, scalars[index].isASCII, let digit = scalars[index].pythonDecimalValue {
            let (product, overflow) = (result ?? 0).multipliedReportingOverflow(by: 10)
            guard !overflow, product < Int.max - 10 else { throw .runtime("width or precision too big") }
            result = product + digit
            index += 1
        }
        return result
    }

    private func convert(_ value: PythonValue, _ conversion: Unicode.Scalar, _ directive: Directive) throws(TemplateError) -> PythonText {
        switch conversion {
        case "s", "r", "a":
            var text = try conversion == "s" ? string(of: value) : representation(of: value)
            if conversion == "a" { text = Self.escapedBeyondASCII(text) }
            if let precision = directive.precision, precision < text.count { text = text.slice(0..<precision) }
            return try padded(text, to: directive.width, with: " ", directive.leftAligned ? .left : .right)
        case "c":
            let text: PythonText
            if let given = value.text {
                guard given.count == 1 else { throw .runtime("%c requires an integer or a character") }
                text = given
            } else {
                guard let code = value.integer, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
                    throw .runtime("%c requires an integer or a character")
                }
                text = PythonText([scalar])
            }
            return try padded(text, to: directive.width, with: " ", directive.leftAligned ? .left : .right)
        case "d", "i", "u", "o", "x", "X":
            if case .undefined(let undefined) = value { throw undefined.error }
            var integer = value.integer
            if integer == nil, case .float(let double) = value, "diu".unicodeScalars.contains(conversion) {
                integer = Int(exactly: double.rounded(.towardZero))
            }
            guard let integer else { throw .runtime("%\(conversion) format: a number is required, not \(value.typeName)") }
            let radix = conversion == "o" ? 8 : conversion == "x" || conversion == "X" ? 16 : 10
            let digits = String(integer.magnitude, radix: radix, uppercase: conversion == "X")
            let prefix = directive.showsBase && radix != 10 ? "0\(conversion)" : ""
            let zeros = try repeated("0", (directive.precision ?? 0) - digits.utf8.count)
            return try number(integer < 0, prefix, zeros + PythonText(digits), directive)
        case "e", "E", "f", "F", "g", "G":
            if case .undefined(let undefined) = value { throw undefined.error }
            guard let double = value.double else { throw .runtime("must be real number, not \(value.typeName)") }
            let precision = directive.precision ?? 6
            guard precision <= 10_000 else { throw .limit("a precision is larger than 10000") }
            var digits: String
            if double.isFinite {
                let decimal = ExactDecimal(double)
                switch conversion {
                case "e", "E": digits = decimal.scientific(precision)
                case "f", "F": digits = decimal.fixed(precision)
                default: digits = decimal.general(precision, keepsZeros: directive.showsBase)
                }
            } else {
                digits = double.isNaN ? "nan" : "inf"
            }
            if "EFG".unicodeScalars.contains(conversion) { digits = digits.uppercased() }
            return try number(double.sign == .minus && !double.isNaN, "", PythonText(digits), directive)
        default: throw .runtime("unsupported format character '\(conversion)'")
        }
    }

    private func number(
        _ isNegative: Bool, _ prefix: String, _ digits: PythonText, _ directive: Directive
    ) throws(TemplateError) -> PythonText {
        let sign = isNegative ? "-" : directive.showsSign ? "+" : directive.showsSpace ? " " : ""
        let head = PythonText(sign + prefix)
        if directive.padsZero, !directive.leftAligned {
            return head + (try repeated("0", directive.width - head.count - digits.count)) + digits
        }
        return try padded(head + digits, to: directive.width, with: " ", directive.leftAligned ? .left : .right)
    }

    static func escapedBeyondASCII(_ text: PythonText) -> PythonText {
        var bytes: [UInt8] = []
        for scalar in text.scalars {
            if scalar.isASCII {
                bytes.append(scalar: scalar)
            } else {
                let (prefix, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                let digits = String(scalar.value, radix: 16)
                bytes.append(contentsOf: "\\\(prefix)\(String(repeating: "0", count: width - digits.utf8.count))\(digits)".utf8)
            }
        }
        return PythonText(bytes)
    }
}
