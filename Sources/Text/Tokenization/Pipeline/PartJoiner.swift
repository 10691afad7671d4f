/// Joins the alternating matches and gaps of a splitting rule into parts, as `PreTokenizer.Behavior` says.
struct PartJoiner {
    private let behavior: PreTokenizer.Behavior
    private var pending: (start: Int, end: Int, isMatch: Bool)?
    private var previousWasMatch = false

    init(_ behavior: PreTokenizer.Behavior) {
        self.behavior = behavior
    }

    mutating func add(_ start: Int, _ end: Int, isMatch: Bool, _ emit: (Int, Int) -> Void) {
        defer { previousWasMatch = isMatch }
        switch behavior {
        case .isolated: emit(start, end)
        case .removed: if !isMatch { emit(start, end) }
        case .contiguous:
            if let pending, pending.isMatch == isMatch {
                self.pending?.end = end
            } else {
                finish(emit)
                pending = (start, end, isMatch)
            }
        case .mergedWithPrevious:
            if isMatch, !previousWasMatch, pending != nil {
                pending?.end = end
            } else {
                finish(emit)
                pending = (start, end, isMatch)
            }
        case .mergedWithNext:
            if let pending, pending.isMatch, !isMatch {
                self.pending = nil
                emit(pending.start, end)
            } else {
                finish(emit)
                pending = (start, end, isMatch)
            }
        }
    }

    mutating func finish(_ emit: (Int, Int) -> Void) {
        if let pending { emit(pending.start, pending.end) }
        pending = nil
    }
}
