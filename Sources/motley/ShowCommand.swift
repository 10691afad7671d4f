import ArgumentParser
import Checkpoints
import JSON
import Models

/// `motley show`: what a checkpoint holds, from its header alone.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows what a checkpoint holds: architecture, sizes, formats, tensors.")

    @Option(help: "A GGUF file or a Hugging Face directory.")
    var model: String

    @Flag(help: "List every tensor.")
    var tensors = false

    @Flag(help: "Print JSON only.")
    var json = false

    func run() throws {
        let report = try CheckpointReport(checkpoint: Checkpoint.open(path: model))
        if json {
            print(report.json(listingTensors: tensors).serialized(pretty: true))
        } else {
            print(report.text(listingTensors: tensors), terminator: "")
        }
    }
}
