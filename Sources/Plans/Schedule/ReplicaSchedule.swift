/// How a replica is driven: what its scheduler may put into a step, and how many blocks of keys and values there are. The planner makes it
/// once; the engine and the simulator read it.
///
/// Always holds: every count is at least 1 (a pool may be empty), `sequences` is no more than the steps of one round can decode,
/// `stepPrompts` no more than `sequences`, and `sliceTables` ascend by prompt length.
public struct ReplicaSchedule: Sendable, Equatable {
    /// Tokens of a block of keys and values: what the kernels store.
    public static let keyValueBlockTokens = 64
    /// Tokens that kernels take together: prompts are cut at multiples of it.
    public static let tileTokens = 32

    /// Tokens per KV block. Block i of a sequence holds positions `i * blockTokens ..< (i + 1) * blockTokens`.
    public let blockTokens: Int
    /// KV blocks by pool. Ids of blocks are global, pool after pool; all blocks of one sequence are of one pool.
    public let pools: [Int]
    /// Sequences that run at once; each decodes in one step of every `decodeGroups`.
    public let sequences: Int
    /// Tokens that one step brings at most, over all sequences.
    public let stepTokens: Int
    /// Rows of logits that one step asks for at most.
    public let stepLogits: Int
    /// Prompts with a slice in one step at most: a micro-batch of a pipeline.
    public let stepPrompts: Int
    /// Tokens of one prompt in one step at most; `stepTokens` where prompts are cut by the budget alone.
    public let sliceTokens: Int
    /// Where prompts are cut, by prompt length ascending; lengths in between are cut in the same proportions, longer prompts by
    /// `sliceTokens` alone.
    public let sliceTables: [SliceTable]
    /// Steps that may be started and not completed: 1 for one stage, at least the number of stages for a pipeline.
    public let stepsInFlight: Int
    /// Into how many steps the decoding sequences are divided, so that each stage of a pipeline has some to work on; no more such steps are
    /// in flight. 1: they all go together.
    public let decodeGroups: Int
    /// Whether requests are let in a block at a time: once slots or room have run out, or one that runs has ended, nobody else enters
    /// before all have ended (FlexGen's blocks). In a pipeline that streams weights a prompt among decoding steps holds up every stage
    /// behind it.
    public let admitsInBlocks: Bool
    /// Whether prompts that begin alike share KV blocks.
    public let sharesPrefixes: Bool
    /// Micro-batches that share one pass over streamed weights.
    public let block: BlockGeometry

    /// Values below 1 are raised to 1, others lowered to what the invariant allows.
    ///
    /// - Parameters:
    ///   - stepPrompts: nil: as many as there are sequences.
    ///   - sliceTokens: nil: as many as a step brings.
    ///   - decodeGroups: nil: one for each step in flight.
    public init(
        blockTokens: Int = ReplicaSchedule.keyValueBlockTokens, pools: [Int], sequences: Int = 256, stepTokens: Int = 2048,
        stepLogits: Int = 256,
        stepPrompts: Int? = nil, sliceTokens: Int? = nil, sliceTables: [SliceTable] = [], stepsInFlight: Int = 1, decodeGroups: Int? = nil,
        admitsInBlocks: Bool = false, sharesPrefixes: Bool = true, block: BlockGeometry = .single
    ) {
        self.blockTokens = max(1, blockTokens)
        self.pools = pools.isEmpty ? [0] : pools.map { max(0, $0) }
        self.stepTokens = max(1, stepTokens)
        self.stepLogits = max(1, stepLogits)
        self.stepsInFlight = max(1, stepsInFlight)
        self.decodeGroups = max(1, min(decodeGroups ?? self.stepsInFlight, self.stepsInFlight))
        let (decoding, overflow) = self.stepTokens.multipliedReportingOverflow(by: self.decodeGroups)
        self.sequences = max(1, min(sequences, overflow ? .max : decoding, self.stepLogits))
        self.stepPrompts = max(1, min(stepPrompts ?? self.sequences, self.sequences))
        self.sliceTokens = max(1, min(sliceTokens ?? self.stepTokens, self.stepTokens))
        self.sliceTables = sliceTables.sorted { $0.promptTokens < $1.promptTokens }
        self.admitsInBlocks = admitsInBlocks
        self.sharesPrefixes = sharesPrefixes
        self.block = BlockGeometry(microBatchSize: max(1, block.microBatchSize), microBatchCount: max(1, block.microBatchCount))
    }

    /// Blocks of all pools; `Int.max` where their sum overflows.
    public var blockCount: Int {
        var sum = 0
        for pool in pools {
            let (next, overflow) = sum.addingReportingOverflow(pool)
            if overflow { return .max }
            sum = next
        }
        return sum
    }

    /// Blocks that hold `tokens` tokens of one sequence.
    public func blocks(for tokens: Int) -> Int { tokens / blockTokens + (tokens % blockTokens == 0 ? 0 : 1) }

    /// Tokens that one sequence has room for at most: all blocks of the largest pool.
    public var capacityTokens: Int {
        let (product, overflow) = (pools.max() ?? 0).multipliedReportingOverflow(by: blockTokens)
        return overflow ? .max : product
    }

    /// Sequences of `tokens` tokens that the pools have room for.
    public func sequenceCapacity(tokens: Int) -> Int {
        let each = max(1, blocks(for: max(1, tokens)))
        return pools.reduce(0) { $0 &+ $1 / each }
    }

    /// The first position after `start` at which a prompt of so many tokens is cut: by its table and by `sliceTokens`; its end where
    /// neither says otherwise.
    public func cut(after start: Int, ofPrompt count: Int) -> Int {
        let (end, overflow) = start.addingReportingOverflow(sliceTokens)
        return min(sliceTables.cut(after: start, ofPrompt: count), overflow ? count : end)
    }

    /// The slices of a prompt of `count` tokens, one cut after another: token counts above 0 that add up to it.
    public func slices(ofPrompt count: Int) -> [Int] {
        var result: [Int] = []
        var start = 0
        while start < count {
            let end = cut(after: start, ofPrompt: count)
            result.append(end - start)
            start = end
        }
        return result
    }

    /// The same for an executor or a user that allows less; nil: what it has.
    public func limited(
        sequences: Int? = nil, stepTokens: Int? = nil, stepLogits: Int? = nil, sliceTokens: Int? = nil, stepsInFlight: Int? = nil,
        sharesPrefixes: Bool = true
    ) -> ReplicaSchedule {
        ReplicaSchedule(
            blockTokens: blockTokens, pools: pools, sequences: min(self.sequences, sequences ?? .max),
            stepTokens: min(self.stepTokens, stepTokens ?? .max), stepLogits: min(self.stepLogits, stepLogits ?? .max),
            stepPrompts: stepPrompts,
            sliceTokens: min(self.sliceTokens, sliceTokens ?? .max), sliceTables: sliceTables,
            stepsInFlight: min(self.stepsInFlight, stepsInFlight ?? .max), decodeGroups: decodeGroups, admitsInBlocks: admitsInBlocks,
            sharesPrefixes: self.sharesPrefixes && sharesPrefixes, block: block)
    }

    /// The same with other pools, with prompts cut by other tables, or with more rows of logits in a step.
    public func with(pools: [Int]? = nil, sliceTables: [SliceTable]? = nil, stepLogits: Int? = nil) -> ReplicaSchedule {
        ReplicaSchedule(
            blockTokens: blockTokens, pools: pools ?? self.pools, sequences: sequences, stepTokens: stepTokens,
            stepLogits: stepLogits ?? self.stepLogits,
            stepPrompts: stepPrompts,
            sliceTokens: sliceTokens, sliceTables: sliceTables ?? self.sliceTables, stepsInFlight: stepsInFlight,
            decodeGroups: decodeGroups,
            admitsInBlocks: admitsInBlocks,
            sharesPrefixes: sharesPrefixes, block: block)
    }
}
