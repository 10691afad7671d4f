/// What two neighbouring symbols merge into, and how early: the hash table in the inner loop of byte-pair encoding.
struct PairTable: Sendable {
    struct Entry: Sendable {
        var key: UInt64
        /// Lower merges first.
        var rank: UInt32
        var merged: Int32
    }

    static let noRank = UInt32.max

    private var entries: [Entry]
    private var mask: Int
    private var shift: Int
    private(set) var count = 0

    init(capacity: Int) {
        var bits = 4
        while 1 << bits < capacity * 2 { bits += 1 }
        entries = [Entry](repeating: Entry(key: .max, rank: Self.noRank, merged: -1), count: 1 << bits)
        mask = 1 << bits - 1
        shift = 64 - bits
    }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    private func place(of key: UInt64) -> Int {
        Int(truncatingIfNeeded: ((key ^ (key >> 29)) &* 0x9E37_79B9_7F4A_7C15) >> UInt64(shift))
    }

    /// Enters a pair of ids that are not negative; of equal pairs the first stays.
    mutating func insert(_ left: Int32, _ right: Int32, rank: UInt32, merged: Int32) {
        let key = Self.key(left, right)
        var place = place(of: key)
        while entries[place].key != .max {
            if entries[place].key == key { return }
            place = (place + 1) & mask
        }
        entries[place] = Entry(key: key, rank: rank, merged: merged)
        count += 1
        if count * 2 > entries.count { grow() }
    }

    private mutating func grow() {
        let old = entries
        self = PairTable(capacity: old.count)
        for entry in old where entry.key != .max {
            insert(Int32(truncatingIfNeeded: entry.key >> 32), Int32(truncatingIfNeeded: entry.key), rank: entry.rank, merged: entry.merged)
        }
    }

    /// The rank and the result of a pair, or `noRank` and -1. Negative ids never merge.
    @inline(__always)
    func find(_ left: Int32, _ right: Int32) -> (rank: UInt32, merged: Int32) {
        let key = Self.key(left, right)
        if key == .max { return (Self.noRank, -1) }
        return entries.withUnsafeBufferPointer { entries in
            var place = place(of: key)
            while true {
                let entry = entries[place]
                if entry.key == key { return (entry.rank, entry.merged) }
                if entry.key == .max { return (Self.noRank, -1) }
                place = (place + 1) & mask
            }
        }
    }
}
