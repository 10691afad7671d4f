/// Changes of case, by the full mappings of Unicode as Python applies them.
extension PythonText {
    func uppercased() -> PythonText {
        if isASCII { return PythonText(ascii: bytes.map { $0 >= 0x61 && $0 <= 0x7A ? $0 & 0xDF : $0 }) }
        return mapped { scalar, _, _ in scalar.properties.uppercaseMapping }
    }

    func lowercased() -> PythonText {
        if isASCII { return PythonText(ascii: bytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }) }
        return mapped { scalar, all, index in Self.lower(scalar, all, index) }
    }

    func swappedCase() -> PythonText {
        mapped { scalar, all, index in
            if scalar.isPythonUpper { return Self.lower(scalar, all, index) }
            return scalar.isPythonLower ? scalar.properties.uppercaseMapping : String(scalar)
        }
    }

    /// The first scalar in title case, the others in lower case.
    func capitalized() -> PythonText {
        mapped { scalar, all, index in index == 0 ? scalar.properties.titlecaseMapping : Self.lower(scalar, all, index) }
    }

    /// `str.title`: title case after whatever is not cased.
    func titled() -> PythonText {
        var previousCased = false
        return mapped { scalar, all, index in
            defer { previousCased = scalar.isPythonCased }
            return previousCased ? Self.lower(scalar, all, index) : scalar.properties.titlecaseMapping
        }
    }

    /// `str.casefold`, which for all but a few letters is the lower case.
    func caseFolded() -> PythonText {
        mapped { scalar, _, _ in
            switch scalar.value {
            case 0xDF, 0x1E9E: return "ss"
            case 0x3C2: return "\u{3C3}"
            case 0xB5: return "\u{3BC}"
            case 0x149: return "\u{2BC}n"
            case 0xFB00...0xFB06, 0x587, 0x1F0, 0x390, 0x3B0: return scalar.properties.uppercaseMapping.lowercased()
            default: return scalar.properties.lowercaseMapping
            }
        }
    }

    private func mapped(_ mapping: (Unicode.Scalar, [Unicode.Scalar], Int) -> String) -> PythonText {
        let all = scalars
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for (index, scalar) in all.enumerated() { result.append(contentsOf: mapping(scalar, all, index).utf8) }
        return PythonText(result)
    }

    /// Lower case with the Greek sigma's form for the end of a word.
    private static func lower(_ scalar: Unicode.Scalar, _ all: [Unicode.Scalar], _ index: Int) -> String {
        guard scalar.value == 0x3A3 else { return scalar.properties.lowercaseMapping }
        var before = index - 1
        while before >= 0, all[before].properties.isCaseIgnorable { before -= 1 }
        guard before >= 0, all[before].isPythonCased else { return "\u{3C3}" }
        var after = index + 1
        while after < all.count, all[after].properties.isCaseIgnorable { after += 1 }
        return after < all.count && all[after].isPythonCased ? "\u{3C3}" : "\u{3C2}"
    }
}
