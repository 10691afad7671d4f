extension Model {
    /// Tokens of context that are loaded at least, where the model allows and nothing was asked for: room for a reply.
    static let leastContext = 4096

    /// Tokens of context for a conversation whose length nobody knows.
    public static let conversationContext = 8192

    /// How much context to load, in tokens: what was asked for, or room for `needed` tokens and for `leastContext`, up to the model's own.
    public func contextLength(asked: Int?, needed: Int) throws(LoadError) -> Int {
        guard let asked else { return min(contextLength, max(Self.leastContext, needed)) }
        guard asked <= contextLength else {
            throw .invalidOption("--context \(asked): the model allows at most \(contextLength) tokens")
        }
        return asked
    }
}
