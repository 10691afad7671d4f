/// What the lines of a batch need of a KV cache, guessed from their lengths before any is tokenized.
public struct BatchNeed: Sendable, Equatable {
    /// The most tokens a line can have, prompt and reply: no token has less than a byte, and a line holds more than its prompt. Where a line
    /// does not say how long its reply may be, that is not in it.
    public private(set) var longest = 0
    private var bytes = 0
    private var maximumTokens = 0
    private var count = 0

    /// Bytes that a token has in most texts, roughly: fewer than it has, so that more room is made than needed.
    private static let bytesPerToken = 3
    /// Most tokens of a reply that anybody believes in.
    private static let mostTokens = 1 << 24
    /// Tokens of a reply of a line that does not say.
    private static let usualReply = 512

    mutating func add(bytes: Int, maximumTokens: Int?) {
        let reply = min(maximumTokens ?? 0, Self.mostTokens)
        longest = max(longest, bytes + reply)
        self.bytes += bytes
        self.maximumTokens += maximumTokens == nil ? Self.usualReply : reply
        count += 1
    }

    /// Tokens of a usual line's prompt and reply.
    public var usual: (prompt: Int, reply: Int) {
        (max(1, bytes / Self.bytesPerToken / max(1, count)), max(1, maximumTokens / max(1, count)))
    }

    /// What a plan is made for that is to run so many lines at once, none with more tokens than `context`: usual lines, and room in all for
    /// the longest.
    public func planned(sequences: Int, context: Int) -> (prompt: Int, reply: Int) {
        let (prompt, reply) = usual, share = (min(longest, context) + sequences - 1) / max(1, sequences)
        return (min(max(prompt, share), max(1, context - 1)), min(reply, context))
    }

    /// Tokens of KV cache with which so many lines of usual length can run at once, and one of `context` tokens, the most that any may have.
    public func cacheTokens(sequences: Int, context: Int) -> Int {
        let (prompt, reply) = usual
        return max(context, min(context, prompt + reply + 1) * min(sequences, count))
    }
}
