/// Reads the regular-expression subset that tokenizers' splitting rules are written in, with the meaning Oniguruma gives it: alternation,
/// groups (plain, non-capturing, named, `(?i:…)`), classes with nesting and `&&`, `\p{…}`, `\s \d \w \h`, greedy, lazy and (for a single
/// class) possessive quantifiers, look-ahead and look-behind of bounded width, `^ $ \A \z \Z \b \B`.
///
/// Back-references, conditionals, recursion and atomic groups are refused.
struct PatternParser {
    private let pattern: String
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var ignoresCase = false
    private var depth = 0

    private static let maximumDepth = 64
    private static let maximumLength = 65536
    private static let maximumRepetitions = 1000

    init(_ pattern: String) {
        self.pattern = pattern
        scalars = Array(pattern.unicodeScalars)
    }

    mutating func parse() throws(PatternError) -> PatternNode {
        if scalars.count > Self.maximumLength { throw error("it is longer than \(Self.maximumLength) characters") }
        let node = try alternation()
        if position < scalars.count { throw error("an unexpected ')'") }
        return node
    }

    private func error(_ message: String) -> PatternError {
        let shown = scalars.count > 300 ? String(pattern.prefix(300)) + "…" : pattern
        return PatternError(pattern: shown, offset: position, message: message)
    }

    private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func accept(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    private func follows(_ text: String) -> Bool {
        scalars[position...].starts(with: text.unicodeScalars)
    }

    private mutating func accept(_ text: String) -> Bool {
        guard follows(text) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    private mutating func alternation() throws(PatternError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw error("it nests deeper than \(Self.maximumDepth)") }
        var alternatives: [PatternNode] = []
        let outerCase = ignoresCase
        repeat { alternatives.append(try sequence()) } while accept("|")
        ignoresCase = outerCase
        return alternatives.count == 1 ? alternatives[0] : .alternation(alternatives)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = current, scalar != "|", scalar != ")" {
            let node = try quantified()
            if node != .empty { nodes.append(node) }
        }
        return nodes.isEmpty ? .empty : nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func quantified() throws(PatternError) -> PatternNode {
        var node = try atom()
        while true {
            // After a counted repetition '+' is one more quantifier, not possessiveness.
            let counted = current == "{"
            guard let (minimum, maximum) = try quantifier() else { break }
            var greed = PatternNode.Greed.greedy
            if accept("?") { greed = .lazy } else if !counted, accept("+") { greed = .possessive }
            if greed == .possessive {
                guard case .set = node else { throw error("a possessive quantifier is supported after a single character or class only") }
            }
            switch node {
            case .look, .anchor: throw error("a quantifier after an assertion")
            case .empty: continue
            default: node = .repetition(node, minimum: minimum, maximum: maximum, greed)
            }
        }
        return node
    }

    private mutating func quantifier() throws(PatternError) -> (Int, Int?)? {
        if accept("*") { return (0, nil) }
        if accept("+") { return (1, nil) }
        if accept("?") { return (0, 1) }
        guard current == "{" else { return nil }
        let start = position
        position += 1
        let minimum = number()
        var maximum = minimum
        let range = accept(",")
        if range { maximum = number() }
        guard accept("}"), minimum != nil || maximum != nil else {
            // Not a quantifier: a brace that stands for itself.
            position = start
            return nil
        }
        let least = minimum ?? 0
        if least > Self.maximumRepetitions || (maximum ?? 0) > Self.maximumRepetitions || maximum.map({ $0 < least }) == true {
            throw error("a repetition count that is out of order or above \(Self.maximumRepetitions)")
        }
        return (least, maximum)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = current, ("0"..."9").contains(scalar) {
            value = min((value ?? 0) * 10 + Int(scalar.value - 48), 1_000_000)
            position += 1
        }
        return value
    }

    private mutating func atom() throws(PatternError) -> PatternNode {
        guard let scalar = current else { return .empty }
        switch scalar {
        case "(":
            position += 1
            return try group()
        case "[":
            position += 1
            return .set(try characterClass())
        case ".":
            position += 1
            return .set(ScalarSet("\n").inverted)
        case "^":
            position += 1
            return .anchor(.lineStart)
        case "$":
            position += 1
            return .anchor(.lineEnd)
        case "*", "+", "?": throw error("a quantifier with nothing before it")
        case "\\":
            return try escape()
        default:
            position += 1
            return .set(literal(scalar))
        }
    }

    private mutating func group() throws(PatternError) -> PatternNode {
        let outerCase = ignoresCase
        defer { ignoresCase = outerCase }
        var look: (ahead: Bool, negative: Bool)?
        if accept("?") {
            if accept("=") {
                look = (true, false)
            } else if accept("!") {
                look = (true, true)
            } else if accept("<=") {
                look = (false, false)
            } else if accept("<!") {
                look = (false, true)
            } else if accept(":") {
            } else if accept("<") || accept("P<") {
                while let scalar = current, scalar != ">" {
                    if !UnicodeProperties.word.contains(scalar.value) { throw error("a group name") }
                    position += 1
                }
                guard accept(">") else { throw error("'>' is missing after a group name") }
            } else if accept("#") {
                while let scalar = current, scalar != ")" { position = min(position + (scalar == "\\" ? 2 : 1), scalars.count) }
                guard accept(")") else { throw error("a comment does not end") }
                return .empty
            } else {
                return try flags(outerCase)
            }
        }
        let node = try alternation()
        guard accept(")") else { throw error("')' is missing") }
        guard let look else { return node }
        guard let maximum = node.width.maximum, maximum <= 16 else { throw error("a look-around that may be wider than 16 characters") }
        if !look.ahead {
            guard case .set = node else { throw error("a look-behind is supported for a single character or class only") }
        }
        return .look(node, ahead: look.ahead, negative: look.negative)
    }

    /// After `(?`: `i)`, `i:…)`, `-i:…)` and the like.
    private mutating func flags(_ outerCase: Bool) throws(PatternError) -> PatternNode {
        var value = true
        while let scalar = current, scalar != ")", scalar != ":" {
            switch scalar {
            case "-": value = false
            case "i": ignoresCase = value
            case "u": break
            default: throw error("an unsupported group or flag '(?\(scalar)'")
            }
            position += 1
        }
        if accept(")") {
            // The rest of the enclosing group, alternatives included.
            let rest = try alternation()
            return rest
        }
        guard accept(":") else { throw error("a group does not end") }
        let node = try alternation()
        guard accept(")") else { throw error("')' is missing") }
        return node
    }

    /// The scalar itself, and its other cases where case is ignored.
    private func literal(_ scalar: Unicode.Scalar) -> ScalarSet {
        ignoresCase ? Self.closedOverCase(ScalarSet(scalar)) : ScalarSet(scalar)
    }

    /// Adds the other simple cases of every scalar of a small set; of larger sets only of ASCII letters.
    private static func closedOverCase(_ set: ScalarSet) -> ScalarSet {
        var result = set
        var runs: [(start: UInt32, end: UInt32)] = []
        func add(_ value: UInt32) { runs.append((value, value + 1)) }
        for letter in UInt32(0x61)...0x7A {
            let special: UInt32? = letter == 0x73 ? 0x17F : letter == 0x6B ? 0x212A : nil
            let cases = [letter, letter - 32] + (special.map { [$0] } ?? [])
            if cases.contains(where: set.contains) { cases.forEach(add) }
        }
        if set.runs.reduce(0, { $0 + Int($1.end - $1.start) }) <= 1024 {
            for run in set.runs {
                for value in run.start..<run.end where value >= 0x80 {
                    guard let properties = Unicode.Scalar(value)?.properties else { continue }
                    for mapping in [properties.lowercaseMapping, properties.uppercaseMapping] where mapping.unicodeScalars.count == 1 {
                        mapping.unicodeScalars.forEach { add($0.value) }
                    }
                }
            }
        }
        result = result | ScalarSet(runs: runs)
        return result
    }
}

// MARK: Escapes and classes

extension PatternParser {
    private mutating func escape() throws(PatternError) -> PatternNode {
        let start = position
        position += 1
        guard let scalar = current else { throw error("a backslash at the end") }
        switch scalar {
        case "A":
            position += 1
            return .anchor(.textStart)
        case "z":
            position += 1
            return .anchor(.textEnd)
        case "Z":
            position += 1
            return .anchor(.textEndOrLastLine)
        case "b":
            position += 1
            return .anchor(.wordBoundary)
        case "B":
            position += 1
            return .anchor(.notWordBoundary)
        case "1"..."9", "k", "g": throw error("a back-reference")
        case "G", "K", "X", "R": throw error("the unsupported escape \\\(scalar)")
        default:
            position = start
            return .set(try setEscape())
        }
    }

    /// At a backslash: the set an escape stands for, inside or outside of a class.
    private mutating func setEscape() throws(PatternError) -> ScalarSet {
        position += 1
        guard let scalar = current else { throw error("a backslash at the end") }
        position += 1
        switch scalar {
        case "s": return UnicodeProperties.space
        case "S": return UnicodeProperties.space.inverted
        case "d": return UnicodeProperties.decimalDigits
        case "D": return UnicodeProperties.decimalDigits.inverted
        case "w": return UnicodeProperties.word
        case "W": return UnicodeProperties.word.inverted
        case "h": return UnicodeProperties.hexadecimalDigits
        case "H": return UnicodeProperties.hexadecimalDigits.inverted
        case "p", "P": return try property(inverted: scalar == "P")
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "t": return ScalarSet("\t")
        case "f": return ScalarSet("\u{C}")
        case "v": return ScalarSet("\u{B}")
        case "a": return ScalarSet("\u{7}")
        case "e": return ScalarSet("\u{1B}")
        case "0": return ScalarSet("\0")
        case "x": return literal(try codePoint(digits: 2))
        case "u": return literal(try codePoint(digits: 4))
        case "a"..."z", "A"..."Z", "1"..."9": throw error("the unsupported escape \\\(scalar)")
        default: return literal(scalar)
        }
    }

    /// After `\x` or `\u`: that many digits, or any number of them in braces.
    private mutating func codePoint(digits: Int) throws(PatternError) -> Unicode.Scalar {
        let braced = accept("{")
        var value: UInt32 = 0
        var count = 0
        while count < (braced ? 8 : digits), let scalar = current, UnicodeProperties.hexadecimalDigits.contains(scalar.value) {
            let digit = scalar.value <= 0x39 ? scalar.value - 0x30 : (scalar.value | 32) - 0x61 + 10
            value = value << 4 | digit
            count += 1
            position += 1
        }
        if braced && !accept("}") { throw error("'}' is missing after a code point") }
        guard count > 0, let scalar = Unicode.Scalar(value) else { throw error("an invalid code point") }
        return scalar
    }

    /// After `\p` or `\P`.
    private mutating func property(inverted: Bool) throws(PatternError) -> ScalarSet {
        var inverted = inverted
        var name = ""
        if accept("{") {
            if accept("^") { inverted.toggle() }
            while let scalar = current, scalar != "}" {
                name.unicodeScalars.append(scalar)
                position += 1
            }
            guard accept("}") else { throw error("'}' is missing after a property") }
        } else if let scalar = current {
            name = String(scalar)
            position += 1
        }
        guard let set = UnicodeProperties.named(name) else { throw error("the unknown property \"\(name)\"") }
        return inverted ? set.inverted : set
    }

    /// After `[`.
    private mutating func characterClass() throws(PatternError) -> ScalarSet {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw error("it nests deeper than \(Self.maximumDepth)") }
        let inverted = accept("^")
        var result = ScalarSet.empty
        var intersection: ScalarSet?
        var runs: [(start: UInt32, end: UInt32)] = []
        var first = true
        while true {
            guard let scalar = current else { throw error("']' is missing") }
            if scalar == "]" && !first { break }
            first = false
            if accept("&&") {
                let left = closed(result | ScalarSet(runs: runs))
                intersection = intersection.map { $0 & left } ?? left
                result = .empty
                runs = []
                continue
            }
            if scalar == "[" {
                if let set = try posixClass() {
                    result = result | set
                } else {
                    position += 1
                    result = result | (try characterClass())
                }
                continue
            }
            let low = try classItem()
            guard let start = low.single, current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                if let single = low.single { runs.append((single, single + 1)) } else { result = result | low.set }
                continue
            }
            let hyphen = position
            position += 1
            if current == "[" || follows("&&") {
                position = hyphen
                runs.append((start, start + 1))
                continue
            }
            guard let end = try classItem().single else {
                // Not a range: the hyphen stands for itself.
                position = hyphen + 1
                runs.append((start, start + 1))
                runs.append((0x2D, 0x2E))
                continue
            }
            if end < start { throw error("a range in a class is out of order") }
            runs.append((start, end + 1))
        }
        position += 1
        var set = closed(result | ScalarSet(runs: runs))
        if let intersection { set = intersection & set }
        return inverted ? set.inverted : set
    }

    private func closed(_ set: ScalarSet) -> ScalarSet {
        ignoresCase ? Self.closedOverCase(set) : set
    }

    private mutating func classItem() throws(PatternError) -> (set: ScalarSet, single: UInt32?) {
        guard let scalar = current else { throw error("']' is missing") }
        if scalar == "\\" {
            if position + 1 < scalars.count, scalars[position + 1] == "b" {
                position += 2
                return (ScalarSet("\u{8}"), 8)
            }
            let outerCase = ignoresCase
            ignoresCase = false
            defer { ignoresCase = outerCase }
            let set = try setEscape()
            let runs = set.runs
            if runs.count == 1, runs[0].end == runs[0].start + 1 { return (set, runs[0].start) }
            return (set, nil)
        }
        position += 1
        return (.empty, scalar.value)
    }

    /// At `[` inside a class: `[:alpha:]`, `[:^space:]`.
    private mutating func posixClass() throws(PatternError) -> ScalarSet? {
        guard follows("[:") else { return nil }
        var end = position + 2
        var name = ""
        while end < scalars.count, scalars[end] != ":", scalars[end] != "]" {
            name.unicodeScalars.append(scalars[end])
            end += 1
        }
        guard end + 1 < scalars.count, scalars[end] == ":", scalars[end + 1] == "]" else { return nil }
        let inverted = name.hasPrefix("^")
        if inverted { name.removeFirst() }
        guard let set = UnicodeProperties.named(name) else { throw error("the unknown class \"[:\(name):]\"") }
        position = end + 2
        return inverted ? set.inverted : set
    }
}
