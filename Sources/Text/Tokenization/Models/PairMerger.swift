/// Byte-pair merging of one word: the pair of the lowest rank, leftmost first, again and again.
///
/// Short words search their few pairs each time. Long ones keep a heap of pairs over a linked list of symbols, so that a word of any length
/// takes n log n steps. Owned by one thread at a time; the buffers are reused.
struct PairMerger {
    private static let shortLimit = 40

    /// The symbols of the word: filled by the caller, merged in place by `merge`.
    var symbols: [Int32] = []

    private var ranks: [UInt32] = []
    private var merged: [Int32] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    private var heap: [Candidate] = []

    private struct Candidate {
        /// Rank, then position.
        var key: UInt64
        var left: Int32
        var right: Int32
        var merged: Int32
    }

    mutating func merge(_ table: PairTable) {
        if symbols.count < 2 { return }
        if symbols.count <= Self.shortLimit { mergeShort(table) } else { mergeLong(table) }
    }

    private mutating func mergeShort(_ table: PairTable) {
        var count = symbols.count
        if ranks.count < Self.shortLimit {
            ranks = [UInt32](repeating: 0, count: Self.shortLimit)
            merged = [Int32](repeating: 0, count: Self.shortLimit)
        }
        symbols.withUnsafeMutableBufferPointer { symbols in
            ranks.withUnsafeMutableBufferPointer { ranks in
                merged.withUnsafeMutableBufferPointer { merged in
                    for index in 0..<count - 1 { (ranks[index], merged[index]) = table.find(symbols[index], symbols[index + 1]) }
                    while true {
                        var best = PairTable.noRank
                        var at = 0
                        for index in 0..<count - 1 where ranks[index] < best {
                            best = ranks[index]
                            at = index
                        }
                        if best == PairTable.noRank { break }
                        symbols[at] = merged[at]
                        count -= 1
                        var index = at + 1
                        while index < count {
                            symbols[index] = symbols[index + 1]
                            ranks[index - 1] = ranks[index]
                            merged[index - 1] = merged[index]
                            index += 1
                        }
                        if at > 0 { (ranks[at - 1], merged[at - 1]) = table.find(symbols[at - 1], symbols[at]) }
                        if at < count - 1 { (ranks[at], merged[at]) = table.find(symbols[at], symbols[at + 1]) }
                        if count < 2 { break }
                    }
                }
            }
        }
        symbols.removeLast(symbols.count - count)
    }

    private mutating func mergeLong(_ table: PairTable) {
        let count = symbols.count
        next.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        heap.removeAll(keepingCapacity: true)
        for index in 0..<count {
            previous.append(Int32(truncatingIfNeeded: index - 1))
            next.append(index + 1 < count ? Int32(truncatingIfNeeded: index + 1) : -1)
            if index + 1 < count { offer(index, index + 1, table) }
        }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(index) }
        while let best = takeFirst() {
            let at = Int(best.key & 0xFFFF_FFFF)
            guard symbols[at] == best.left, next[at] >= 0 else { continue }
            let after = Int(next[at])
            guard symbols[after] == best.right else { continue }
            symbols[at] = best.merged
            symbols[after] = Int32.min
            next[at] = next[after]
            if next[after] >= 0 { previous[Int(next[after])] = Int32(truncatingIfNeeded: at) }
            if previous[at] >= 0, offer(Int(previous[at]), at, table) { rise(heap.count - 1) }
            if next[at] >= 0, offer(at, Int(next[at]), table) { rise(heap.count - 1) }
        }
        var kept = 0
        var index = 0
        while index >= 0 {
            symbols[kept] = symbols[index]
            kept += 1
            index = Int(next[index])
        }
        symbols.removeLast(count - kept)
    }

    /// Appends the pair at two positions to the heap, if it merges.
    @discardableResult
    private mutating func offer(_ left: Int, _ right: Int, _ table: PairTable) -> Bool {
        let found = table.find(symbols[left], symbols[right])
        if found.rank == PairTable.noRank { return false }
        heap.append(
            Candidate(
                key: UInt64(found.rank) << 32 | UInt64(UInt32(truncatingIfNeeded: left)), left: symbols[left], right: symbols[right],
                merged: found.merged))
        return true
    }

    private mutating func rise(_ start: Int) {
        heap.withUnsafeMutableBufferPointer { heap in
            var index = start
            let candidate = heap[index]
            while index > 0 {
                let parent = (index - 1) / 2
                if heap[parent].key <= candidate.key { break }
                heap[index] = heap[parent]
                index = parent
            }
            heap[index] = candidate
        }
    }

    private mutating func sink(_ start: Int) {
        heap.withUnsafeMutableBufferPointer { heap in
            var index = start
            let candidate = heap[index]
            while true {
                var child = 2 * index + 1
                if child >= heap.count { break }
                if child + 1 < heap.count, heap[child + 1].key < heap[child].key { child += 1 }
                if candidate.key <= heap[child].key { break }
                heap[index] = heap[child]
                index = child
            }
            heap[index] = candidate
        }
    }

    private mutating func takeFirst() -> Candidate? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink(0)
        }
        return first
    }

    /// Gives back the memory of an unusually long word.
    mutating func trim(above limit: Int) {
        if symbols.capacity > limit { symbols = [] }
        if heap.capacity > limit {
            heap = []
            next = []
            previous = []
        }
    }
}
