/// Segmentation with the highest sum of scores (Kudo, 2018), by dynamic programming over the bytes of a word.
///
/// A character that starts no piece of its own length costs ten less than the worst piece; neighbouring ones become one unknown token.
struct UnigramModel: Sendable {
    private static let unknownPenalty = 10.0

    /// The working memory, owned by one thread at a time.
    struct Lattice {
        struct Node {
            var score = 0.0
            /// Where the best piece that ends here starts; -1 if none does.
            var start: Int32 = -1
            var id: Int32 = -1
        }

        var nodes: [Node] = []
        var path: [(start: Int, end: Int, id: Int32)] = []
    }

    private let trie: ByteTrie
    private let scores: [Double]
    private let unknownScore: Double

    /// - Parameter scores: by id; pieces for which `isPiece` is false never match.
    init(table: PieceTable, scores: [Double], isPiece: (Int) -> Bool) throws(TokenizerError) {
        var trie = ByteTrie()
        var lowest = Double.infinity
        for id in 0..<table.count where isPiece(id) {
            let bytes = table.withPiece(id) { [UInt8]($0) }
            if bytes.isEmpty { continue }
            try trie.insert(bytes, value: Int32(truncatingIfNeeded: id))
        }
        for score in scores where score < lowest { lowest = score }
        self.trie = trie
        self.scores = scores
        unknownScore = (lowest.isFinite ? lowest : 0) - Self.unknownPenalty
    }

    /// Calls `emit` for each piece from left to right; -1 is a run of unknown characters.
    func segment(
        _ text: UnsafePointer<UInt8>, _ lower: Int, _ upper: Int, lattice: inout Lattice,
        emit: (_ start: Int, _ end: Int, _ id: Int32) -> Void
    ) {
        let count = upper - lower
        if count <= 0 { return }
        lattice.nodes.removeAll(keepingCapacity: true)
        lattice.nodes.append(contentsOf: repeatElement(Lattice.Node(), count: count + 1))
        lattice.nodes.withUnsafeMutableBufferPointer { nodes in
            var position = 0
            while position < count {
                let base = nodes[position].score
                let length = decodeScalar(text, lower + position, upper).length
                var hasSingle = false
                var node: Int32 = 0
                var end = position
                while end < count {
                    node = trie.step(node, text[lower + end])
                    if node < 0 { break }
                    end += 1
                    let id = trie.values[Int(node)]
                    if id < 0 { continue }
                    let score = scores[Int(id)] + base
                    if nodes[end].start < 0 || score > nodes[end].score {
                        nodes[end] = Lattice.Node(score: score, start: Int32(truncatingIfNeeded: position), id: id)
                    }
                    if end - position == length { hasSingle = true }
                }
                if !hasSingle {
                    let score = unknownScore + base
                    let end = position + length
                    if nodes[end].start < 0 || score > nodes[end].score {
                        nodes[end] = Lattice.Node(score: score, start: Int32(truncatingIfNeeded: position), id: -1)
                    }
                }
                position += length
            }
            var end = count
            lattice.path.removeAll(keepingCapacity: true)
            while end > 0 {
                let node = nodes[end]
                let start = Int(node.start)
                if node.id < 0, let last = lattice.path.last, last.id < 0 {
                    lattice.path[lattice.path.count - 1].start = start
                } else {
                    lattice.path.append((start, end, node.id))
                }
                end = start
            }
        }
        for piece in lattice.path.reversed() { emit(lower + piece.start, lower + piece.end, piece.id) }
        if lattice.nodes.capacity > 1 << 20 { lattice.nodes = [] }
        if lattice.path.capacity > 1 << 20 { lattice.path = [] }
    }
}
