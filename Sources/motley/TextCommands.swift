import ArgumentParser
import Engine
import JSON

/// `motley tokenize`: text on standard input to token ids.
struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Turns text on standard input into token ids.",
        discussion: "The model may be a vocabulary-only GGUF or a directory with only tokenizer files.")

    @OptionGroup var modelPath: ModelPathOptions

    @Flag(help: "Add no special tokens around the text.")
    var noSpecial = false

    @Flag(help: "Print JSON only.")
    var json = false

    func run() throws {
        let text = try ModelText(path: modelPath.path())
        text.prepare()
        let tokens = try text.encode(try StandardInput.text(), addsSpecial: !noSpecial)
        let list = tokens.map { String($0) }.joined(separator: ",")
        Console.outputLine(json ? "{\"tokens\":[\(list)]}" : list)
    }
}

/// `motley detokenize`: token ids to text.
struct DetokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "detokenize", abstract: "Turns token ids into text.")

    @OptionGroup var modelPath: ModelPathOptions

    @Option(help: "Token ids, separated by commas.")
    var tokens: TokenList

    @Flag(help: "Leave special tokens out.")
    var skipSpecial = false

    @Flag(help: "Print JSON only.")
    var json = false

    func run() throws {
        let text = try ModelText(path: modelPath.path())
        let decoded = try text.decode(tokens.tokens, keepsSpecial: !skipSpecial)
        Console.outputLine(json ? JSON.object(JSONObject([(key: "text", value: .string(decoded))])).serialized() : decoded)
    }
}

/// `motley chat-template`: the text a conversation becomes.
struct ChatTemplateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat-template", abstract: "Shows the text that a model's chat template makes of a conversation.",
        discussion: "Standard input: {\"messages\":[...],\"add_generation_prompt\":true,\"tools\":[...]}.")

    @OptionGroup var modelPath: ModelPathOptions

    @Flag(help: "Print JSON only.")
    var json = false

    func run() throws {
        let text = try ModelText(path: modelPath.path())
        let input: JSON
        do {
            input = try JSON(parsing: try StandardInput.bytes())
        } catch let error as JSONError {
            throw CommandError("standard input: \(error)")
        }
        guard let variables = input.object, input["messages"]?.array != nil else {
            throw CommandError("standard input must hold an object with a list 'messages'")
        }
        let rendered = try text.render(variables)
        Console.outputLine(json ? JSON.object(JSONObject([(key: "text", value: .string(rendered))])).serialized() : rendered)
    }
}
