/// What the scheduler knows of a request: tokens in, and how many may come out.
public struct SequenceRequest: Sendable {
    public var prompt: [Int32]
    /// Tokens generated already, here or elsewhere: they are computed like the prompt, but where prompts are cut depends on the prompt's
    /// length alone.
    public var generated: [Int32]
    /// Most tokens to generate, `generated` among them; 0 for a prompt that is only scored.
    public var maximumTokens: Int
    /// First position whose logits are wanted; nil: the last one alone. The logits at position p judge the token at p + 1.
    public var logitsFrom: Int?

    public init(prompt: [Int32], generated: [Int32] = [], maximumTokens: Int, logitsFrom: Int? = nil) {
        self.prompt = prompt
        self.generated = generated
        self.maximumTokens = maximumTokens
        self.logitsFrom = logitsFrom
    }
}

/// Names a submitted request; ascending in order of arrival.
public struct RequestID: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public init(_ value: Int) { rawValue = value }
    public static func < (left: RequestID, right: RequestID) -> Bool { left.rawValue < right.rawValue }
}

/// Why a request cannot be scheduled at all.
public enum SchedulingError: Error, Equatable, Sendable, CustomStringConvertible {
    case emptyPrompt
    /// Even alone the request does not fit into the KV cache (tokens).
    case tooLong(tokens: Int, capacity: Int)

    public var description: String {
        switch self {
        case .emptyPrompt: "the prompt is empty: at least one token is needed"
        case .tooLong(let tokens, let capacity):
            "prompt and tokens to generate need room for \(tokens) tokens, the key/value cache has room for \(capacity)"
        }
    }
}
