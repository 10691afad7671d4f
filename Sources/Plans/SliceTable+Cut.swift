extension SliceTable {
    /// Slices of a prompt of at most `promptTokens`: this table's, scaled to the prompt and rounded to whole tiles (but for the last, which ends with the prompt).
    ///
    /// - Parameter tile: tokens that kernels take together.
    /// - Returns: token counts above 0 that add up to `tokens`; empty for no tokens.
    public func cut(_ tokens: Int, tile: Int = 32) -> [Int] {
        guard tokens > 0 else { return [] }
        if tokens == promptTokens { return slices }
        let scale = Double(tokens) / Double(max(1, promptTokens)), grain = max(1, tile)
        var result: [Int] = []
        var passed = 0, done = 0
        for slice in slices.dropLast() {
            passed += slice
            let end = min(tokens, Int((Double(passed) * scale / Double(grain)).rounded()) * grain)
            guard end > done, end < tokens else { continue }
            result.append(end - done)
            done = end
        }
        result.append(tokens - done)
        return result
    }
}

extension [SliceTable] {
    /// The table for a prompt: that of the shortest length that is not shorter; nil where there is none.
    public func table(for tokens: Int) -> SliceTable? { filter { $0.promptTokens >= tokens }.min { $0.promptTokens < $1.promptTokens } }
}
