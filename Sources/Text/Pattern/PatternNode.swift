/// A parsed pattern.
indirect enum PatternNode: Sendable, Equatable {
    enum Greed: Sendable, Equatable { case greedy, lazy, possessive }
    enum Anchor: Sendable, Equatable { case textStart, textEnd, textEndOrLastLine, lineStart, lineEnd, wordBoundary, notWordBoundary }

    case empty
    case set(ScalarSet)
    case sequence([PatternNode])
    case alternation([PatternNode])
    case repetition(PatternNode, minimum: Int, maximum: Int?, Greed)
    case look(PatternNode, ahead: Bool, negative: Bool)
    case anchor(Anchor)

    /// Whether it can match without consuming anything.
    var isNullable: Bool {
        switch self {
        case .empty, .look, .anchor: true
        case .set: false
        case .sequence(let nodes): nodes.allSatisfy(\.isNullable)
        case .alternation(let nodes): nodes.contains(where: \.isNullable)
        case .repetition(let node, let minimum, _, _): minimum == 0 || node.isNullable
        }
    }

    /// Whether matching it can never fail, whatever follows in the text.
    var cannotFail: Bool {
        switch self {
        case .empty: true
        case .set, .look, .anchor: false
        case .sequence(let nodes): nodes.allSatisfy(\.cannotFail)
        case .alternation(let nodes): nodes.contains(where: \.cannotFail)
        case .repetition(let node, let minimum, _, _): minimum == 0 || node.cannotFail
        }
    }

    /// Every scalar a match that consumes something can start with.
    var firstScalars: ScalarSet {
        switch self {
        case .empty, .look, .anchor: return .empty
        case .set(let set): return set
        case .sequence(let nodes):
            var result = ScalarSet.empty
            for node in nodes {
                result = result | node.firstScalars
                if !node.isNullable { break }
            }
            return result
        case .alternation(let nodes): return nodes.reduce(.empty) { $0 | $1.firstScalars }
        case .repetition(let node, _, let maximum, _): return maximum == 0 ? .empty : node.firstScalars
        }
    }

    /// The fewest and the most scalars it consumes; nil where there is no bound.
    var width: (minimum: Int, maximum: Int?) {
        switch self {
        case .empty, .look, .anchor: return (0, 0)
        case .set: return (1, 1)
        case .sequence(let nodes):
            return nodes.reduce((0, 0)) { sum, node in
                let width = node.width
                return (Self.clamped(sum.0 + width.minimum), Self.sum(sum.1, width.maximum))
            }
        case .alternation(let nodes):
            let widths = nodes.map(\.width)
            let maximum = widths.reduce(Int?.some(0)) { result, width in
                guard let result, let maximum = width.maximum else { return nil }
                return max(result, maximum)
            }
            return (widths.map(\.minimum).min() ?? 0, maximum)
        case .repetition(let node, let minimum, let maximum, _):
            let width = node.width
            let most: Int? = maximum.flatMap { times in width.maximum.map { Self.clamped($0.multipliedReportingOverflow(by: times)) } }
            return (Self.clamped(width.minimum.multipliedReportingOverflow(by: minimum)), most)
        }
    }

    private static let widest = 1 << 30

    private static func sum(_ a: Int?, _ b: Int?) -> Int? {
        guard let a, let b else { return nil }
        return clamped(a + b)
    }

    private static func clamped(_ value: Int) -> Int { min(value, widest) }

    private static func clamped(_ product: (partialValue: Int, overflow: Bool)) -> Int {
        product.overflow ? widest : min(product.partialValue, widest)
    }
}
