/// What bounds a scheduler: the executor's geometry and a few choices.
public struct SchedulerLimits: Sendable, Equatable {
    /// Tokens per KV block.
    public var blockTokens: Int
    /// KV blocks there are.
    public var blockCount: Int
    /// Most tokens one step brings, over all sequences.
    public var stepTokens: Int
    /// Most logits rows one step asks for.
    public var stepLogits: Int
    /// Most sequences that run at once; each may decode in every step, so never more than `stepTokens` or `stepLogits`.
    public var sequences: Int
    /// Most tokens of one prompt in one step; `stepTokens` where prompts are cut by the budget alone.
    public var sliceTokens: Int
    /// Whether prompts that begin alike share KV blocks.
    public var sharesPrefixes: Bool

    /// Values below 1 are raised to 1, and `sequences` is lowered to what one step can decode.
    public init(
        blockTokens: Int, blockCount: Int, stepTokens: Int = 2048, stepLogits: Int = 256, sequences: Int = 256, sliceTokens: Int? = nil,
        sharesPrefixes: Bool = true
    ) {
        self.blockTokens = max(1, blockTokens)
        self.blockCount = max(0, blockCount)
        self.stepTokens = max(1, stepTokens)
        self.stepLogits = max(1, stepLogits)
        self.sequences = max(1, min(sequences, stepTokens, stepLogits))
        self.sliceTokens = max(1, min(sliceTokens ?? stepTokens, stepTokens))
        self.sharesPrefixes = sharesPrefixes
    }

    /// Blocks that hold `tokens` tokens.
    public func blocks(for tokens: Int) -> Int { tokens / blockTokens + (tokens % blockTokens == 0 ? 0 : 1) }

    /// Tokens that fit into all blocks together.
    public var capacityTokens: Int {
        let (product, overflow) = blockCount.multipliedReportingOverflow(by: blockTokens)
        return overflow ? .max : product
    }
}
