/// A compiled splitting pattern.
///
/// Matching backtracks with the priorities of Perl-like engines. Where the work grows out of proportion to the text, it goes on with a
/// program that remembers what failed where, so that the time is linear in text times pattern whatever both are.
final class Pattern: @unchecked Sendable {  // Immutable after init.
    let source: String
    private let fast: [PatternInstruction]
    private let careful: [PatternInstruction]
    private let fastStarts: [Int]
    private let carefulStarts: [Int]
    private let tables: [ScalarTable]
    /// Per first byte, a bit for each alternative that may match there; the last entry is for the end of the text.
    private let candidates: [UInt32]

    private static let maximumAlternatives = 32
    private static let minimumBudget = 4096
    private static let budgetPerByte = 64
    /// What `run` returns when its budget is spent; -1 is "no match".
    private static let gaveUp = -2

    init(_ source: String) throws(PatternError) {
        var parser = PatternParser(source)
        let node = try parser.parse()
        self.source = source
        var alternatives = [node]
        if case .alternation(let nodes) = node, nodes.count <= Self.maximumAlternatives { alternatives = nodes }

        var fast = PatternCompiler(source: source, loops: true)
        var fastStarts: [Int] = []
        for node in alternatives { fastStarts.append(try fast.compile(node)) }
        var careful = PatternCompiler(source: source, sets: fast.sets, loops: false)
        var carefulStarts: [Int] = []
        for node in alternatives { carefulStarts.append(try careful.compile(node)) }
        self.fast = fast.instructions
        self.careful = careful.instructions
        self.fastStarts = fastStarts
        self.carefulStarts = carefulStarts
        tables = careful.sets.map { ScalarTable($0) }

        var candidates = [UInt32](repeating: 0, count: 257)
        for (index, node) in alternatives.enumerated() {
            let bit: UInt32 = 1 << UInt32(index)
            let first = node.isNullable ? ScalarSet.all : node.firstScalars
            for byte in 0..<256 where Self.mayStart(UInt8(byte), first) { candidates[byte] |= bit }
            if node.isNullable { candidates[256] |= bit }
        }
        self.candidates = candidates
    }

    deinit {
        for table in tables { table.deallocate() }
    }

    /// Whether a scalar of `set` may begin with `byte`.
    private static func mayStart(_ byte: UInt8, _ set: ScalarSet) -> Bool {
        let low: UInt32
        let high: UInt32
        switch byte {
        case 0..<0x80: return set.contains(UInt32(byte))
        case 0xC2..<0xE0: (low, high) = (UInt32(byte & 0x1F) << 6, UInt32(byte & 0x1F) << 6 | 0x3F)
        case 0xE0..<0xF0: (low, high) = (UInt32(byte & 0x0F) << 12, UInt32(byte & 0x0F) << 12 | 0xFFF)
        case 0xF0..<0xF5: (low, high) = (UInt32(byte & 0x07) << 18, UInt32(byte & 0x07) << 18 | 0x3FFFF)
        default: return set.contains(replacementScalar)
        }
        return set.contains(replacementScalar) || !set.isDisjoint(with: ScalarSet(low...high))
    }

    /// The leftmost match that starts at or after `from`. The text is `lower..<upper`: assertions see nothing beyond it.
    ///
    /// Call `state.begin()` before the first search in a text.
    func firstMatch(
        in text: UnsafePointer<UInt8>, lower: Int, from: Int, upper: Int, state: inout PatternState
    ) -> (start: Int, end: Int)? {
        var position = from
        return candidates.withUnsafeBufferPointer { candidates in
            while true {
                var mask = candidates[position < upper ? Int(text[position]) : 256]
                while mask != 0 {
                    let alternative = mask.trailingZeroBitCount
                    mask &= mask - 1
                    let end = attempt(alternative, text, lower, position, upper, &state)
                    if end >= 0 { return (position, end) }
                }
                if position >= upper { return nil }
                position += decodeScalar(text, position, upper).length
                state.steps += 1
            }
        }
    }

    private func attempt(
        _ alternative: Int, _ text: UnsafePointer<UInt8>, _ lower: Int, _ position: Int, _ upper: Int, _ state: inout PatternState
    ) -> Int {
        if state.isCareful {
            return attemptCarefully(alternative, text, lower, position, upper, &state)
        }
        let limit = Self.minimumBudget + (upper - lower).multipliedReportingOverflow(by: Self.budgetPerByte).partialValue
        let end = run(fast, fastStarts[alternative], text, lower, position, upper, &state, careful: false, limit: limit)
        if end != Self.gaveUp && state.steps <= limit { return end }
        beCareful(lower, upper, &state)
        return end == Self.gaveUp ? attemptCarefully(alternative, text, lower, position, upper, &state) : end
    }

    private func beCareful(_ lower: Int, _ upper: Int, _ state: inout PatternState) {
        state.isCareful = true
        state.failed = [UInt64](repeating: 0, count: ((upper - lower + 1) * careful.count + 63) / 64)
        state.runs = [(start: Int, end: Int)](repeating: (0, 0), count: careful.count)
    }

    private func attemptCarefully(
        _ alternative: Int, _ text: UnsafePointer<UInt8>, _ lower: Int, _ position: Int, _ upper: Int, _ state: inout PatternState
    ) -> Int {
        let end = run(careful, carefulStarts[alternative], text, lower, position, upper, &state, careful: true, limit: .max)
        if end >= 0 {
            // What was visited on the way to a match did not fail; only positions from its end on are visited again.
            for bit in (end - lower) * careful.count..<(end - lower + 1) * careful.count {
                state.failed[bit / 64] &= ~(1 << UInt64(bit % 64))
            }
        }
        return end
    }

    /// Runs a program; returns where the match ends, -1, or `gaveUp`.
    private func run(
        _ program: [PatternInstruction], _ start: Int, _ text: UnsafePointer<UInt8>, _ lower: Int, _ from: Int, _ upper: Int,
        _ state: inout PatternState, careful: Bool, limit: Int
    ) -> Int {
        program.withUnsafeBufferPointer { program in
            tables.withUnsafeBufferPointer { tables in
                Self.run(program, tables, start, text, lower, from, upper, &state, careful: careful, limit: limit)
            }
        }
    }

    private static func run(
        _ program: UnsafeBufferPointer<PatternInstruction>, _ tables: UnsafeBufferPointer<ScalarTable>, _ start: Int,
        _ text: UnsafePointer<UInt8>, _ lower: Int, _ from: Int, _ upper: Int, _ state: inout PatternState, careful: Bool,
        limit: Int
    ) -> Int {
        let base = state.stack.count
        var counter = start
        var position = from
        while true {
            let instruction = program[counter]
            var succeeds = true
            switch instruction.operation {
            case .set:
                if position < upper {
                    let scalar = decodeScalar(text, position, upper)
                    succeeds = tables[Int(instruction.set)].contains(scalar.value)
                    position += scalar.length
                } else {
                    succeeds = false
                }
                counter += 1
            case .loopPossessive:
                var count = 0
                let first = position
                if careful, instruction.b == .max, instruction.a <= 1, state.runs[counter].start <= position,
                    position < state.runs[counter].end
                {
                    position = state.runs[counter].end
                    count = 1
                } else {
                    (position, count) = scan(tables[Int(instruction.set)], text, position, upper, Int(instruction.b))
                    if careful { state.runs[counter] = (first, position) }
                    state.steps += count
                }
                succeeds = count >= Int(instruction.a)
                counter += 1
            case .loopGreedy:
                let first = position
                var count = 0
                (position, count) = scan(tables[Int(instruction.set)], text, position, upper, Int(instruction.b))
                state.steps += count
                succeeds = count >= Int(instruction.a)
                counter += 1
                if succeeds && count > Int(instruction.a) {
                    let lowest =
                        instruction.a == 0 ? first : scan(tables[Int(instruction.set)], text, first, upper, Int(instruction.a)).position
                    state.stack.append(PatternState.Resumption(instruction: Int32(counter), lowest: lowest, position: position))
                }
            case .split:
                if careful {
                    let bit = (position - lower) * program.count + counter
                    if state.failed[bit / 64] >> UInt64(bit % 64) & 1 != 0 {
                        succeeds = false
                        break
                    }
                    state.failed[bit / 64] |= 1 << UInt64(bit % 64)
                }
                state.stack.append(PatternState.Resumption(instruction: instruction.b, lowest: -1, position: position))
                counter = Int(instruction.a)
            case .jump:
                counter = Int(instruction.a)
            case .peekAhead:
                let isIn = position < upper && tables[Int(instruction.set)].contains(decodeScalar(text, position, upper).value)
                succeeds = isIn != instruction.negative
                counter += 1
            case .peekBehind:
                succeeds = isIn(tables[Int(instruction.set)], text, lower, position) != instruction.negative
                counter += 1
            case .lookAhead:
                let end = run(program, tables, counter + 1, text, lower, position, upper, &state, careful: false, limit: limit)
                if end == gaveUp {
                    state.stack.removeLast(state.stack.count - base)
                    return gaveUp
                }
                succeeds = (end >= 0) != instruction.negative
                counter = Int(instruction.a)
            case .textStart:
                succeeds = position == lower
                counter += 1
            case .textEnd:
                succeeds = position == upper
                counter += 1
            case .textEndOrLastLine:
                succeeds = position == upper || (position == upper - 1 && text[position] == 0x0A)
                counter += 1
            case .lineStart:
                succeeds = position == lower || (text[position - 1] == 0x0A && position < upper)
                counter += 1
            case .lineEnd:
                succeeds = position == upper || text[position] == 0x0A
                counter += 1
            case .wordBoundary, .notWordBoundary:
                let table = tables[Int(instruction.set)]
                let before = isIn(table, text, lower, position)
                let after = position < upper && table.contains(decodeScalar(text, position, upper).value)
                succeeds = (before != after) == (instruction.operation == .wordBoundary)
                counter += 1
            case .match:
                state.stack.removeLast(state.stack.count - base)
                return position
            }
            if succeeds { continue }
            guard state.stack.count > base else { return -1 }
            state.steps += 1
            if state.steps > limit {
                state.stack.removeLast(state.stack.count - base)
                return gaveUp
            }
            let top = state.stack.count - 1
            let resumption = state.stack[top]
            counter = Int(resumption.instruction)
            position = resumption.position
            if resumption.lowest < 0 {
                state.stack.removeLast()
            } else {
                position = scalarStart(text, before: position, from: resumption.lowest)
                if position <= resumption.lowest { state.stack.removeLast() } else { state.stack[top].position = position }
            }
        }
    }

    @inline(__always)
    private static func isIn(_ table: ScalarTable, _ text: UnsafePointer<UInt8>, _ lower: Int, _ position: Int) -> Bool {
        guard position > lower else { return false }
        let start = scalarStart(text, before: position, from: lower)
        return table.contains(decodeScalar(text, start, position).value)
    }

    /// The end of the run of up to `maximum` scalars of a set, and how many they are.
    @inline(__always)
    private static func scan(
        _ table: ScalarTable, _ text: UnsafePointer<UInt8>, _ from: Int, _ upper: Int, _ maximum: Int
    ) -> (position: Int, count: Int) {
        var position = from
        var count = 0
        while position < upper && count < maximum {
            let byte = text[position]
            if byte < 0x80 {
                if !table.containsASCII(byte) { break }
                position += 1
            } else {
                let scalar = decodeMultibyteScalar(text, position, upper)
                if !table.contains(scalar.value) { break }
                position += scalar.length
            }
            count += 1
        }
        return (position, count)
    }
}
