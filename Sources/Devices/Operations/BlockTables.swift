public import CKernels

/// Where the keys and values of a step's tokens are: in which block each token's go, and the blocks of the sequences that tiles attend to.
///
/// There are two of them where a cache is staged: blocks as they are numbered where they live, and as they are numbered in the area that a
/// device attends to.
public final class BlockTables {
    public let blockOfToken: UnsafeMutablePointer<Int32>
    /// By tiling: runs of neighbouring tokens of one sequence; tokens count from their micro-batch's first.
    public let tiles: [UnsafeMutablePointer<mk_attention_tile>]
    private var table: UnsafeMutablePointer<Int32>
    private var capacity = 4096
    private var count = 0
    private let buffers: [Buffer]

    /// - Throws: `MemoryError`.
    init(memory: any Memory, tokens: Int, tilings: Int) throws(MemoryError) {
        var buffers: [Buffer] = []
        func make<Element>(_ type: Element.Type) throws(MemoryError) -> UnsafeMutablePointer<Element> {
            let (bytes, overflow) = max(1, tokens).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
            guard !overflow else { throw MemoryError(memory: memory.name, purpose: .activations, needed: .max, available: 0) }
            let buffer = try memory.allocate(bytes, for: .activations)
            buffers.append(buffer)
            return BufferRange(buffer).address.assumingMemoryBound(to: type)
        }
        blockOfToken = try make(Int32.self)
        var tiles: [UnsafeMutablePointer<mk_attention_tile>] = []
        for _ in 0..<tilings { tiles.append(try make(mk_attention_tile.self)) }
        self.tiles = tiles
        self.buffers = buffers
        table = .allocate(capacity: capacity)
    }

    deinit { table.deallocate() }

    /// Starts a step whose sequences have so many blocks together.
    func begin(blocks: Int) {
        count = 0
        guard blocks > capacity else { return }
        table.deallocate()
        capacity = blocks * 2
        table = .allocate(capacity: capacity)
    }

    /// Room for a sequence's blocks, to be filled in.
    func add(blocks: Int) -> UnsafeMutablePointer<Int32> {
        defer { count += blocks }
        return table + count
    }
}

/// A block of a sequence that is staged for a micro-batch.
public struct StagedBlock: Sendable {
    /// Among its pool's blocks, and in the area that is attended to.
    public var home: Int
    public var staged: Int
    /// Whether something of earlier steps is in it, and whether the step writes to it.
    public var isRead: Bool
    public var isWritten: Bool
}
