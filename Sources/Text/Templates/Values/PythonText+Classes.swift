/// Classes of characters as Python's `str` methods and `re` define them.
extension Unicode.Scalar {
    /// `str.isspace` and `\s`: bidirectional type WS, B or S, or category Zs.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    /// Where `str.splitlines` breaks.
    var isPythonLineBreak: Bool {
        switch value {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    /// `str.isprintable`, and what `repr` leaves as it is.
    var isPythonPrintable: Bool {
        if value < 0x7F { return value >= 0x20 }
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator: return false
        default: return true
        }
    }

    var isPythonAlphabetic: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    var isPythonDecimal: Bool { properties.numericType == .decimal }
    var isPythonDigit: Bool { properties.numericType == .decimal || properties.numericType == .digit }
    var isPythonNumeric: Bool { properties.numericType != nil }
    var isPythonAlphanumeric: Bool { isPythonAlphabetic || isPythonNumeric }
    /// `\w`.
    var isPythonWord: Bool { value == 0x5F || isPythonAlphanumeric }
    var isPythonUpper: Bool { properties.isUppercase }
    var isPythonLower: Bool { properties.isLowercase }
    var isPythonTitle: Bool { properties.generalCategory == .titlecaseLetter }
    var isPythonCased: Bool { isPythonUpper || isPythonLower || isPythonTitle }

    /// The value of a decimal digit in any script.
    var pythonDecimalValue: Int? { isPythonDecimal ? properties.numericValue.map { Int($0) } : nil }
}

extension PythonText {
    /// Whether there are scalars and all are of the class.
    func isAll(_ belongs: (Unicode.Scalar) -> Bool) -> Bool { !isEmpty && scalars.allSatisfy(belongs) }

    /// `str.isupper`, with `isPythonLower` for `unwanted`, and `str.islower` the other way round.
    func isCased(only wanted: (Unicode.Scalar) -> Bool, not unwanted: (Unicode.Scalar) -> Bool) -> Bool {
        var found = false
        for scalar in scalars {
            if unwanted(scalar) || scalar.isPythonTitle { return false }
            if wanted(scalar) { found = true }
        }
        return found
    }

    var isUpper: Bool { isCased(only: \.isPythonUpper, not: \.isPythonLower) }
    var isLower: Bool { isCased(only: \.isPythonLower, not: \.isPythonUpper) }

    var isTitle: Bool {
        var found = false
        var previousCased = false
        for scalar in scalars {
            if scalar.isPythonUpper || scalar.isPythonTitle {
                if previousCased { return false }
                previousCased = true
                found = true
            } else if scalar.isPythonLower {
                if !previousCased { return false }
                found = true
            } else {
                previousCased = false
            }
        }
        return found
    }

    var isIdentifier: Bool {
        guard let first = scalars.first, first == "_" || first.properties.isXIDStart else { return false }
        return scalars.allSatisfy { $0 == "_" || $0.properties.isXIDContinue }
    }
}
