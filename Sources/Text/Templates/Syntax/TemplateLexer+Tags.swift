extension TemplateLexer {
    /// Reads the tokens of a tag up to and including its end.
    mutating func readTag(isBlock: Bool) throws(TemplateError) {
        brackets = []
        while position < source.count {
            if brackets.isEmpty, let end = closing(isBlock ? "%}" : "}}", at: position, trimsNewline: isBlock) {
                tokens.append(TemplateToken(kind: isBlock ? .blockEnd : .variableEnd, line: line))
                finishTag(at: end)
                return
            }
            let spaceEnd = skipSpace(position)
            if spaceEnd > position {
                finishTag(at: spaceEnd)
                continue
            }
            try readToken()
        }
    }

    private mutating func readToken() throws(TemplateError) {
        let byte = source[position]
        if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { return try readNumber() }
        if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") { return try readString(quote: byte) }
        let nameEnd = wordEnd(position)
        if nameEnd > position {
            let name = PythonText(source[position..<nameEnd])
            guard name.isIdentifier else { throw fault("invalid character in identifier '\(name.string)'") }
            emit(.name(name.string), length: nameEnd - position)
            return
        }
        try readSymbol()
    }

    private func wordEnd(_ start: Int) -> Int {
        var index = start
        while index < source.count {
            let (scalar, length) = source.scalar(at: index)
            guard scalar.isPythonWord || scalar.properties.isXIDContinue else { break }
            index += length
        }
        return index
    }

    private mutating func readSymbol() throws(TemplateError) {
        for symbol in TemplateSymbol.allCases where source[position...].starts(with: symbol.rawValue.utf8) {
            switch symbol {
            case .leftBrace: brackets.append(UInt8(ascii: "}"))
            case .leftParenthesis: brackets.append(UInt8(ascii: ")"))
            case .leftBracket: brackets.append(UInt8(ascii: "]"))
            case .rightBrace, .rightParenthesis, .rightBracket:
                guard let expected = brackets.popLast() else { throw fault("unexpected '\(symbol.rawValue)'") }
                guard expected == source[position] else {
                    throw fault("unexpected '\(symbol.rawValue)', expected '\(Character(Unicode.Scalar(expected)))'")
                }
            default: break
            }
            emit(.symbol(symbol), length: symbol.rawValue.utf8.count)
            return
        }
        throw fault("unexpected character '\(source.scalar(at: position).0)'")
    }

    private mutating func emit(_ kind: TemplateToken.Kind, length: Int) {
        tokens.append(TemplateToken(kind: kind, line: line))
        finishTag(at: position + length)
    }

    private func fault(_ message: String) -> TemplateError { TemplateError(.syntax, message, line: line) }

    private func isDigit(_ index: Int) -> Bool {
        index < source.count && source[index] >= UInt8(ascii: "0") && source[index] <= UInt8(ascii: "9")
    }

    /// The end of digits with single underscores between them.
    private func digitsEnd(_ start: Int, _ accepts: (UInt8) -> Bool = { $0 >= 0x30 && $0 <= 0x39 }) -> Int {
        var index = start
        while index < source.count {
            if accepts(source[index]) {
                index += 1
            } else if source[index] == UInt8(ascii: "_"), index > start, index + 1 < source.count, accepts(source[index + 1]) {
                index += 2
            } else {
                break
            }
        }
        return index
    }

    private mutating func readNumber() throws(TemplateError) {
        let start = position
        let isAfterDot = start > 0 && source[start - 1] == UInt8(ascii: ".")
        if !isAfterDot, let end = floatEnd(start) {
            let digits = source[start..<end].filter { $0 != UInt8(ascii: "_") }
            guard let value = Double(String(decoding: digits, as: UTF8.self)) else { throw fault("number out of range") }
            return emit(.float(value), length: end - start)
        }
        let (radix, digitsStart) = radix(at: start)
        var end: Int
        if radix != 10 {
            end = prefixedDigitsEnd(digitsStart, radix)
        } else if source[start] == UInt8(ascii: "0") {
            end = digitsEnd(start) { $0 == 0x30 }
        } else {
            end = digitsEnd(start)
        }
        let digits = source[digitsStart..<end].filter { $0 != UInt8(ascii: "_") }
        guard let value = Int(String(decoding: digits, as: UTF8.self), radix: radix) else {
            throw fault("integer '\(String(decoding: source[start..<end], as: UTF8.self))' does not fit in 64 bits")
        }
        emit(.integer(value), length: end - start)
    }

    private func radix(at start: Int) -> (Int, Int) {
        guard source[start] == UInt8(ascii: "0"), start + 1 < source.count else { return (10, start) }
        let radix =
            switch source[start + 1] | 0x20 {
            case UInt8(ascii: "b"): 2
            case UInt8(ascii: "o"): 8
            case UInt8(ascii: "x"): 16
            default: 10
            }
        guard radix != 10, prefixedDigitsEnd(start + 2, radix) > start + 2 else { return (10, start) }
        return (radix, start + 2)
    }

    private func prefixedDigitsEnd(_ start: Int, _ radix: Int) -> Int {
        let accepts: (UInt8) -> Bool = { Character(Unicode.Scalar($0)).hexDigitValue.map { $0 < radix } ?? false }
        if start < source.count, source[start] == UInt8(ascii: "_"), start + 1 < source.count, accepts(source[start + 1]) {
            return digitsEnd(start + 1, accepts)
        }
        return digitsEnd(start, accepts)
    }

    /// The end of a number with a fraction, an exponent or both, if one starts here.
    private func floatEnd(_ start: Int) -> Int? {
        var index = digitsEnd(start)
        var isFloat = false
        if index < source.count, source[index] == UInt8(ascii: "."), isDigit(index + 1) {
            index = digitsEnd(index + 1)
            isFloat = true
        }
        if index < source.count, source[index] | 0x20 == UInt8(ascii: "e") {
            var exponent = index + 1
            if exponent < source.count, source[exponent] == UInt8(ascii: "+") || source[exponent] == UInt8(ascii: "-") { exponent += 1 }
            if isDigit(exponent) {
                index = digitsEnd(exponent)
                isFloat = true
            }
        }
        return isFloat ? index : nil
    }

    private mutating func readString(quote: UInt8) throws(TemplateError) {
        var index = position + 1
        while index < source.count, source[index] != quote {
            index += source[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard index < source.count else { throw fault("unexpected character '\(Character(Unicode.Scalar(quote)))': the string never ends") }
        let value = try TemplateEscapes.decode(source[position + 1..<index], line: line)
        emit(.string(value), length: index + 1 - position)
    }
}
