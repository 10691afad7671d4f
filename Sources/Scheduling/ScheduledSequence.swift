/// A request on its way through the scheduler.
struct ScheduledSequence: Sendable {
    var id: RequestID
    /// Prompt, then what was generated.
    var tokens: [Int32]
    var promptCount: Int
    var maximumTokens: Int
    /// First position whose logits are still wanted. Survives preemption: no position's logits are asked for twice.
    var nextLogits: Int
    /// Positions whose keys and values are in `blocks`.
    var computed = 0
    /// Tokens that steps in flight add to `computed`.
    var scheduled = 0
    /// Ended while a step with it was in flight.
    var hasEnded = false
    /// Block i holds positions `i * blockTokens ..< (i + 1) * blockTokens`.
    var blocks: [Int32] = []
    /// Hash of the tokens of each full block, as far as it was needed.
    var hashes: [Int] = []
    /// Leading blocks whose content has a name, and the last one's name.
    var namedBlocks = 0
    var content: BlockPool.Content = BlockPool.rootContent
    /// The full block it computes next, entered in the scheduler's `pending`.
    var pending: BlockPool.Key?
    /// Executor slot while running, else -1.
    var slot = -1
    /// Tokens not computed because another sequence's blocks held them.
    var sharedTokens = 0

    init(id: RequestID, request: SequenceRequest) {
        self.id = id
        tokens = request.prompt + request.generated
        promptCount = request.prompt.count
        maximumTokens = request.maximumTokens
        nextLogits = max(0, min(request.logitsFrom ?? .max, tokens.count - 1))
    }

    /// A generated token, which the next step computes.
    mutating func append(_ token: Int32) {
        precondition(isComputed, "complete the step first")
        precondition(tokens.count - promptCount < maximumTokens, "more tokens than were asked for")
        tokens.append(token)
    }

    /// A step with so many of its tokens was run.
    mutating func complete(_ count: Int) {
        scheduled -= count
        computed += count
        if !hasEnded { nextLogits = max(nextLogits, computed) }
    }

    /// Tokens that no step has brought yet.
    @inline(__always) var remaining: Int { tokens.count - computed - scheduled }

    /// Whether the logits of its last token were given.
    @inline(__always) var isComputed: Bool { computed == tokens.count }

    /// Key of full block `index`, whose tokens are known, after the content named `parent`.
    mutating func key(ofBlock index: Int, after parent: BlockPool.Content, blockTokens: Int) -> BlockPool.Key {
        while hashes.count <= index {
            let start = hashes.count * blockTokens
            var hasher = Hasher()
            tokens[start..<start + blockTokens].withUnsafeBytes { hasher.combine(bytes: $0) }
            hashes.append(hasher.finalize())
        }
        return BlockPool.Key(parent: parent, tokensHash: hashes[index])
    }

    func tokens(ofBlock index: Int, blockTokens: Int) -> ArraySlice<Int32> { tokens[index * blockTokens..<(index + 1) * blockTokens] }
}
