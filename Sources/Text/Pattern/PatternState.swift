/// The working memory of matching: reused from text to text, owned by one thread at a time.
struct PatternState {
    struct Resumption {
        var instruction: Int32
        /// For a greedy loop: the least position it can give back to; otherwise -1.
        var lowest: Int
        var position: Int
    }

    var stack: [Resumption] = []
    /// Work done on the current text: scalars scanned and resumptions taken.
    var steps = 0
    /// A bit per position and instruction that is known to lead nowhere. Empty until the work is out of proportion to the text.
    var failed: [UInt64] = []
    /// Of each possessive loop, the last run it scanned; used along with `failed`.
    var runs: [(start: Int, end: Int)] = []
    /// Whether the current text is matched with the memoised program.
    var isCareful = false

    mutating func begin() {
        steps = 0
        if isCareful {
            isCareful = false
            failed = []
            runs = []
        }
    }
}
