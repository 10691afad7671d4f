/// A trie over bytes whose edges are one hash table: for longest-match search and for the pieces of a unigram model.
struct ByteTrie: Sendable {
    /// Key (node and byte) in the upper 40 bits, child in the lower 24; 0 is free, as no edge leads to the root.
    private var edges: [UInt64]
    private var mask: Int
    /// The value of the key that ends at a node, or -1.
    private(set) var values: [Int32] = [-1]

    private static let maximumNodes = 1 << 24

    init() {
        edges = [UInt64](repeating: 0, count: 64)
        mask = 63
    }

    /// Enters a key that is not empty; of equal keys the first value stays.
    mutating func insert(_ key: some Sequence<UInt8>, value: Int32) throws(TokenizerError) {
        var node: Int32 = 0
        for byte in key {
            var child = step(node, byte)
            if child < 0 {
                guard values.count < Self.maximumNodes else {
                    throw TokenizerError("the pieces are too long: more than 16 million trie nodes")
                }
                child = Int32(truncatingIfNeeded: values.count)
                values.append(-1)
                if values.count * 2 > edges.count { grow() }
                enter(UInt64(UInt32(bitPattern: node)) << 32 | UInt64(byte) << 24 | UInt64(UInt32(bitPattern: child)))
            }
            node = child
        }
        if node != 0, values[Int(node)] < 0 { values[Int(node)] = value }
    }

    private mutating func grow() {
        let old = edges
        edges = [UInt64](repeating: 0, count: old.count * 2)
        mask = edges.count - 1
        for edge in old where edge != 0 { enter(edge) }
    }

    private mutating func enter(_ edge: UInt64) {
        var place = Self.hash(edge >> 24) & mask
        while edges[place] != 0 { place = (place + 1) & mask }
        edges[place] = edge
    }

    @inline(__always)
    private static func hash(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32)
    }

    /// The node after `byte`, or -1.
    @inline(__always)
    func step(_ node: Int32, _ byte: UInt8) -> Int32 {
        let key = UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
        return edges.withUnsafeBufferPointer { edges in
            var place = Self.hash(key) & mask
            while true {
                let edge = edges[place]
                if edge == 0 { return -1 }
                if edge >> 24 == key { return Int32(truncatingIfNeeded: edge & 0xFF_FFFF) }
                place = (place + 1) & mask
            }
        }
    }
}
