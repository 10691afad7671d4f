/// Turns a parsed pattern into instructions.
///
/// With `loops`, repetitions of one set are single instructions, possessive where giving back could not help. Without, they are spelled out
/// with splits, which is what the memoised matcher needs.
struct PatternCompiler {
    /// What may come after a node on the way to the end of the match.
    private struct Follow {
        var first: ScalarSet
        var isNullable: Bool
        var canFail: Bool

        static let match = Follow(first: .empty, isNullable: true, canFail: false)
        static let unknown = Follow(first: .all, isNullable: true, canFail: true)

        func preceded(by node: PatternNode) -> Follow {
            Follow(
                first: node.isNullable ? node.firstScalars | first : node.firstScalars,
                isNullable: node.isNullable && isNullable,
                canFail: canFail || !node.cannotFail)
        }
    }

    private let loops: Bool
    private let source: String
    private(set) var instructions: [PatternInstruction] = []
    private(set) var sets: [ScalarSet] = []

    private static let maximumInstructions = 20_000

    init(source: String, sets: [ScalarSet] = [], loops: Bool) {
        self.source = source
        self.sets = sets
        self.loops = loops
    }

    /// Appends a program for `node` that ends in `match`; returns where it starts.
    mutating func compile(_ node: PatternNode) throws(PatternError) -> Int {
        let start = instructions.count
        try emit(node, follow: .match)
        _ = try append(PatternInstruction(operation: .match))
        return start
    }

    private mutating func append(_ instruction: PatternInstruction) throws(PatternError) -> Int {
        if instructions.count >= Self.maximumInstructions {
            throw PatternError(pattern: String(source.prefix(300)), offset: 0, message: "its repetitions make it too large")
        }
        instructions.append(instruction)
        return instructions.count - 1
    }

    private mutating func number(of set: ScalarSet) -> Int32 {
        if let index = sets.firstIndex(of: set) { return Int32(index) }
        sets.append(set)
        return Int32(sets.count - 1)
    }

    private var here: Int32 { Int32(instructions.count) }

    private mutating func emit(_ node: PatternNode, follow: Follow) throws(PatternError) {
        switch node {
        case .empty: break
        case .set(let set):
            _ = try append(PatternInstruction(operation: .set, set: number(of: set)))
        case .sequence(let nodes):
            var follows = [follow]
            for node in nodes.reversed().dropLast() { follows.append(follows[follows.count - 1].preceded(by: node)) }
            for (node, follow) in zip(nodes, follows.reversed()) { try emit(node, follow: follow) }
        case .alternation(let nodes):
            var jumps: [Int] = []
            for (index, node) in nodes.enumerated() {
                if index == nodes.count - 1 {
                    try emit(node, follow: follow)
                } else {
                    let split = try append(PatternInstruction(operation: .split))
                    instructions[split].a = here
                    try emit(node, follow: follow)
                    jumps.append(try append(PatternInstruction(operation: .jump)))
                    instructions[split].b = here
                }
            }
            for jump in jumps { instructions[jump].a = here }
        case .repetition(let node, let minimum, let maximum, let greed):
            try emitRepetition(node, minimum, maximum, greed, follow)
        case .look(let node, let ahead, let negative):
            if case .set(let set) = node {
                _ = try append(PatternInstruction(operation: ahead ? .peekAhead : .peekBehind, negative: negative, set: number(of: set)))
            } else {
                let look = try append(PatternInstruction(operation: .lookAhead, negative: negative))
                try emit(node, follow: .match)
                _ = try append(PatternInstruction(operation: .match))
                instructions[look].a = here
            }
        case .anchor(let anchor):
            let operation: PatternInstruction.Operation =
                switch anchor {
                case .textStart: .textStart
                case .textEnd: .textEnd
                case .textEndOrLastLine: .textEndOrLastLine
                case .lineStart: .lineStart
                case .lineEnd: .lineEnd
                case .wordBoundary: .wordBoundary
                case .notWordBoundary: .notWordBoundary
                }
            _ = try append(PatternInstruction(operation: operation, set: number(of: UnicodeProperties.word)))
        }
    }

    private mutating func emitRepetition(
        _ node: PatternNode, _ minimum: Int, _ maximum: Int?, _ greed: PatternNode.Greed, _ follow: Follow
    ) throws(PatternError) {
        if case .set(let set) = node, greed != .lazy {
            let helpless = !follow.canFail || (!follow.isNullable && follow.first.isDisjoint(with: set))
            let possessive = greed == .possessive || helpless
            if possessive || loops {
                _ = try append(
                    PatternInstruction(
                        operation: possessive ? .loopPossessive : .loopGreedy, set: number(of: set), a: Int32(minimum),
                        b: maximum.map { Int32($0) } ?? .max))
                return
            }
        }
        for _ in 0..<minimum { try emit(node, follow: .unknown) }
        func aim(_ split: Int, _ inside: Int32, _ outside: Int32) {
            instructions[split].a = greed == .lazy ? outside : inside
            instructions[split].b = greed == .lazy ? inside : outside
        }
        guard let maximum else {
            if node.isNullable {
                throw PatternError(
                    pattern: String(source.prefix(300)), offset: 0, message: "an unbounded repetition of something that may match nothing")
            }
            let split = try append(PatternInstruction(operation: .split))
            let inside = here
            try emit(node, follow: .unknown)
            _ = try append(PatternInstruction(operation: .jump, a: Int32(split)))
            aim(split, inside, here)
            return
        }
        var splits: [(split: Int, inside: Int32)] = []
        for _ in minimum..<max(minimum, maximum) {
            let split = try append(PatternInstruction(operation: .split))
            splits.append((split, here))
            try emit(node, follow: .unknown)
        }
        for (split, inside) in splits { aim(split, inside, here) }
    }
}
