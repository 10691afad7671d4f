/// The compiled normalisers of a tokenizer.
struct NormalisationPipeline: Sendable {
    private enum Step: Sendable {
        case plain(Normaliser)
        case pattern(Pattern, [UInt8])
    }

    private let steps: [Step]
    private let space = UnicodeProperties.spaceTable
    private let marks = UnicodeProperties.markTable

    var isEmpty: Bool { steps.isEmpty }

    init(_ normalisers: [Normaliser]) throws(PatternError) {
        var steps: [Step] = []
        for normaliser in normalisers {
            if case .replacePattern(let pattern, let replacement) = normaliser {
                steps.append(.pattern(try Pattern(pattern), Array(replacement.utf8)))
            } else {
                steps.append(.plain(normaliser))
            }
        }
        self.steps = steps
    }

    /// The normalised form of a text.
    func normalise(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var current = Array(text)
        for step in steps {
            switch step {
            case .plain(let normaliser): apply(normaliser, &current)
            case .pattern(let pattern, let replacement): current = Self.replace(pattern, replacement, current)
            }
        }
        return current
    }

    private func apply(_ normaliser: Normaliser, _ text: inout [UInt8]) {
        switch normaliser {
        case .form(let form):
            guard text.contains(where: { $0 >= 0x80 }) else { return }
            text = Self.rewritten(text) { CanonicalData.shared.append($0, in: form, to: &$1) }
        case .lowercase: text = Self.lowercased(text)
        case .prepend(let prefix): if !text.isEmpty { text.insert(contentsOf: prefix.utf8, at: 0) }
        case .replace(let old, let new): text = Self.replace(Array(old.utf8), Array(new.utf8), text)
        case .replacePattern: break
        case .strip(let left, let right): strip(&text, left: left, right: right)
        case .stripAccents:
            text = Self.mapScalars(text) { value, output in
                if !marks.contains(value) { appendScalar(value, to: &output) }
            }
        case .byteLevel: text = Self.rewritten(text) { ByteLevelAlphabet.appendText(for: $0, to: &$1) }
        case .characterMap(let map): text = Self.rewritten(text) { map.append($0, to: &$1) }
        case .collapseSpaces: Self.collapseSpaces(&text)
        }
    }

    private static func rewritten(_ text: [UInt8], _ append: (UnsafeBufferPointer<UInt8>, inout [UInt8]) -> Void) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 2)
        text.withUnsafeBufferPointer { append($0, &output) }
        return output
    }

    private static func mapScalars(_ text: [UInt8], _ append: (UInt32, inout [UInt8]) -> Void) -> [UInt8] {
        rewritten(text) { text, output in
            guard let base = text.baseAddress else { return }
            var position = 0
            while position < text.count {
                let scalar = decodeScalar(base, position, text.count)
                append(scalar.value, &output)
                position += scalar.length
            }
        }
    }

    private static func lowercased(_ text: [UInt8]) -> [UInt8] {
        mapScalars(text) { value, output in
            if value < 0x80 {
                output.append(UInt8(truncatingIfNeeded: value >= 0x41 && value <= 0x5A ? value + 32 : value))
            } else if let scalar = Unicode.Scalar(value) {
                output.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
            }
        }
    }

    private func strip(_ text: inout [UInt8], left: Bool, right: Bool) {
        let range = text.withUnsafeBufferPointer { text -> Range<Int> in
            guard let base = text.baseAddress else { return 0..<0 }
            var start = 0
            var end = text.count
            while left, start < end, case let scalar = decodeScalar(base, start, end), space.contains(scalar.value) {
                start += scalar.length
            }
            while right, end > start {
                let previous = scalarStart(base, before: end, from: start)
                if !space.contains(decodeScalar(base, previous, end).value) { break }
                end = previous
            }
            return start..<end
        }
        if range != 0..<text.count { text = Array(text[range]) }
    }

    private static func collapseSpaces(_ text: inout [UInt8]) {
        var kept = 0
        for byte in text where byte != 0x20 || (kept > 0 && text[kept - 1] != 0x20) {
            text[kept] = byte
            kept += 1
        }
        if kept > 0, text[kept - 1] == 0x20 { kept -= 1 }
        text.removeLast(text.count - kept)
    }

    private static func replace(_ old: [UInt8], _ new: [UInt8], _ text: [UInt8]) -> [UInt8] {
        guard let first = old.first else { return text }
        return rewritten(text) { text, output in
            var position = 0
            if old.count == 1 {
                for byte in text {
                    if byte == first { output.append(contentsOf: new) } else { output.append(byte) }
                }
                return
            }
            while position < text.count {
                if text[position] == first, text.count - position >= old.count, old.indices.allSatisfy({ text[position + $0] == old[$0] }) {
                    output.append(contentsOf: new)
                    position += old.count
                } else {
                    output.append(text[position])
                    position += 1
                }
            }
        }
    }

    private static func replace(_ pattern: Pattern, _ new: [UInt8], _ text: [UInt8]) -> [UInt8] {
        rewritten(text) { text, output in
            guard let base = text.baseAddress else { return }
            var state = PatternState()
            state.begin()
            var done = 0
            var from = 0
            while from <= text.count, let match = pattern.firstMatch(in: base, lower: 0, from: from, upper: text.count, state: &state) {
                output.append(contentsOf: UnsafeBufferPointer(rebasing: text[done..<match.start]))
                output.append(contentsOf: new)
                done = match.end
                from = match.end
                if match.end == match.start { from += from < text.count ? decodeScalar(base, from, text.count).length : 1 }
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: text[done..<text.count]))
        }
    }
}
