/// The slices (token counts, in order) of prompts up to `promptTokens` long (HPipe's token slices).
///
/// Always holds in a plan (`PlanCheck`): the slices are above 0 and add up to `promptTokens`.
public struct SliceTable: Sendable, Equatable {
    public var promptTokens: Int
    public var slices: [Int]

    public init(promptTokens: Int, slices: [Int]) {
        self.promptTokens = promptTokens
        self.slices = slices
    }
}

extension [SliceTable] {
    /// The table for a prompt: that of the shortest length that is not shorter; nil where there is none. O(tables), allocates nothing.
    public func table(for tokens: Int) -> SliceTable? {
        var best: SliceTable?
        for table in self where table.promptTokens >= tokens && table.promptTokens < best?.promptTokens ?? .max { best = table }
        return best
    }

    /// The first position after `start` at which a prompt of `count` tokens is cut by its table; its end where no table says otherwise.
    ///
    /// A table's cuts are scaled to the prompt and rounded to whole tiles. O(slices), allocates nothing. Everything that cuts prompts asks
    /// this function: the scheduler (`ReplicaSchedule.cut`) and the cost model.
    public func cut(after start: Int, ofPrompt count: Int) -> Int {
        guard let table = table(for: count) else { return count }
        let tile = ReplicaSchedule.tileTokens
        let scale = Double(count) / (Double(Swift.max(1, table.promptTokens)) * Double(tile))
        var before = 0.0
        for slice in table.slices.dropLast() {
            before += Double(slice)
            let tiles = (before * scale).rounded()
            guard tiles * Double(tile) < Double(count) else { return count }
            let position = Int(tiles) * tile
            if position > start { return position }
        }
        return count
    }

    /// All slices of a prompt of `count` tokens: token counts above 0 that add up to it; empty for no tokens.
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
}
