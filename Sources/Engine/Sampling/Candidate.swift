/// A token that may be chosen.
struct Candidate {
    var logit: Float
    var token: Int32
    /// Unnormalised probability, where it was computed.
    var weight: Float = 0

    /// Higher logits come first, of equal ones the lower token: a strict order, so that selections are unique.
    @inline(__always)
    static func precedes(_ a: Candidate, _ b: Candidate) -> Bool { a.logit > b.logit || (a.logit == b.logit && a.token < b.token) }
}

/// Candidates in memory that is allocated once; selects from them without sorting all.
struct CandidateBuffer: ~Copyable {
    private let storage: UnsafeMutableBufferPointer<Candidate>
    private(set) var count = 0

    init(capacity: Int) {
        storage = .allocate(capacity: max(1, capacity))
        storage.initialize(repeating: Candidate(logit: 0, token: 0))
    }

    deinit { storage.deallocate() }

    subscript(index: Int) -> Candidate { storage[index] }

    mutating func append(_ candidate: Candidate) {
        storage[count] = candidate
        count += 1
    }

    /// Collects the `limit` first of all logits, in no order. Work in proportion to the vocabulary: what cannot be among them is passed by
    /// in groups of eight.
    mutating func collectTop(_ limit: Int, of logits: UnsafeBufferPointer<Float>) {
        count = 0
        guard let base = logits.baseAddress, limit > 0 else { return }
        let room = min(logits.count, max(2 * limit, limit + 256))
        var threshold = -Float.infinity
        var index = 0
        while index < logits.count {
            if index + 16 <= logits.count, !LogitsReduction.anyOfSixteen(base + index, atLeast: threshold, strictly: true) {
                index += 16
                continue
            }
            let end = min(index + 16, logits.count)
            while index < end {
                if base[index] > threshold {
                    append(Candidate(logit: base[index], token: Int32(truncatingIfNeeded: index)))
                    if count == room, room > limit {
                        select(first: limit)
                        count = limit
                        threshold = storage[0].logit
                        for place in 1..<limit where storage[place].logit < threshold { threshold = storage[place].logit }
                    }
                }
                index += 1
            }
        }
        if count > limit {
            select(first: limit)
            count = limit
        }
    }

    /// Collects every token whose logit is at least `threshold`, by token.
    mutating func collect(atLeast threshold: Float, of logits: UnsafeBufferPointer<Float>) {
        count = 0
        guard let base = logits.baseAddress else { return }
        var index = 0
        while index < logits.count {
            if index + 16 <= logits.count, !LogitsReduction.anyOfSixteen(base + index, atLeast: threshold, strictly: false) {
                index += 16
                continue
            }
            let end = min(index + 16, logits.count)
            while index < end {
                if base[index] >= threshold { append(Candidate(logit: base[index], token: Int32(truncatingIfNeeded: index))) }
                index += 1
            }
        }
    }

    /// Sets every candidate's weight to `exp((logit - maximum) * scale)` and gives their sum: the most likely token weighs 1.
    mutating func weigh(maximum: Float, scale: Float) -> Double {
        var sum = 0.0
        for index in 0..<count {
            let weight = LogitsReduction.exponential((storage[index].logit - maximum) * scale)
            storage[index].weight = weight
            sum += Double(weight)
        }
        return sum
    }

    /// Keeps candidates that weigh at least `least`.
    mutating func drop(below least: Float) {
        var kept = 0
        for index in 0..<count where storage[index].weight >= least {
            storage[kept] = storage[index]
            kept += 1
        }
        count = kept
    }

    /// The candidate at a place between 0 and 1 of all weights, laid side by side.
    func draw(_ place: Double) -> Int32 {
        var sum = 0.0
        for index in 0..<count { sum += Double(storage[index].weight) }
        var left = place * sum
        var chosen = storage[0].token
        for index in 0..<count where storage[index].weight > 0 {
            chosen = storage[index].token
            left -= Double(storage[index].weight)
            if left < 0 { break }
        }
        return chosen
    }

    /// Moves the `limit` first candidates to the front.
    mutating func select(first limit: Int) {
        var low = 0
        var high = count
        var random: UInt32 = 0x9E37_79B9
        while high - low > 1, low < limit, limit < high {
            let middle = partition(low, high, &random)
            if limit <= middle { high = middle } else { low = middle }
        }
    }

    /// Moves the fewest first candidates whose weights reach `mass` to the front and drops the rest.
    mutating func keep(mass: Double) {
        var low = 0
        var high = count
        var missing = mass
        var random: UInt32 = 0x9E37_79B9
        while high - low > 1 {
            let middle = partition(low, high, &random)
            var sum = 0.0
            for index in low..<middle { sum += Double(storage[index].weight) }
            if sum >= missing {
                high = middle
            } else {
                missing -= sum
                low = middle
            }
        }
        count = high
    }

    /// First candidates first.
    mutating func sort() {
        // Shell's sort: few candidates, no allocation.
        var gap = 1
        while gap < count / 3 { gap = gap * 3 + 1 }
        while gap > 0 {
            for index in stride(from: gap, to: count, by: 1) {
                let candidate = storage[index]
                var place = index
                while place >= gap, Candidate.precedes(candidate, storage[place - gap]) {
                    storage[place] = storage[place - gap]
                    place -= gap
                }
                storage[place] = candidate
            }
            gap /= 3
        }
    }

    /// Splits `low..<high` so that everything before the returned position precedes everything from it on; both parts have members.
    private mutating func partition(_ low: Int, _ high: Int, _ random: inout UInt32) -> Int {
        random = random &* 1_664_525 &+ 1_013_904_223
        let pivot = storage[low + Int(UInt64(random) * UInt64(high - low) >> 32)]
        var left = low
        var right = high - 1
        while true {
            while Candidate.precedes(storage[left], pivot) { left += 1 }
            while Candidate.precedes(pivot, storage[right]) { right -= 1 }
            if left >= right { break }
            storage.swapAt(left, right)
            left += 1
            right -= 1
        }
        // `right` is the last place of the first part; both ends stay inside because the pivot itself stops either walk.
        let middle = right + 1
        return middle == high ? high - 1 : max(middle, low + 1)
    }
}
