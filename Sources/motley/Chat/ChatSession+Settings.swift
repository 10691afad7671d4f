import Engine
import Models

extension ChatSession {
    /// `/set NAME=VALUE`; shows the settings without one.
    func set(_ argument: String) throws {
        let parts = argument.split(separator: "=", maxSplits: 1).map { String($0).trimmingSpaces() }
        guard parts.count == 2 else {
            Console.error(conversation.settings.text)
            return
        }
        var sampling = conversation.settings.sampling
        func number() throws -> Double {
            guard let value = Double(parts[1]) else { throw CommandError("'\(parts[1])' is no number") }
            return value
        }
        func integer() throws -> Int {
            guard let value = Int(parts[1]) else { throw CommandError("'\(parts[1])' is no whole number") }
            return value
        }
        switch String(parts[0].map { $0 == "_" ? "-" : $0 }) {
        case "temperature": sampling.temperature = try number()
        case "top-k": sampling.topK = try integer()
        case "top-p": sampling.topP = try number()
        case "min-p": sampling.minP = try number()
        case "repetition-penalty": sampling.repetitionPenalty = try number()
        case "frequency-penalty": sampling.frequencyPenalty = try number()
        case "presence-penalty": sampling.presencePenalty = try number()
        case "seed": sampling.seed = UInt64(bitPattern: Int64(try integer()))
        case "max-tokens":
            let value = try integer()
            guard value >= 1 else { throw CommandError("max-tokens must be at least 1") }
            conversation.settings.maximumTokens = value
        default: throw CommandError("'\(parts[0])' is no setting; /help lists them")
        }
        do {
            try sampling.validate(vocabularySize: conversation.model.spec.vocabularySize)
        } catch {
            throw CommandError(error.description)
        }
        conversation.settings.sampling = sampling
    }
}

extension GenerationSettings {
    /// The settings as `/set` shows them.
    fileprivate var text: String {
        "temperature=\(sampling.temperature) top-k=\(sampling.topK) top-p=\(sampling.topP) min-p=\(sampling.minP) "
            + "repetition-penalty=\(sampling.repetitionPenalty) frequency-penalty=\(sampling.frequencyPenalty) "
            + "presence-penalty=\(sampling.presencePenalty) seed=\(sampling.seed.map { String($0) } ?? "random") "
            + "max-tokens=\(maximumTokens.map { String($0) } ?? "unlimited")"
    }
}
