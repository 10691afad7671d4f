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

    /// Tokens of KV cache with which so many lines of usual length can run at once, and one of `context` tokens, the most that any may have.
    public func cacheTokens(sequences: Int, context: Int) -> Int {
        guard count > 0 else { return context }
        let usual = min(context, (bytes / Self.bytesPerToken + maximumTokens) / count + 1)
        return max(context, usual * min(sequences, count))
    }
}
