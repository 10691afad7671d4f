/// Sets of scalars by Unicode property, as patterns name them (`\p{Lu}`, `\s`, `\w`). Unpacked once, on first use.
enum UnicodeProperties {
    private static let categoryNames = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So",
        "Zs",
        "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]

    private static let categories: [ScalarSet] = {
        var runs: [[(start: UInt32, end: UInt32)]] = Array(repeating: [], count: categoryNames.count)
        var position: UInt32 = 0
        var length: UInt32 = 0
        UnicodeTables.categories.withUTF8Buffer { buffer in
            for byte in buffer {
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"):
                    length = length * 10 + UInt32(byte - UInt8(ascii: "0"))
                default:
                    let category = byte >= UInt8(ascii: "a") ? Int(byte - UInt8(ascii: "a")) + 26 : Int(byte - UInt8(ascii: "A"))
                    runs[category].append((position, position + length))
                    position += length
                    length = 0
                }
            }
        }
        return runs.map { ScalarSet(runs: $0) }
    }()

    /// The union of all general categories whose name starts so: `L`, `Nd`, …
    private static func category(_ prefix: String) -> ScalarSet? {
        let matching = categoryNames.indices.filter { categoryNames[$0].hasPrefix(prefix) }
        if prefix.isEmpty || matching.isEmpty { return nil }
        return matching.reduce(ScalarSet.empty) { $0 | categories[$1] }
    }

    private static func categories(_ names: String...) -> ScalarSet {
        names.reduce(.empty) { $0 | (category($1) ?? .empty) }
    }

    static let letters = categories("L")
    static let marks = categories("M")
    static let numbers = categories("N")
    static let decimalDigits = categories("Nd")
    static let punctuation = categories("P")
    static let upper = categories("Lu")
    static let lower = categories("Ll")
    /// White_Space.
    static let space =
        ScalarSet(0x09...0x0D) | ScalarSet(0x20...0x20) | ScalarSet(0x85...0x85) | categories("Zs", "Zl", "Zp")
    /// Alphabetic, marks, decimal digits and connectors.
    static let word = categories("L", "M", "Nd", "Nl", "Pc") | unpack(UnicodeTables.otherAlphabetic)
    static let hexadecimalDigits = ScalarSet(0x30...0x39) | ScalarSet(0x41...0x46) | ScalarSet(0x61...0x66)

    /// Shared tables, never deallocated.
    static let spaceTable = ScalarTable(space)
    /// With the joiners, which single-word tokens count as part of a word.
    static let wordTable = ScalarTable(word | ScalarSet(0x200C...0x200D))
    static let markTable = ScalarTable(marks)

    /// 'gap,length;' in hexadecimal.
    private static func unpack(_ packed: StaticString) -> ScalarSet {
        var runs: [(start: UInt32, end: UInt32)] = []
        var position: UInt32 = 0
        for fields in unpackFields(packed) where fields.count == 2 {
            runs.append((position + fields[0], position + fields[0] + fields[1]))
            position += fields[0] + fields[1]
        }
        return ScalarSet(runs: runs)
    }

    /// Records that end in ';', of hexadecimal fields between ','.
    static func unpackFields(_ packed: StaticString) -> [[UInt32]] {
        var records: [[UInt32]] = []
        var fields: [UInt32] = []
        var value: UInt32 = 0
        packed.withUTF8Buffer { buffer in
            for byte in buffer {
                switch byte {
                case UInt8(ascii: ";"):
                    fields.append(value)
                    records.append(fields)
                    fields.removeAll(keepingCapacity: true)
                    value = 0
                case UInt8(ascii: ","):
                    fields.append(value)
                    value = 0
                default:
                    value = value << 4 | UInt32(byte <= UInt8(ascii: "9") ? byte & 15 : byte & 15 + 9)
                }
            }
        }
        return records
    }

    /// The set a pattern names in `\p{…}`: a general category, a script or one of a few other properties; nil if unknown.
    static func named(_ name: String) -> ScalarSet? {
        var key = name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" }
        for prefix in ["generalcategory=", "gc=", "script=", "sc=", "scriptextensions=", "scx=", "is"] where key.hasPrefix(prefix) {
            key = String(key.dropFirst(prefix.count))
            break
        }
        switch key {
        case "any", "all": return .all
        case "ascii": return ScalarSet(0...0x7F)
        case "assigned": return category("Cn")?.inverted
        case "letter": return letters
        case "alphabetic", "alpha": return (word & (marks | decimalDigits | categories("Pc")).inverted)
        case "lc", "l&", "casedletter": return categories("Lu", "Ll", "Lt")
        case "mark", "combiningmark": return marks
        case "number": return numbers
        case "digit", "decimalnumber": return decimalDigits
        case "punctuation", "punct": return punctuation
        case "symbol": return category("S")
        case "separator": return category("Z")
        case "other": return category("C")
        case "uppercaseletter", "upper", "uppercase": return upper
        case "lowercaseletter", "lower", "lowercase": return lower
        case "titlecaseletter": return category("Lt")
        case "modifierletter": return category("Lm")
        case "otherletter": return category("Lo")
        case "nonspacingmark": return category("Mn")
        case "spacingmark": return category("Mc")
        case "control", "cntrl": return category("Cc")
        case "format": return category("Cf")
        case "space", "whitespace": return space
        case "word": return word
        case "alnum": return (word & (marks | categories("Pc")).inverted)
        case "xdigit": return hexadecimalDigits
        default: break
        }
        if key.utf8.count <= 2, let first = key.first {
            return category(first.uppercased() + key.dropFirst())
        }
        for script in UnicodeTables.scripts where script.name.description.lowercased() == key {
            return unpack(script.ranges)
        }
        return nil
    }
}
