public import CKernels

/// What a step says of each of its tokens, in the form kernels read: ids, positions, rotations, places in the KV cache, tiles of attention.
///
/// Made once for the largest step; filling it allocates nothing but for a longer block table than ever before. One step at a time uses
/// it, on every
/// device: it is not changed between `begin` and the step's end.
public final class StepTables {
    /// A rotary embedding: angles per position of each pair.
    public struct Rotary: Sendable, Equatable {
        public var inverseFrequencies: [Double]
        /// Multiplies sine and cosine.
        public var magnitude: Double

        public init(inverseFrequencies: [Double], magnitude: Double) {
            self.inverseFrequencies = inverseFrequencies
            self.magnitude = magnitude
        }
    }

    /// Tokens there is room for.
    public let capacity: Int
    /// Which of the steps in flight uses these tables. Step-wide buffers hold the rows of step slot 0, then of slot 1, ...
    public let slot: Int
    /// First row of this slot in step-wide buffers of tokens, and of rows of logits. Micro-batches count from there.
    public var tokenBase: Int { slot * capacity }
    public var rowBase: Int { slot * chosenCapacity }
    public let tokens: UnsafeMutablePointer<Int32>
    public let positions: UnsafeMutablePointer<Int32>
    public let slotOfToken: UnsafeMutablePointer<Int32>
    /// By rotary embedding: tokens x pairs.
    public let cosine: [UnsafeMutablePointer<Float>]
    public let sine: [UnsafeMutablePointer<Float>]
    /// Places in caches that are attended to where they are.
    public let blocks: BlockTables
    /// Places in areas to which keys and values are brought; nil where no plan asks for them.
    public let staged: BlockTables?
    /// Tokens of the step whose logits are wanted, ascending.
    public let chosen: UnsafeMutablePointer<Int32>
    public private(set) var tokenCount = 0
    public private(set) var rowCount = 0

    private let rotaries: [Rotary]
    private let tileTokens: [Int]
    /// Of the step so far, by tiling.
    private var tileCounts: [Int]
    /// First block of each pool of the KV cache: ids count over all pools, caches from their own pool's first.
    private let firstBlocks: [Int32]
    /// Micro-batches of the step.
    public private(set) var parts: [MicroBatch] = []
    /// Tokens of each pool of each micro-batch, counted from its first, and tiles by tiling.
    private var poolTokens: [Range<Int>] = []
    private var poolTiles: [Range<Int>] = []
    /// By micro-batch and pool: which of `stagedBlocks` are theirs.
    private var poolBlocks: [Range<Int>] = []
    public private(set) var stagedBlocks: [StagedBlock] = []
    /// Blocks of the step so far, by pool.
    private var stagedCounts: [Int]
    private let chosenCapacity: Int
    private let buffers: [Buffer]

    /// - Parameters:
    ///   - tileTokens: most tokens of a tile, by tiling.
    ///   - pools: blocks of the KV cache, by pool.
    ///   - isStaged: whether some of them are brought elsewhere to be attended to.
    /// - Throws: `MemoryError`.
    public init(
        memory: any Memory, slot: Int, tokens capacity: Int, logits: Int, rotaries: [Rotary], tileTokens: [Int], pools: [Int],
        isStaged: Bool = false
    ) throws(MemoryError) {
        var buffers: [Buffer] = []
        func make<Element>(_ count: Int, _ type: Element.Type) throws(MemoryError) -> UnsafeMutablePointer<Element> {
            let (bytes, overflow) = max(1, count).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
            guard !overflow else { throw MemoryError(memory: memory.name, purpose: .activations, needed: .max, available: 0) }
            let buffer = try memory.allocate(bytes, for: .activations)
            buffers.append(buffer)
            return BufferRange(buffer).address.assumingMemoryBound(to: type)
        }
        self.capacity = capacity
        self.slot = slot
        self.rotaries = rotaries
        self.tileTokens = tileTokens
        tokens = try make(capacity, Int32.self)
        positions = try make(capacity, Int32.self)
        slotOfToken = try make(capacity, Int32.self)
        chosen = try make(logits, Int32.self)
        chosenCapacity = logits
        var cosine: [UnsafeMutablePointer<Float>] = [], sine: [UnsafeMutablePointer<Float>] = []
        for rotary in rotaries {
            cosine.append(try make(capacity * rotary.inverseFrequencies.count, Float.self))
            sine.append(try make(capacity * rotary.inverseFrequencies.count, Float.self))
        }
        self.cosine = cosine
        self.sine = sine
        self.blocks = try BlockTables(memory: memory, tokens: capacity, tilings: tileTokens.count)
        staged = isStaged ? try BlockTables(memory: memory, tokens: capacity, tilings: tileTokens.count) : nil
        stagedCounts = Array(repeating: 0, count: pools.count)
        tileCounts = Array(repeating: 0, count: tileTokens.count)
        var firstBlocks: [Int32] = []
        var blocks = 0
        for pool in pools {
            firstBlocks.append(Int32(clamping: blocks))
            blocks += pool
        }
        self.firstBlocks = firstBlocks
        parts.reserveCapacity(capacity + 1)
        poolTokens.reserveCapacity((capacity + 1) * pools.count)
        poolTiles.reserveCapacity((capacity + 1) * pools.count * tileTokens.count)
        poolBlocks.reserveCapacity((capacity + 1) * pools.count)
        if isStaged { stagedBlocks.reserveCapacity(4096) }
        self.buffers = buffers
    }

    /// Places where keys and values live, or in the areas to which they are brought.
    /// - Precondition: there are such areas.
    @inline(__always)
    func places(_ isStaged: Bool) -> BlockTables {
        guard isStaged else { return blocks }
        guard let staged else { preconditionFailure("nothing is staged") }
        return staged
    }

    /// Tokens of a micro-batch whose keys and values are in a pool, counted from its first.
    public func tokens(of part: MicroBatch, pool: Int) -> Range<Int> { poolTokens[part.index * firstBlocks.count + pool] }

    /// Tiles of a micro-batch under a tiling, of one pool's sequences.
    public func tiles(of part: MicroBatch, tiling: Int, pool: Int) -> Range<Int> {
        poolTiles[(part.index * firstBlocks.count + pool) * tileTokens.count + tiling]
    }

    /// Which of `stagedBlocks` are a micro-batch's, of one pool's sequences.
    public func stagedBlocks(of part: MicroBatch, pool: Int) -> Range<Int> { poolBlocks[part.index * firstBlocks.count + pool] }

    /// The pool that a block is of.
    public func pool(of block: Int32) -> Int {
        var pool = firstBlocks.count - 1
        while pool > 0, firstBlocks[pool] > block { pool -= 1 }
        return pool
    }

    /// Starts a step whose entries have so many KV blocks together.
    public func begin(blocks count: Int) {
        tokenCount = 0
        rowCount = 0
        parts.removeAll(keepingCapacity: true)
        poolTokens.removeAll(keepingCapacity: true)
        poolTiles.removeAll(keepingCapacity: true)
        poolBlocks.removeAll(keepingCapacity: true)
        stagedBlocks.removeAll(keepingCapacity: true)
        for tiling in tileCounts.indices { tileCounts[tiling] = 0 }
        for pool in stagedCounts.indices { stagedCounts[pool] = 0 }
        blocks.begin(blocks: count)
        staged?.begin(blocks: count)
    }

    /// What is added from now on belongs to another micro-batch.
    public func beginPart() {
        parts.append(
            MicroBatch(index: parts.count, firstToken: tokenBase + tokenCount, tokenCount: 0, firstRow: rowBase + rowCount, rowCount: 0))
        for _ in 0..<firstBlocks.count {
            poolTokens.append(0..<0)
            poolBlocks.append(0..<0)
            for _ in 0..<tileTokens.count { poolTiles.append(0..<0) }
        }
    }

    /// Adds tokens of one sequence to the current micro-batch; they start at position `start`; logits are wanted of some, by offset.
    ///
    /// - Precondition: everything is in range and within what `begin` and `init` were told; sequences of one pool follow one another.
    public func add(tokens ids: [Int32], start: Int, blocks numbers: [Int32], logits: [Int]) {
        let pool = numbers.isEmpty ? 0 : pool(of: numbers[0]), base = firstBlocks[pool]
        let table = blocks.add(blocks: numbers.count), stagedTable = staged?.add(blocks: numbers.count)
        for index in 0..<numbers.count { table[index] = numbers[index] - base }
        let inPool = (parts.count - 1) * firstBlocks.count + pool
        if let stagedTable { stage(numbers.count, table, stagedTable, start: start, end: start + ids.count, pool: pool, inPool: inPool) }
        let first = tokenCount, origin = parts[parts.count - 1].firstToken - tokenBase
        precondition(first + ids.count <= capacity && rowCount + logits.count <= chosenCapacity, "a step larger than its tables")
        for index in 0..<ids.count {
            let position = start + index, row = first + index
            tokens[row] = ids[index]
            positions[row] = Int32(truncatingIfNeeded: position)
            blocks.blockOfToken[row] = table[position / Self.blockTokens]
            if let stagedTable { staged?.blockOfToken[row] = stagedTable[position / Self.blockTokens] }
            slotOfToken[row] = Int32(truncatingIfNeeded: position % Self.blockTokens)
            for rotary in rotaries.indices { rotate(rotary, position: position, row: row) }
        }
        let before = poolTokens[inPool].isEmpty ? first - origin : poolTokens[inPool].lowerBound
        precondition(poolTokens[inPool].isEmpty || poolTokens[inPool].upperBound == first - origin, "sequences of other pools in between")
        poolTokens[inPool] = before..<first - origin + ids.count
        for tiling in tileTokens.indices {
            let place = inPool * tileTokens.count + tiling
            if poolTiles[place].isEmpty { poolTiles[place] = tileCounts[tiling]..<tileCounts[tiling] }
            var from = 0
            while from < ids.count {
                let count = min(tileTokens[tiling], ids.count - from)
                var tile = mk_attention_tile(
                    blocks: UnsafePointer(table), position: Int64(start + from), token: Int64(first - origin + from), count: Int64(count))
                blocks.tiles[tiling][tileCounts[tiling]] = tile
                if let stagedTable {
                    tile.blocks = UnsafePointer(stagedTable)
                    staged?.tiles[tiling][tileCounts[tiling]] = tile
                }
                tileCounts[tiling] += 1
                from += count
            }
            poolTiles[place] = poolTiles[place].lowerBound..<tileCounts[tiling]
        }
        for index in 0..<logits.count {
            chosen[rowCount] = Int32(truncatingIfNeeded: first + logits[index])
            rowCount += 1
        }
        tokenCount += ids.count
        parts[parts.count - 1].tokenCount += ids.count
        parts[parts.count - 1].rowCount += logits.count
    }

    /// Numbers the blocks that a sequence uses in this step one after another in its pool's area.
    private func stage(
        _ count: Int, _ table: UnsafeMutablePointer<Int32>, _ stagedTable: UnsafeMutablePointer<Int32>, start: Int, end: Int, pool: Int,
        inPool: Int
    ) {
        let used = min(count, (end + Self.blockTokens - 1) / Self.blockTokens)
        if poolBlocks[inPool].isEmpty { poolBlocks[inPool] = stagedBlocks.count..<stagedBlocks.count }
        for index in 0..<count {
            stagedTable[index] = Int32(truncatingIfNeeded: stagedCounts[pool] + min(index, used))
            guard index < used else { continue }
            stagedBlocks.append(
                StagedBlock(
                    home: Int(table[index]), staged: stagedCounts[pool] + index, isRead: index * Self.blockTokens < start,
                    isWritten: (index + 1) * Self.blockTokens > start))
        }
        stagedCounts[pool] += used
        poolBlocks[inPool] = poolBlocks[inPool].lowerBound..<stagedBlocks.count
    }

    /// Tokens per KV block.
    public static let blockTokens = Int(MK_KV_BLOCK)

    private func rotate(_ rotary: Int, position: Int, row: Int) {
        let pairs = rotaries[rotary].inverseFrequencies.count, magnitude = rotaries[rotary].magnitude
        let cosine = self.cosine[rotary] + row * pairs, sine = self.sine[rotary] + row * pairs
        rotaries[rotary].inverseFrequencies.withUnsafeBufferPointer { frequencies in
            for pair in 0..<pairs {
                let (s, c) = sineAndCosine(Double(position) * frequencies[pair])
                cosine[pair] = Float(c * magnitude)
                sine[pair] = Float(s * magnitude)
            }
        }
    }
}

/// The tokens of a step that run through a program together: a run of its rows, and what belongs to them.
public struct MicroBatch: Sendable {
    /// Among the step's micro-batches.
    public var index: Int
    /// First row of step-wide buffers, and tokens.
    public var firstToken: Int
    public var tokenCount: Int
    /// First row of logits, and rows.
    public var firstRow: Int
    public var rowCount: Int

    public init(index: Int, firstToken: Int, tokenCount: Int, firstRow: Int, rowCount: Int) {
        self.index = index
        self.firstToken = firstToken
        self.tokenCount = tokenCount
        self.firstRow = firstRow
        self.rowCount = rowCount
    }
}
