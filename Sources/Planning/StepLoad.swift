/// What one step (one pass of the model) asks of the hardware: all the cost model needs to know of a `Step`.
///
/// Prefill, decode, a slice of a prompt and mixtures are all loads; `+` mixes them.
public struct StepLoad: Sendable, Equatable {
    /// New tokens over all sequences.
    public var tokens: Double
    /// Sequences with at least one new token.
    public var sequences: Double
    /// Positions in the KV cache that are read, each sequence's once, its new ones included.
    public var cached: Double
    /// (new token, position it attends to) pairs.
    public var pairs: Double
    /// Tokens whose logits are wanted.
    public var logits: Double
    /// Micro-batches the sequences are divided into; all share one pass over streamed weights.
    public var microBatches: Int

    public init(tokens: Double, sequences: Double, cached: Double, pairs: Double, logits: Double, microBatches: Int = 1) {
        self.tokens = tokens
        self.sequences = sequences
        self.cached = cached
        self.pairs = pairs
        self.logits = logits
        self.microBatches = microBatches
    }

    /// One new token for each of `sequences` whose mean context, the new token included, is `context`.
    public static func decode(sequences: Double, context: Double, microBatches: Int = 1) -> StepLoad {
        StepLoad(
            tokens: sequences, sequences: sequences, cached: sequences * context, pairs: sequences * context, logits: sequences,
            microBatches: microBatches)
    }

    /// `count` tokens of each of `sequences` prompts, `start` tokens of each already in the cache.
    public static func prefill(
        sequences: Double, tokens count: Double, after start: Double = 0, wantsLogits: Bool = true, microBatches: Int = 1
    )
        -> StepLoad
    {
        StepLoad(
            tokens: sequences * count, sequences: sequences, cached: sequences * (start + count),
            pairs: sequences * count * (start + (count + 1) / 2),
            logits: wantsLogits ? sequences : 0, microBatches: microBatches)
    }

    public static func + (a: StepLoad, b: StepLoad) -> StepLoad {
        StepLoad(
            tokens: a.tokens + b.tokens, sequences: a.sequences + b.sequences, cached: a.cached + b.cached, pairs: a.pairs + b.pairs,
            logits: a.logits + b.logits, microBatches: max(a.microBatches, b.microBatches))
    }

    /// One of so many equal groups of micro-batches.
    func part(of groups: Int) -> StepLoad {
        let n = Double(max(1, groups))
        return StepLoad(
            tokens: tokens / n, sequences: sequences / n, cached: cached / n, pairs: pairs / n, logits: logits / n,
            microBatches: (microBatches + max(1, groups) - 1) / max(1, groups))
    }

    /// One of `microBatches` equal parts.
    var oneMicroBatch: StepLoad {
        let n = Double(max(1, microBatches))
        return StepLoad(tokens: tokens / n, sequences: sequences / n, cached: cached / n, pairs: pairs / n, logits: logits / n)
    }
}

/// Seconds a stage is busy with a step, by resource, and the terms of its compute chain.
public struct StageTime: Sendable {
    /// What the step takes: the busiest resource, plus the fixed overhead.
    public var seconds = 0.0
    /// Products, attention, exchanges and hops one after another (overlapped over micro-batches where they run on different devices).
    public var chain = 0.0
    /// By the stage's devices: computing, receiving from and sending to the host.
    public var busy: [Double]
    public var receiving: [Double]
    public var sending: [Double]
    public var diskRead = 0.0
    public var diskWrite = 0.0
    /// The host's memory, shared by the CPU and by every transfer.
    public var hostMemory = 0.0
    public var overhead = 0.0
    public var terms = Terms()
    /// Bytes that the processor reads and that transfers move, as far as they were added up.
    var hostBytes = 0.0

    public struct Terms: Sendable, Equatable {
        public var attentionWeights = 0.0
        public var keyValue = 0.0
        public var feedForward = 0.0
        public var output = 0.0
        public var exchange = 0.0
        public var hops = 0.0
        public var launches = 0.0
    }

    /// All zero again, the arrays kept.
    mutating func clear() {
        for index in busy.indices { (busy[index], receiving[index], sending[index]) = (0, 0, 0) }
        (seconds, chain, diskRead, diskWrite, hostMemory, overhead, terms, hostBytes) = (0, 0, 0, 0, 0, 0, Terms(), 0)
    }

    init(devices: Int) {
        busy = Array(repeating: 0, count: devices)
        receiving = busy
        sending = busy
    }
}
