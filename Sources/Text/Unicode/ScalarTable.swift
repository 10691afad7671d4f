/// A `ScalarSet` laid out for matching: one test is a bit of a 128-bit word for ASCII, two loads for everything else.
///
/// A block of 256 scalars is all in, all out, or a bitmap of 32 bytes. About 10 KB and up to 10 KB more per set. Its memory lives until
/// `deallocate()`: the owner calls it, so that matching loops count no references.
struct ScalarTable: @unchecked Sendable {  // Immutable after init.
    private let asciiLow: UInt64
    private let asciiHigh: UInt64
    private let blockOf: UnsafeMutablePointer<UInt16>
    private let words: UnsafeMutablePointer<UInt64>

    init(_ set: ScalarSet) {
        let blocks = Int(ScalarSet.limit) / 256
        blockOf = .allocate(capacity: blocks)
        // Blocks 0 and 1 are "none" and "all".
        var bitmaps: [UInt64] = [0, 0, 0, 0, .max, .max, .max, .max]
        blockOf.initialize(repeating: 0, count: blocks)
        for run in set.runs {
            var start = Int(run.start)
            let end = Int(run.end)
            while start < end {
                let block = start / 256
                let stop = min(end, (block + 1) * 256)
                if start % 256 == 0 && stop == (block + 1) * 256 {
                    blockOf[block] = 1
                } else {
                    if blockOf[block] == 0 {
                        blockOf[block] = UInt16(truncatingIfNeeded: bitmaps.count / 4)
                        bitmaps.append(contentsOf: [0, 0, 0, 0])
                    }
                    let base = Int(blockOf[block]) * 4
                    for value in start..<stop { bitmaps[base + (value % 256) / 64] |= 1 << UInt64(value % 64) }
                }
                start = stop
            }
        }
        words = .allocate(capacity: bitmaps.count)
        words.initialize(from: bitmaps, count: bitmaps.count)
        let first = Int(blockOf[0]) * 4
        asciiLow = bitmaps[first]
        asciiHigh = bitmaps[first + 1]
    }

    func deallocate() {
        blockOf.deallocate()
        words.deallocate()
    }

    /// `value` must be below 0x80.
    @inline(__always)
    func containsASCII(_ value: UInt8) -> Bool {
        (value < 64 ? asciiLow >> UInt64(value) : asciiHigh >> UInt64(value & 63)) & 1 != 0
    }

    /// `value` must be below 0x110000.
    @inline(__always)
    func contains(_ value: UInt32) -> Bool {
        let block = Int(blockOf[Int(value >> 8)])
        return words[block * 4 + Int((value >> 6) & 3)] >> UInt64(value & 63) & 1 != 0
    }
}
