/// The compiled pre-tokenizers of a tokenizer: hands every word to the word encoder as it is found, so that no list of words is kept.
struct SplittingPipeline: Sendable {
    private enum Step: Sendable {
        case pattern(Pattern, PreTokenizer.Behavior, inverted: Bool)
        /// A space before a text that does not start with one.
        case prefixSpace
        case metaspace([UInt8], PreTokenizer.PrependScheme)
        /// Bytes become characters of the byte-level alphabet, because later steps look at them so.
        case byteLevelText
    }

    static let maximumSteps = 64

    private let steps: [Step]
    private let encoder: WordEncoder

    /// The number of steps, which is what `EncodingScratch` needs to know.
    var stepCount: Int { steps.count }

    /// - Parameter preTokenizers: of the definition, with `byteLevel` last or followed by others.
    init(_ preTokenizers: [PreTokenizer], encoder: WordEncoder) throws(PatternError) {
        var steps: [Step] = []
        for (index, preTokenizer) in preTokenizers.enumerated() {
            switch preTokenizer {
            case .pattern(let source, let behavior, let inverted):
                steps.append(.pattern(try Pattern(source), behavior, inverted: inverted))
            case .literal(let text, let behavior, let inverted):
                steps.append(.pattern(try Pattern(Self.escaped(text)), behavior, inverted: inverted))
            case .digits(let individually):
                steps.append(.pattern(try Pattern(individually ? #"\p{N}"# : #"\p{N}+"#), .isolated, inverted: false))
            case .punctuation(let behavior):
                steps.append(.pattern(try Pattern(#"[\p{P}!-/:-@\[-`{-~]"#), behavior, inverted: false))
            case .whitespaceSplit:
                steps.append(.pattern(try Pattern(#"\s"#), .removed, inverted: false))
            case .byteLevel(let addsPrefixSpace, let splits):
                if addsPrefixSpace { steps.append(.prefixSpace) }
                if splits { steps.append(.pattern(try Pattern(PreTokenizer.gpt2Pattern), .isolated, inverted: false)) }
                if index < preTokenizers.count - 1 { steps.append(.byteLevelText) }
            case .metaspace(let replacement, let scheme, let splits):
                steps.append(.metaspace(Array(replacement.utf8), scheme))
                if splits { steps.append(.pattern(try Pattern(Self.escaped(replacement)), .mergedWithNext, inverted: false)) }
            }
        }
        self.steps = steps
        self.encoder = encoder
    }

    /// Whether the encoder gets raw bytes rather than text.
    static func yieldsBytes(_ preTokenizers: [PreTokenizer]) -> Bool {
        if case .byteLevel = preTokenizers.last { return true }
        return false
    }

    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.map { "\\x{" + String($0.value, radix: 16) + "}" }.joined()
    }

    /// Appends the ids of a normalised text.
    ///
    /// - Parameter isAtStart: whether it is what the whole input starts with.
    func encode(_ text: UnsafeBufferPointer<UInt8>, isAtStart: Bool, _ scratch: EncodingScratch, _ ids: inout [Int32]) {
        guard let base = text.baseAddress else { return }
        split(0, base, 0, text.count, readable: text.count, isAtStart, scratch, &ids)
    }

    private func split(
        _ index: Int, _ text: UnsafePointer<UInt8>, _ lower: Int, _ upper: Int, readable: Int, _ isAtStart: Bool,
        _ scratch: EncodingScratch,
        _ ids: inout [Int32]
    ) {
        if lower >= upper { return }
        if index == steps.count {
            encoder.encode(text, lower, upper, readable: readable, scratch, &ids)
            return
        }
        switch steps[index] {
        case .pattern(let pattern, .isolated, _):
            let state = scratch.states + index
            let isLast = index == steps.count - 1
            state.pointee.begin()
            var done = lower
            var from = lower
            while from <= upper, let match = pattern.firstMatch(in: text, lower: lower, from: from, upper: upper, state: &state.pointee) {
                if match.start > done {
                    split(index + 1, text, done, match.start, readable: readable, isAtStart && done == lower, scratch, &ids)
                }
                if match.end > match.start {
                    if isLast {
                        encoder.encode(text, match.start, match.end, readable: readable, scratch, &ids)
                    } else {
                        split(index + 1, text, match.start, match.end, readable: readable, isAtStart && match.start == lower, scratch, &ids)
                    }
                    from = match.end
                } else {
                    from = match.end + (match.end < upper ? decodeScalar(text, match.end, upper).length : 1)
                }
                done = match.end
            }
            if done < upper { split(index + 1, text, done, upper, readable: readable, isAtStart && done == lower, scratch, &ids) }
        case .pattern(let pattern, let behavior, let inverted):
            var joiner = PartJoiner(behavior)
            func emit(_ start: Int, _ end: Int) {
                split(index + 1, text, start, end, readable: readable, isAtStart && start == lower, scratch, &ids)
            }
            let state = scratch.states + index
            state.pointee.begin()
            var done = lower
            var from = lower
            while from <= upper, let match = pattern.firstMatch(in: text, lower: lower, from: from, upper: upper, state: &state.pointee) {
                if match.start > done { joiner.add(done, match.start, isMatch: inverted, emit) }
                joiner.add(match.start, match.end, isMatch: !inverted, emit)
                from = match.end
                if match.end == match.start { from += match.end < upper ? decodeScalar(text, match.end, upper).length : 1 }
                done = match.end
            }
            if done < upper { joiner.add(done, upper, isMatch: inverted, emit) }
            joiner.finish(emit)
        case .prefixSpace:
            if text[lower] == 0x20 {
                split(index + 1, text, lower, upper, readable: readable, isAtStart, scratch, &ids)
            } else {
                rewrite(index, isAtStart, scratch, &ids) { buffer in
                    buffer.append(0x20)
                    buffer.append(contentsOf: UnsafeBufferPointer(start: text + lower, count: upper - lower))
                }
            }
        case .metaspace(let replacement, let scheme):
            let starts = upper - lower >= replacement.count && replacement.indices.allSatisfy { text[lower + $0] == replacement[$0] }
            let prepends = scheme == .always || (scheme == .first && isAtStart)
            rewrite(index, isAtStart, scratch, &ids) { buffer in
                if prepends && !starts && text[lower] != 0x20 { buffer.append(contentsOf: replacement) }
                for position in lower..<upper {
                    if text[position] == 0x20 { buffer.append(contentsOf: replacement) } else { buffer.append(text[position]) }
                }
            }
        case .byteLevelText:
            rewrite(index, isAtStart, scratch, &ids) { buffer in
                ByteLevelAlphabet.appendText(for: UnsafeBufferPointer(start: text + lower, count: upper - lower), to: &buffer)
            }
        }
    }

    /// Goes on with a changed text.
    private func rewrite(
        _ index: Int, _ isAtStart: Bool, _ scratch: EncodingScratch, _ ids: inout [Int32], _ fill: (inout [UInt8]) -> Void
    ) {
        var buffer: [UInt8] = []
        swap(&buffer, &scratch.buffers[index])
        buffer.removeAll(keepingCapacity: true)
        fill(&buffer)
        buffer.withUnsafeBufferPointer { text in
            guard let base = text.baseAddress else { return }
            split(index + 1, base, 0, text.count, readable: text.count, isAtStart, scratch, &ids)
        }
        if buffer.capacity <= 1 << 20 { swap(&buffer, &scratch.buffers[index]) }
    }
}
