public import Plans

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
    /// Most sequences that run at once; each decodes in one step of every `decodeGroups`, so never more than those hold.
    public var sequences: Int
    /// Most tokens of one prompt in one step; `stepTokens` where prompts are cut by the budget alone.
    public var sliceTokens: Int
    /// Whether prompts that begin alike share KV blocks.
    public var sharesPrefixes: Bool
    /// Whether steps are written out for an executor; false: only their sizes, for a simulator.
    public var describesSteps: Bool
    /// Most steps that are started and not completed: 1 for one executor, at least the number of stages for a pipeline.
    public var stepsInFlight: Int
    /// Into how many steps the decoding sequences are divided, so that each stage of a pipeline has some to work on; no more such steps are in flight.
    /// 1: they all go together.
    public var decodeGroups: Int
    /// Most prompts with a slice in one step: a micro-batch of a pipeline.
    public var stepPrompts: Int
    /// Whether requests are let in a block at a time: once slots or room have run out, or one that runs has ended, nobody else enters before all have ended
    /// (FlexGen's blocks). In a pipeline that streams weights a prompt among decoding steps holds up every stage behind it.
    public var admitsInBlocks: Bool
    /// Where prompts are cut, by prompt length ascending; lengths in between are cut in the same proportions, longer prompts by `sliceTokens` alone.
    public var sliceTables: [SliceTable]

    /// Values below 1 are raised to 1, and `sequences` is lowered to what one step can decode.
    public init(
        blockTokens: Int, blockCount: Int, stepTokens: Int = 2048, stepLogits: Int = 256, sequences: Int = 256, sliceTokens: Int? = nil,
        sharesPrefixes: Bool = true, describesSteps: Bool = true, stepsInFlight: Int = 1, decodeGroups: Int? = nil, stepPrompts: Int = .max,
        admitsInBlocks: Bool = false, sliceTables: [SliceTable] = []
    ) {
        self.blockTokens = max(1, blockTokens)
        self.blockCount = max(0, blockCount)
        self.stepTokens = max(1, stepTokens)
        self.stepLogits = max(1, stepLogits)
        let groups = max(1, min(decodeGroups ?? stepsInFlight, stepsInFlight))
        let (most, overflow) = self.stepTokens.multipliedReportingOverflow(by: groups)
        self.sequences = max(1, min(sequences, overflow ? .max : most, stepLogits))
        self.sliceTokens = max(1, min(sliceTokens ?? stepTokens, stepTokens))
        self.sharesPrefixes = sharesPrefixes
        self.describesSteps = describesSteps
        self.stepsInFlight = max(1, stepsInFlight)
        self.decodeGroups = groups
        self.stepPrompts = max(1, stepPrompts)
        self.admitsInBlocks = admitsInBlocks
        self.sliceTables = sliceTables.sorted { $0.promptTokens < $1.promptTokens }
    }

    /// Blocks that hold `tokens` tokens.
    public func blocks(for tokens: Int) -> Int { tokens / blockTokens + (tokens % blockTokens == 0 ? 0 : 1) }

    /// Tokens that fit into all blocks together.
    public var capacityTokens: Int {
        let (product, overflow) = blockCount.multipliedReportingOverflow(by: blockTokens)
        return overflow ? .max : product
    }

    /// The first position after `start` at which a prompt of so many tokens is cut; its end where no table says otherwise.
    ///
    /// A table's slices are stretched or shrunk to the prompt: cut i is at prompt x (slices before it) / (all slices), rounded. O(slices).
    public func cut(after start: Int, ofPrompt count: Int) -> Int {
        guard let table = sliceTables.first(where: { $0.promptTokens >= count }) else { return count }
        let whole = table.slices.reduce(0.0) { $0 + Double(max(0, $1)) }
        guard whole > 0 else { return count }
        var before = 0.0
        for slice in table.slices {
            before += Double(max(0, slice))
            let position = Int((before / whole * Double(count)).rounded())
            if position > start { return min(position, count) }
        }
        return count
    }
}
