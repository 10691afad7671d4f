/// Arithmetic with the types and results of Python's operators. Integers are of 64 bits: a result beyond is an error.
extension TemplateRuntime {
    func apply(_ operation: ArithmeticOperation, _ left: PythonValue, _ right: PythonValue) throws(TemplateError) -> PythonValue {
        if operation == .modulo, let format = left.text {
            let result = try formatPrintf(format, right)
            if case .markup = left { return .markup(result) }
            return try text(result)
        }
        if case .undefined(let undefined) = left { throw undefined.error }
        if case .undefined(let undefined) = right { throw undefined.error }
        if let first = left.integer, let second = right.integer { return try apply(operation, first, second) }
        if let first = left.double, let second = right.double { return try apply(operation, first, second) }
        if operation == .add, let sum = try add(left, right) { return sum }
        if operation == .multiply {
            if let count = right.integer, let product = try multiply(left, count) { return product }
            if let count = left.integer, let product = try multiply(right, count) { return product }
        }
        throw .runtime("unsupported operand types for \(operation.rawValue): '\(left.typeName)' and '\(right.typeName)'")
    }

    func negate(_ value: PythonValue) throws(TemplateError) -> PythonValue {
        if case .undefined(let undefined) = value { throw undefined.error }
        if let integer = value.integer { return .integer(try checked(Int(0).subtractingReportingOverflow(integer))) }
        guard case .float(let double) = value else { throw .runtime("bad operand type for unary -: '\(value.typeName)'") }
        return .float(-double)
    }

    private func checked(_ result: (partialValue: Int, overflow: Bool)) throws(TemplateError) -> Int {
        guard !result.overflow else { throw .runtime("an integer does not fit in 64 bits") }
        return result.partialValue
    }

    private func apply(_ operation: ArithmeticOperation, _ left: Int, _ right: Int) throws(TemplateError) -> PythonValue {
        switch operation {
        case .add: return .integer(try checked(left.addingReportingOverflow(right)))
        case .subtract: return .integer(try checked(left.subtractingReportingOverflow(right)))
        case .multiply: return .integer(try checked(left.multipliedReportingOverflow(by: right)))
        case .divide:
            guard right != 0 else { throw .runtime("division by zero") }
            return .float(Double(left) / Double(right))
        case .floorDivide:
            guard right != 0 else { throw .runtime("integer division or modulo by zero") }
            let quotient = try checked(left.dividedReportingOverflow(by: right))
            return .integer(left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient)
        case .modulo: return .integer(try modulo(left, right))
        case .power: return try power(left, right)
        }
    }

    func modulo(_ left: Int, _ right: Int) throws(TemplateError) -> Int {
        guard right != 0 else { throw .runtime("integer division or modulo by zero") }
        let remainder = left.remainderReportingOverflow(dividingBy: right).partialValue
        return right == -1 ? 0 : remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder
    }

    private func power(_ base: Int, _ exponent: Int) throws(TemplateError) -> PythonValue {
        if exponent < 0 {
            guard base != 0 else { throw .runtime("0.0 cannot be raised to a negative power") }
            return .float(Double.power(Double(base), Double(exponent)))
        }
        var result = 1
        if base == 1 || exponent == 0 { return .integer(1) }
        if base == 0 { return .integer(0) }
        if base == -1 { return .integer(exponent % 2 == 0 ? 1 : -1) }
        guard exponent < 64 else { throw .runtime("an integer does not fit in 64 bits") }
        for _ in 0..<exponent { result = try checked(result.multipliedReportingOverflow(by: base)) }
        return .integer(result)
    }

    private func apply(_ operation: ArithmeticOperation, _ left: Double, _ right: Double) throws(TemplateError) -> PythonValue {
        switch operation {
        case .add: return .float(left + right)
        case .subtract: return .float(left - right)
        case .multiply: return .float(left * right)
        case .divide:
            guard right != 0 else { throw .runtime("float division by zero") }
            return .float(left / right)
        case .floorDivide:
            guard right != 0 else { throw .runtime("float floor division by zero") }
            return .float(Self.divided(left, right).quotient)
        case .modulo:
            guard right != 0 else { throw .runtime("float modulo") }
            return .float(Self.divided(left, right).remainder)
        case .power:
            guard left != 0 || right >= 0 else { throw .runtime("0.0 cannot be raised to a negative power") }
            guard left >= 0 || right == right.rounded() else { throw .runtime("complex numbers are not supported") }
            let result = Double.power(left, right)
            guard result.isFinite || !left.isFinite || !right.isFinite else { throw .runtime("the result is too large for a float") }
            return .float(result)
        }
    }

    /// Quotient rounded down and the remainder with the divisor's sign.
    static func divided(_ left: Double, _ right: Double) -> (quotient: Double, remainder: Double) {
        var remainder = left.truncatingRemainder(dividingBy: right)
        var quotient = (left - remainder) / right
        if remainder != 0 {
            if (right < 0) != (remainder < 0) {
                remainder += right
                quotient -= 1
            }
        } else {
            remainder = Double(signOf: right, magnitudeOf: 0)
        }
        guard quotient != 0 else { return (Double(signOf: left / right, magnitudeOf: 0), remainder) }
        var floor = quotient.rounded(.down)
        if quotient - floor > 0.5 { floor += 1 }
        return (floor, remainder)
    }

    private func add(_ left: PythonValue, _ right: PythonValue) throws(TemplateError) -> PythonValue? {
        switch (left, right) {
        case (.text(let first), .text(let second)):
            try allocateText(first.bytes.count + second.bytes.count)
            return .text(first + second)
        case (.markup, .text), (.text, .markup), (.markup, .markup):
            let first = try escaped(left)
            let second = try escaped(right)
            try allocateText(first.bytes.count + second.bytes.count)
            return .markup(first + second)
        case (.list(let first), .list(let second)):
            try allocateList(first.items.count + second.items.count)
            return try list(first.items + second.items)
        case (.tuple(let first), .tuple(let second)):
            try allocateList(first.items.count + second.items.count)
            return try tuple(first.items + second.items)
        default: return nil
        }
    }

    private func multiply(_ value: PythonValue, _ count: Int) throws(TemplateError) -> PythonValue? {
        let count = max(0, count)
        switch value {
        case .text(let text): return .text(try repeated(text, count))
        case .markup(let text): return .markup(try repeated(text, count))
        case .list(let items): return try list(try repeated(items.items, count))
        case .tuple(let items): return try tuple(try repeated(items.items, count))
        default: return nil
        }
    }

    func repeated(_ text: PythonText, _ count: Int) throws(TemplateError) -> PythonText {
        if text.isEmpty || count <= 0 { return .empty }
        try allocateText(text.bytes.count, times: count)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.bytes.count * count)
        for _ in 0..<count { bytes.append(text) }
        return PythonText(bytes)
    }

    private func repeated(_ items: [PythonValue], _ count: Int) throws(TemplateError) -> [PythonValue] {
        if items.isEmpty { return [] }
        let (total, overflow) = items.count.multipliedReportingOverflow(by: count)
        try allocateList(overflow ? .max >> 8 : total)
        return Array(repeatElement(items, count: count).joined())
    }
}
