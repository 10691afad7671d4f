/// Byte-pair merging of one word: the pair of the lowest rank, leftmost first, again and again.
///
/// Short words search their few pairs each time. Long ones keep a heap of pairs over a linked list of symbols, so that a word of any length
/// takes n log n steps. Owned by one thread at a time; the buffers are reused.
struct PairMerger {
    private static let shortLimit = 40
    /// A symbol that was merged into the one before it.
    private static let dead = Int32.min

    /// The symbols of the word: filled by the caller, merged in place by `merge`.
    var symbols: [Int32] = []

    private var ranks: [UInt32] = []
    private var merged: [Int32] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    /// Rank, then position. An entry whose pair has changed since is stale and skipped.
    private var heap: [UInt64] = []

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
        heap.withUnsafeMutableBufferPointer { heap in
            for index in stride(from: (heap.count + 2) / 4, through: 0, by: -1) where index < heap.count { Self.sink(heap, index) }
        }
        while let best = takeFirst() {
            let at = Int(best & 0xFFFF_FFFF)
            guard symbols[at] != Self.dead, next[at] >= 0 else { continue }
            let after = Int(next[at])
            let found = table.find(symbols[at], symbols[after])
            guard found.rank == UInt32(truncatingIfNeeded: best >> 32) else { continue }
            symbols[at] = found.merged
            symbols[after] = Self.dead
            next[at] = next[after]
            if next[after] >= 0 { previous[Int(next[after])] = Int32(truncatingIfNeeded: at) }
            if previous[at] >= 0, offer(Int(previous[at]), at, table) { rise() }
            if next[at] >= 0, offer(at, Int(next[at]), table) { rise() }
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
        heap.append(UInt64(found.rank) << 32 | UInt64(UInt32(truncatingIfNeeded: left)))
        return true
    }

    // The heap has four children per entry: half the levels, and the children share a cache line.

    /// Moves the last entry up to its place.
    private mutating func rise() {
        heap.withUnsafeMutableBufferPointer { heap in
            var index = heap.count - 1
            let entry = heap[index]
            while index > 0 {
                let parent = (index - 1) / 4
                if heap[parent] <= entry { break }
                heap[index] = heap[parent]
                index = parent
            }
            heap[index] = entry
        }
    }

    private static func sink(_ heap: UnsafeMutableBufferPointer<UInt64>, _ start: Int) {
        var index = start
        let entry = heap[index]
        while true {
            let first = 4 * index + 1
            if first >= heap.count { break }
            var least = first
            var child = first + 1
            while child < min(first + 4, heap.count) {
                if heap[child] < heap[least] { least = child }
                child += 1
            }
            if entry <= heap[least] { break }
            heap[index] = heap[least]
            index = least
        }
        heap[index] = entry
    }

    private mutating func takeFirst() -> UInt64? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap.withUnsafeMutableBufferPointer { heap in
                heap[0] = last
                Self.sink(heap, 0)
            }
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
