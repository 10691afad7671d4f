extension LocalTime {
    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
    ]

    /// Formats by the directives of `strftime` in the C locale, with the flags `-`, `_`, `0`, `^` and `#` of the GNU library.
    func formatted(_ format: String) -> String {
        var result = ""
        var scalars = Array(format.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            guard scalar == "%", !scalars.isEmpty else {
                result.unicodeScalars.append(scalar)
                continue
            }
            let whole = scalars
            var flag: Unicode.Scalar?
            while let candidate = scalars.first, "-_0^#".unicodeScalars.contains(candidate) {
                flag = candidate
                scalars.removeFirst()
            }
            while scalars.first == "E" || scalars.first == "O" { scalars.removeFirst() }
            guard let directive = scalars.popFirst(), let text = expand(directive, flag) else {
                // Not a directive: the text stays as it is.
                result += "%"
                scalars = whole
                continue
            }
            result += text
        }
        return result
    }

    private func expand(_ directive: Unicode.Scalar, _ flag: Unicode.Scalar?) -> String? {
        if let (value, width, padding) = number(directive) {
            let pad: Character? = flag == "-" ? nil : flag == "_" ? " " : flag == "0" ? "0" : padding
            let digits = String(value.magnitude)
            let missing = pad == nil ? 0 : max(0, width - digits.utf8.count)
            return (value < 0 ? "-" : "") + String(repeating: pad ?? "0", count: missing) + digits
        }
        guard let text = text(directive) else { return nil }
        if flag == "^" { return text.uppercased() }
        if flag == "#" { return directive == "p" ? text.lowercased() : text.uppercased() }
        return text
    }

    /// The value of a numeric directive, its width and what fills it.
    private func number(_ directive: Unicode.Scalar) -> (Int, Int, Character)? {
        switch directive {
        case "d": (day, 2, "0")
        case "e": (day, 2, " ")
        case "m": (month, 2, "0")
        case "Y": (year, 1, "0")
        case "y": (((year % 100) + 100) % 100, 2, "0")
        case "C": (year / 100, 2, "0")
        case "G": (isoWeek.year, 1, "0")
        case "g": (isoWeek.year % 100, 2, "0")
        case "H": (hour, 2, "0")
        case "k": (hour, 2, " ")
        case "I": ((hour + 11) % 12 + 1, 2, "0")
        case "l": ((hour + 11) % 12 + 1, 2, " ")
        case "M": (minute, 2, "0")
        case "S": (second, 2, "0")
        case "f": (microsecond, 6, "0")
        case "j": (dayOfYear + 1, 3, "0")
        case "w": (weekday, 1, "0")
        case "u": ((weekday + 6) % 7 + 1, 1, "0")
        case "U": ((dayOfYear + 7 - weekday) / 7, 2, "0")
        case "W": ((dayOfYear + 7 - (weekday + 6) % 7) / 7, 2, "0")
        case "V": (isoWeek.week, 2, "0")
        default: nil
        }
    }

    private func text(_ directive: Unicode.Scalar) -> String? {
        switch directive {
        case "a": String(Self.days[weekday].prefix(3))
        case "A": Self.days[weekday]
        case "b", "h": String(Self.months[month - 1].prefix(3))
        case "B": Self.months[month - 1]
        case "p": hour < 12 ? "AM" : "PM"
        case "P": hour < 12 ? "am" : "pm"
        case "c": formatted("%a %b %e %H:%M:%S %Y")
        case "D", "x": formatted("%m/%d/%y")
        case "F": formatted("%Y-%m-%d")
        case "R": formatted("%H:%M")
        case "T", "X": formatted("%H:%M:%S")
        case "r": formatted("%I:%M:%S %p")
        case "n": "\n"
        case "t": "\t"
        case "%": "%"
        case "z", "Z": ""
        default: nil
        }
    }
}
