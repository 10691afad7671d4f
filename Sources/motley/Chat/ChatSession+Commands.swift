import Engine
import JSON

extension ChatSession {
    private static let help = """
        /help              this list
        /clear             forget the conversation
        /system [TEXT]     set the system message; without TEXT: show it
        /set [NAME=VALUE]  temperature, top-k, top-p, min-p, repetition-penalty, frequency-penalty, presence-penalty, seed, max-tokens
        /history           show the conversation
        /save FILE         write the conversation as JSON
        /load FILE         read a conversation written by /save
        /stats             figures of the last reply
        /quit              end (also Ctrl-D)
        """

    /// Carries a command out; true: the chat is to end.
    func perform(_ line: String) throws -> Bool {
        let parts = line.dropFirst().split(separator: " ", maxSplits: 1).map(String.init)
        let name = parts.first ?? ""
        let argument = parts.count > 1 ? parts[1].trimmingSpaces() : ""
        do {
            switch name {
            case "help", "?": Console.error(Self.help)
            case "clear":
                conversation.clear()
                Console.error("the conversation is forgotten")
            case "system":
                if argument.isEmpty {
                    Console.error(conversation.system ?? "there is no system message")
                } else {
                    conversation.system = argument
                }
            case "set": try set(argument)
            case "history":
                for message in conversation.messages { Console.error("\(message.role): \(message.content)") }
            case "save": try save(argument)
            case "load": try load(argument)
            case "stats": Console.error(lastSummary?.figures(loadSeconds: loadSeconds) ?? "nothing was generated yet")
            case "quit", "exit", "q": return true
            default: Console.error("/\(name) is no command; /help lists them")
            }
        } catch let error as CommandError {
            Console.error("motley: error: \(error)")
        }
        return false
    }

    private func save(_ path: String) throws {
        guard !path.isEmpty else { throw CommandError("/save needs a file name") }
        try StandardInput.write(conversation.document.serialized(pretty: true) + "\n", to: path)
        Console.error("\(conversation.allMessages.count) messages written to \(path)")
    }

    private func load(_ path: String) throws {
        guard !path.isEmpty else { throw CommandError("/load needs a file name") }
        do {
            try conversation.read(JSON(parsing: StandardInput.file(path)))
        } catch let error as JSONError {
            throw CommandError("\(path): \(error)")
        } catch let error as ConversationError {
            throw CommandError("\(path): \(error)")
        }
        Console.error("\(conversation.messages.count) messages read from \(path)")
    }
}
