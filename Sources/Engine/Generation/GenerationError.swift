/// Why a request cannot be, or was not, carried out.
public enum GenerationError: Error, Sendable, Equatable, CustomStringConvertible {
    case invalidParameter(String)
    /// A token id outside the vocabulary: which, and at what position of the prompt and what follows it.
    case invalidToken(id: Int, position: Int, vocabularySize: Int)
    case emptyPrompt
    /// Prompt and wanted tokens exceed the context, all in tokens.
    case promptTooLong(prompt: Int, context: Int, modelContext: Int)
    /// The logits hold no finite value.
    case brokenLogits
    /// The executor failed in a step.
    case execution(String)
    case stopped

    public var description: String {
        switch self {
        case .invalidParameter(let what): what
        case .invalidToken(let id, let position, let vocabularySize):
            "token \(id) at position \(position) is not in the vocabulary (0 to \(vocabularySize - 1))"
        case .emptyPrompt: "the prompt is empty: at least one token is needed"
        case .promptTooLong(let prompt, let context, let modelContext):
            context < modelContext
                ? "the prompt has \(prompt) tokens, which leaves no room in a context of \(context); "
                    + "the model allows --context up to \(modelContext)"
                : "the prompt has \(prompt) tokens, which leaves no room in the model's context of \(modelContext)"
        case .brokenLogits: "the model computed no finite logits: its weights or the prompt are broken"
        case .execution(let what): what
        case .stopped: "the engine was stopped"
        }
    }
}
