/// One instruction of a compiled pattern. `a` and `b` are places in the program, or counts.
struct PatternInstruction: Sendable {
    enum Operation: UInt8, Sendable {
        /// One scalar of the set.
        case set
        /// From `a` to `b` scalars of the set, as many as there are, never fewer afterwards.
        case loopPossessive
        /// The same, giving back one at a time when what follows fails.
        case loopGreedy
        /// Try `a`, then `b`.
        case split
        case jump
        /// The next scalar is (or, if `negative`, is not) in the set; at the end of the text it is not.
        case peekAhead
        /// As `peekAhead` for the scalar before.
        case peekBehind
        /// The program from here to its `match` matches (or not) here; goes on at `a`.
        case lookAhead
        case textStart, textEnd, textEndOrLastLine, lineStart, lineEnd, wordBoundary, notWordBoundary
        case match
    }

    var operation: Operation
    var negative = false
    /// The number of a set.
    var set: Int32 = 0
    var a: Int32 = 0
    var b: Int32 = 0
}
