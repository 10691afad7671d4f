import Plans

/// How a replica's sequences are divided among pools of KV blocks: as its stages' drafts place shares of the sequences. A stage that
/// divides its cache by heads alone has every pool in the same places.
struct KeyValuePools {
    /// Cumulative shares of the sequences at which pools end, ascending, the last 1.
    private(set) var ends: [Double]
    /// Blocks of each pool; whole sequences.
    private(set) var blocks: [Int]

    private static let least = 1e-9

    init(_ stages: [StageDraft], sequences: Int, contextTokens: Int) {
        var edges: [Double] = []
        for stage in stages where stage.keyValue.contains(where: \.bySequence) {
            var sum = 0.0
            for part in stage.keyValue {
                sum += part.share
                if sum < 1 - Self.least, sum > Self.least, !edges.contains(where: { abs($0 - sum) < Self.least }) { edges.append(sum) }
            }
        }
        let tokens = ReplicaSchedule.keyValueBlockTokens
        let each = max(1, contextTokens / tokens + (contextTokens % tokens == 0 ? 0 : 1))
        let sequences = max(1, min(sequences, Int(Int32.max) / each))
        // Rounded down, so that what was planned to fit does; the last pool takes the rest. Pools without a sequence are left out.
        ends = []
        blocks = []
        var given = 0, start = 0.0
        for edge in edges.sorted() {
            let count = Int((edge - start) * Double(sequences) + 1e-6)
            guard count > 0 else { continue }
            ends.append(edge)
            blocks.append(count * each)
            given += count
            start = edge
        }
        if sequences > given || blocks.isEmpty {
            ends.append(1)
            blocks.append((sequences - given) * each)
        } else {
            ends[ends.count - 1] = 1
        }
    }

    /// The middle of a pool's share of the sequences: whose part of a stage's draft it lies in.
    func middle(_ pool: Int) -> Double { ((pool > 0 ? ends[pool - 1] : 0) + ends[pool]) / 2 }
}
