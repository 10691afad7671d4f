/// The ids of words seen lately: direct-mapped, of fixed size (1 MB), for words of up to 32 bytes and seven ids. Owned by one thread at a
/// time.
final class WordCache {
    static let maximumBytes = 32
    static let maximumIDs = 7
    private static let size = 1 << 14

    /// A cache line.
    private struct Entry {
        var text: SIMD4<UInt64> = .zero
        /// Bytes of the word (0: free) and number of ids.
        var length: UInt16 = 0
        var count: UInt16 = 0
        var ids: (Int32, Int32, Int32, Int32, Int32, Int32, Int32) = (0, 0, 0, 0, 0, 0, 0)
    }

    struct Key {
        /// The bytes of the word, then zeros.
        var text: SIMD4<UInt64>
        var length: Int
    }

    private let entries: UnsafeMutablePointer<Entry>

    init() {
        entries = .allocate(capacity: Self.size)
        entries.initialize(repeating: Entry(), count: Self.size)
    }

    deinit {
        entries.deallocate()
    }

    /// The key of the word `start..<end`, which may be as long as `maximumBytes`; `readable` is where the buffer ends.
    @inline(__always)
    static func key(_ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, readable: Int) -> Key {
        let length = end - start
        var words = SIMD4<UInt64>.zero
        if start + 32 <= readable {
            let raw = UnsafeRawPointer(text + start)
            words[0] = raw.loadUnaligned(as: UInt64.self)
            if length < 8 {
                words[0] &= (1 << UInt64(length * 8)) &- 1
            } else if length > 8 {
                let last = (length - 1) / 8
                for index in 1...last { words[index] = raw.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
                if length % 8 != 0 { words[last] &= (1 << UInt64(length % 8 * 8)) &- 1 }
            }
        } else {
            for index in 0..<length { words[index / 8] |= UInt64(text[start + index]) << UInt64(index % 8 * 8) }
        }
        return Key(text: words, length: length)
    }

    @inline(__always)
    private static func place(_ key: Key) -> Int {
        var mixed = key.text[0] ^ UInt64(key.length)
        if key.length > 8 { mixed ^= key.text[1] &* 0xD6E8_FEB8_6659_FD93 }
        if key.length > 16 { mixed ^= key.text[2] &* 0xA076_1D64_78BD_642F ^ key.text[3] &* 0xE703_7ED1_A0B4_28DB }
        mixed = (mixed ^ (mixed >> 32)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 50)
    }

    /// Appends the ids of a word; false if it is not known.
    @inline(__always)
    func append(_ key: Key, to ids: inout [Int32]) -> Bool {
        let entry = entries + Self.place(key)
        guard Int(entry.pointee.length) == key.length, entry.pointee.text == key.text else { return false }
        if entry.pointee.count == 1 {
            ids.append(entry.pointee.ids.0)
            return true
        }
        withUnsafeBytes(of: &entry.pointee.ids) { raw in
            ids.append(contentsOf: UnsafeBufferPointer(rebasing: raw.assumingMemoryBound(to: Int32.self)[..<Int(entry.pointee.count)]))
        }
        return true
    }

    /// Remembers a word whose ids are the last ones of `ids`, from `start` on.
    func insert(_ key: Key, _ ids: [Int32], from start: Int) {
        let count = ids.count - start
        if count > Self.maximumIDs { return }
        var entry = Entry(text: key.text, length: UInt16(key.length), count: UInt16(count))
        withUnsafeMutableBytes(of: &entry.ids) { raw in
            for index in 0..<count { raw.storeBytes(of: ids[start + index], toByteOffset: index * 4, as: Int32.self) }
        }
        entries[Self.place(key)] = entry
    }
}
