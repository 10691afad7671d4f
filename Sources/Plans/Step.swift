/// One pass of the model over token ranges of sequences: prefill, a slice of a prompt, decode and mixtures are all steps.
public struct Step: Sendable {
    /// What one sequence brings to the step.
    public struct Entry: Sendable {
        /// Slot of the sequence, small and reused.
        public var sequence: Int
        /// Position of `tokens[0]` in its sequence; everything before it is already in the KV cache.
        public var start: Int
        public var tokens: [Int32]
        /// KV blocks of the sequence in order; block i holds positions `i * blockTokens ..< (i + 1) * blockTokens`.
        public var blocks: [Int32]
        /// Offsets into `tokens` whose logits are wanted, ascending.
        public var logits: [Int]

        public init(sequence: Int, start: Int, tokens: [Int32], blocks: [Int32], logits: [Int]) {
            self.sequence = sequence
            self.start = start
            self.tokens = tokens
            self.blocks = blocks
            self.logits = logits
        }
    }

    public var entries: [Entry]

    public init(entries: [Entry]) { self.entries = entries }

    /// Tokens over all entries.
    public var tokenCount: Int { entries.reduce(0) { $0 + $1.tokens.count } }
}
