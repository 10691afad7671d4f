/// A set of Unicode scalar values as sorted boundaries: even places start a run, odd places end it (exclusive).
///
/// Set algebra is linear in the runs; membership of one scalar is a binary search. For matching, see `ScalarTable`.
struct ScalarSet: Sendable, Equatable {
    static let limit: UInt32 = 0x110000
    static let all = ScalarSet(boundaries: [0, limit])
    static let empty = ScalarSet(boundaries: [])

    private(set) var boundaries: [UInt32]

    private init(boundaries: [UInt32]) {
        self.boundaries = boundaries
    }

    init(_ range: ClosedRange<UInt32>) {
        boundaries = [range.lowerBound, min(range.upperBound, Self.limit - 1) + 1]
    }

    init(_ scalar: Unicode.Scalar) {
        self.init(scalar.value...scalar.value)
    }

    /// Runs in any order, overlapping or not; the ends are exclusive.
    init(runs: [(start: UInt32, end: UInt32)]) {
        boundaries = []
        for run in runs.sorted(by: { $0.start < $1.start }) where run.start < run.end {
            if let last = boundaries.last, run.start <= last {
                boundaries[boundaries.count - 1] = max(last, run.end)
            } else {
                boundaries.append(run.start)
                boundaries.append(run.end)
            }
        }
    }

    var isEmpty: Bool { boundaries.isEmpty }

    var runs: [(start: UInt32, end: UInt32)] {
        stride(from: 0, to: boundaries.count, by: 2).map { (boundaries[$0], boundaries[$0 + 1]) }
    }

    func contains(_ value: UInt32) -> Bool {
        var low = 0
        var high = boundaries.count
        while low < high {
            let middle = (low + high) / 2
            if boundaries[middle] <= value { low = middle + 1 } else { high = middle }
        }
        return low % 2 == 1
    }

    var inverted: ScalarSet {
        var result = boundaries
        if result.first == 0 { result.removeFirst() } else { result.insert(0, at: 0) }
        if result.last == Self.limit { result.removeLast() } else { result.append(Self.limit) }
        return ScalarSet(boundaries: result)
    }

    func union(_ other: ScalarSet) -> ScalarSet {
        if isEmpty { return other }
        if other.isEmpty { return self }
        return ScalarSet(runs: runs + other.runs)
    }

    func intersection(_ other: ScalarSet) -> ScalarSet {
        inverted.union(other.inverted).inverted
    }

    func isDisjoint(with other: ScalarSet) -> Bool {
        intersection(other).isEmpty
    }

    static func | (left: ScalarSet, right: ScalarSet) -> ScalarSet { left.union(right) }
    static func & (left: ScalarSet, right: ScalarSet) -> ScalarSet { left.intersection(right) }
}
