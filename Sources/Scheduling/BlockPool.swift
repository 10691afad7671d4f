/// The KV blocks of one pool: which are free, which are held and by how many, and which contents are known.
///
/// A full block whose tokens are known is *registered*: its content is named by the content before it and its own tokens, so equal names
/// mean equal prefixes, compared token by token and never by hash alone. Blocks nobody holds keep their content, least recently used first
/// to go, until somebody needs the room. Only full blocks are shared, therefore nobody ever writes into a shared block.
///
/// Invariant: every block is in exactly one of three states: blank (on the stack of blank blocks), cached (registered, no holder, on the
/// list of cached blocks), held (`holders > 0`). Its blocks are `firstBlock ..< firstBlock + count`, so that ids are unique over all pools
/// of an executor. All operations are O(1), but for comparing `blockTokens` tokens. Nothing allocates after `init`.
public struct BlockPool: Sendable {
    /// A name for "these tokens, after that content".
    typealias Content = Int

    /// The content before the first token.
    static let rootContent: Content = 0

    /// What a block's content is looked up by.
    struct Key: Hashable, Sendable {
        var parent: Content
        var tokensHash: Int
    }

    private struct Block: Sendable {
        var holders: Int32 = 0
        /// Neighbours on the list of cached blocks, -1 at its ends.
        var previous: Int32 = -1
        var next: Int32 = -1
        /// 0: not registered.
        var content: Content = 0
        var key = Key(parent: 0, tokensHash: 0)
    }

    let blockTokens: Int
    /// Id of its first block.
    let firstBlock: Int32
    private var blocks: [Block]
    /// The tokens of registered blocks, `blockTokens` each.
    private var tokens: [Int32]
    private var blank: [Int32]
    private var registered: [Key: Int32] = [:]
    private var lastContent: Content = 0
    /// Least and most recently released cached block, -1: none.
    private var oldest: Int32 = -1
    private var newest: Int32 = -1
    private var cachedCount = 0

    /// - Parameter remembers: whether `register` will be used; without it nothing is kept of contents.
    init(blockCount: Int, firstBlock: Int32 = 0, blockTokens: Int, remembers: Bool) {
        self.blockTokens = blockTokens
        self.firstBlock = firstBlock
        blocks = [Block](repeating: Block(), count: blockCount)
        tokens = [Int32](repeating: 0, count: remembers ? blockCount * blockTokens : 0)
        blank = [Int32]((firstBlock..<firstBlock + Int32(blockCount)).reversed())
        if remembers { registered.reserveCapacity(blockCount) }
    }

    public var count: Int { blocks.count }
    /// Blocks that can be taken: blank or merely cached.
    public var availableCount: Int { blank.count + cachedCount }
    /// Blocks that some sequence holds.
    public var heldCount: Int { blocks.count - availableCount }

    func holders(of block: Int32) -> Int { Int(blocks[index(of: block)].holders) }

    @inline(__always) private func index(of block: Int32) -> Int { Int(block - firstBlock) }

    /// A blank block, or the least recently used cached one, now held once; nil if every block is held.
    mutating func take() -> Int32? {
        let block: Int32
        if let last = blank.popLast() {
            block = last
        } else if oldest >= 0 {
            block = oldest
            unlink(block)
            registered[blocks[index(of: block)].key] = nil
            blocks[index(of: block)].content = 0
        } else {
            return nil
        }
        blocks[index(of: block)].holders = 1
        return block
    }

    /// One holder fewer. A registered block without holders stays cached.
    mutating func release(_ block: Int32) {
        let index = index(of: block)
        precondition(blocks[index].holders > 0, "a block was released more often than taken")
        blocks[index].holders -= 1
        guard blocks[index].holders == 0 else { return }
        if blocks[index].content == 0 { blank.append(block) } else { link(block) }
    }

    /// One holder more for a block that `find` gave.
    mutating func retain(_ block: Int32) {
        if blocks[index(of: block)].holders == 0 { unlink(block) }
        blocks[index(of: block)].holders += 1
    }

    /// The registered block with exactly these tokens after the key's parent, and the content's name.
    func find(_ key: Key, tokens wanted: ArraySlice<Int32>) -> (block: Int32, content: Content)? {
        guard let block = registered[key], hasTokens(block, wanted) else { return nil }
        return (block, blocks[index(of: block)].content)
    }

    /// Whether a registered block is held by nobody, so that retaining it uses up an available one.
    func isCached(_ block: Int32) -> Bool { blocks[index(of: block)].holders == 0 }

    /// Names the content of a held, full block. If the same content is registered already, its name is given and this block stays private.
    mutating func register(_ block: Int32, key: Key, tokens content: ArraySlice<Int32>) -> Content {
        precondition(content.count == blockTokens && blocks[index(of: block)].holders > 0 && blocks[index(of: block)].content == 0)
        if let other = registered[key], hasTokens(other, content) { return blocks[index(of: other)].content }
        lastContent += 1
        // Of two contents whose hashes collide the first is found; the later one has a name of its own.
        guard registered[key] == nil else { return lastContent }
        registered[key] = block
        blocks[index(of: block)].content = lastContent
        blocks[index(of: block)].key = key
        var place = index(of: block) * blockTokens
        for token in content {
            tokens[place] = token
            place += 1
        }
        return lastContent
    }

    private func hasTokens(_ block: Int32, _ wanted: ArraySlice<Int32>) -> Bool {
        let start = index(of: block) * blockTokens
        return tokens[start..<start + blockTokens] == wanted
    }

    private mutating func link(_ block: Int32) {
        blocks[index(of: block)].previous = newest
        blocks[index(of: block)].next = -1
        if newest >= 0 { blocks[index(of: newest)].next = block } else { oldest = block }
        newest = block
        cachedCount += 1
    }

    private mutating func unlink(_ block: Int32) {
        let previous = blocks[index(of: block)].previous
        let next = blocks[index(of: block)].next
        if previous >= 0 { blocks[index(of: previous)].next = next } else { oldest = next }
        if next >= 0 { blocks[index(of: next)].previous = previous } else { newest = previous }
        cachedCount -= 1
    }
}
