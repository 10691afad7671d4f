extension TemplateRuntime {
    func numberFilter(_ name: String, _ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue? {
        switch name {
        case "abs":
            _ = try arguments.bind(name, [])
            if let integer = value.integer {
                guard integer != .min else { throw .runtime("an integer does not fit in 64 bits") }
                return .integer(abs(integer))
            }
            guard case .float(let double) = value else { throw .runtime("bad operand type for abs(): '\(value.typeName)'") }
            return .float(double.magnitude)
        case "int": return try int(value, arguments)
        case "float":
            let fallback = try arguments.bind(name, ["default"])[0] ?? .float(0)
            if case .undefined(let undefined) = value { throw undefined.error }
            if let double = value.double { return .float(double) }
            return value.text.flatMap { Self.double($0) }.map { .float($0) } ?? fallback
        case "round": return try round(value, arguments)
        case "filesizeformat": return .string(try fileSize(value, arguments))
        default: return nil
        }
    }

    private func int(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("int", ["default", "base"])
        let fallback = bound[0] ?? .zero
        let base = try bound[1].map { value throws(TemplateError) in try requiredInteger(value) } ?? 10
        switch value {
        case .undefined(let undefined): throw undefined.error
        case .integer, .bool: return .integer(value.integer ?? 0)
        case .float(let double):
            guard !double.isInfinite else { throw .runtime("cannot convert float infinity to integer") }
            guard !double.isNaN else { return fallback }
            return try Self.whole(double)
        case .text(let text), .markup(let text):
            if base == 0 || (2...36).contains(base), let integer = try Self.integer(text, base: base) { return .integer(integer) }
            guard let double = Self.double(text), double.isFinite else { return fallback }
            return try Self.whole(double)
        default: return fallback
        }
    }

    private static func whole(_ double: Double) throws(TemplateError) -> PythonValue {
        guard let integer = Int(exactly: double.rounded(.towardZero)) else { throw .runtime("an integer does not fit in 64 bits") }
        return .integer(integer)
    }

    /// Reads digits as `int` does: white space around, a sign, underscores between digits, a prefix that fits the base. Nil where
    /// the text is no number; an error where it is one too large.
    static func integer(_ text: PythonText, base: Int) throws(TemplateError) -> Int? {
        var scalars = text.stripped(left: true, right: true).scalars[...]
        var isNegative = false
        if let sign = scalars.first, sign == "-" || sign == "+" {
            isNegative = sign == "-"
            scalars.removeFirst()
        }
        var base = base
        var mayStartUnderscore = false
        if scalars.count > 1, scalars.first == "0" {
            let prefixes: [(Unicode.Scalar, Int)] = [("b", 2), ("o", 8), ("x", 16)]
            let mark = scalars[scalars.startIndex + 1].properties.lowercaseMapping.unicodeScalars.first
            if let found = prefixes.first(where: { $0.0 == mark }), base == 0 || base == found.1 {
                base = found.1
                scalars = scalars.dropFirst(2)
                mayStartUnderscore = true
            } else if base == 0 {
                guard scalars.allSatisfy({ $0 == "0" || $0 == "_" }) else { return nil }
            }
        }
        if base == 0 { base = 10 }
        var result = 0
        var previousDigit = mayStartUnderscore
        var overflowed = false
        for scalar in scalars {
            if scalar == "_" {
                guard previousDigit else { return nil }
                previousDigit = false
                continue
            }
            let digit = scalar.pythonDecimalValue ?? (scalar.isASCII ? Character(scalar).hexDigitValue ?? letterValue(scalar) : nil)
            guard let digit, digit < base else { return nil }
            previousDigit = true
            let (product, first) = result.multipliedReportingOverflow(by: base)
            let (sum, second) = isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            overflowed = overflowed || first || second
            result = sum
        }
        guard previousDigit, !scalars.isEmpty else { return nil }
        guard !overflowed else { throw .runtime("an integer does not fit in 64 bits") }
        return result
    }

    private static func letterValue(_ scalar: Unicode.Scalar) -> Int? {
        let lower = scalar.value | 0x20
        return (0x61...0x7A).contains(lower) ? Int(lower) - 0x61 + 10 : nil
    }

    /// Reads a number as `float` does.
    static func double(_ text: PythonText) -> Double? {
        var bytes: [UInt8] = []
        for scalar in text.stripped(left: true, right: true).scalars {
            if let digit = scalar.pythonDecimalValue {
                bytes.append(UInt8(0x30 + digit))
            } else {
                guard scalar.isASCII else { return nil }
                bytes.append(UInt8(scalar.value) | (scalar.properties.isUppercase ? 0x20 : 0))
            }
        }
        for index in bytes.indices where bytes[index] == UInt8(ascii: "_") {
            let around = [index - 1, index + 1]
            guard around.allSatisfy({ bytes.indices.contains($0) && (0x30...0x39).contains(bytes[$0]) }) else { return nil }
        }
        bytes.removeAll { $0 == UInt8(ascii: "_") }
        let string = String(decoding: bytes, as: UTF8.self)
        switch string {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan", "+nan", "-nan": return .nan
        default: break
        }
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x30...0x39).contains($0) || "+-.e".utf8.contains($0) }) else { return nil }
        return Double(string)
    }

    private func round(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonValue {
        let bound = try arguments.bind("round", ["precision", "method"])
        let method = bound[1]?.text?.string ?? (bound[1] == nil ? "common" : "")
        guard ["common", "ceil", "floor"].contains(method) else { throw .runtime("method must be common, ceil or floor") }
        let precision = try bound[0].map { value throws(TemplateError) in try integer(value) } ?? 0
        if method != "common" {
            let factor = try apply(.power, .integer(10), .integer(precision ?? 0))
            guard let scaled = try apply(.multiply, value, factor).double, scaled.isFinite else {
                throw .runtime("cannot round this number")
            }
            let whole = try Self.whole(scaled.rounded(method == "ceil" ? .up : .down))
            return try apply(.divide, whole, factor)
        }
        if let integer = value.integer { return .integer(try Self.rounded(integer, precision ?? 0)) }
        guard case .float(let double) = value else { throw .runtime("type '\(value.typeName)' cannot be rounded") }
        guard let places = precision else {
            guard double.isFinite else { throw .runtime("cannot convert float to integer") }
            return try Self.whole(double.rounded(.toNearestOrEven))
        }
        guard double.isFinite, places < 330 else { return .float(double) }
        guard places > -330 else { return .float(Double(signOf: double, magnitudeOf: 0)) }
        var decimal = ExactDecimal(double)
        decimal.keep(decimal.point + places)
        let text = decimal.fixed(max(0, places))
        return .float((Double(text) ?? 0) * (double < 0 ? -1 : 1))
    }

    private static func rounded(_ value: Int, _ places: Int) throws(TemplateError) -> Int {
        guard places < 0 else { return value }
        guard places > -19 else { return 0 }
        var unit = 1
        for _ in 0..<(-places) { unit *= 10 }
        let magnitude = value.magnitude
        let (quotient, remainder) = magnitude.quotientAndRemainder(dividingBy: UInt(unit))
        let half = UInt(unit) / 2
        let up = remainder > half || remainder == half && quotient % 2 == 1
        let (product, overflow) = (quotient + (up ? 1 : 0)).multipliedReportingOverflow(by: UInt(unit))
        guard !overflow, product <= UInt(Int.max) else { throw .runtime("an integer does not fit in 64 bits") }
        return value < 0 ? -Int(product) : Int(product)
    }

    private func fileSize(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> String {
        let binary = try flag(try arguments.bind("filesizeformat", ["binary"])[0])
        guard let bytes = value.double ?? value.text.flatMap({ Self.double($0) }) else { throw .runtime("could not convert to a number") }
        let base: Double = binary ? 1024 : 1000
        if bytes == 1 { return "1 Byte" }
        guard bytes.isFinite else { throw .runtime("no finite number") }
        if bytes < base { return "\(try Self.whole(bytes).integer ?? 0) Bytes" }
        var unit = base
        let prefixes =
            binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
        for (index, prefix) in prefixes.enumerated() {
            unit *= base
            if bytes < unit || index == prefixes.count - 1 { return ExactDecimal(base * bytes / unit).fixed(1) + " " + prefix }
        }
        return ""
    }
}
