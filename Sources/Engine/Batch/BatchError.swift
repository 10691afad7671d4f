/// Why a batch is not begun, or not gone on with.
public enum BatchError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Lines of the input that cannot be batch lines; nothing was done. Every element is one complaint; `more` were left out.
    case badInput(file: String, complaints: [String], more: Int)
    /// Anything else that is refused before work: files that cannot be opened, an output of another input.
    case refused(String)
    /// The work cannot go on: a full disk, a broken executor. What is written is whole, and the batch can be gone on with.
    case interrupted(String)

    public var description: String {
        switch self {
        case .badInput(let file, let complaints, let more):
            "\(file): " + complaints.joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
        case .refused(let what), .interrupted(let what): what
        }
    }

    static func system(_ file: String, _ what: String, _ code: Int32) -> String { "\(file): \(what): \(SystemFile.message(code))" }
}
