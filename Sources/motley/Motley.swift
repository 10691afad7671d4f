import ArgumentParser
import Devices
import Engine
import JSON

/// `motley`: runs large language models over whatever hardware its owner has.
@main
struct Motley: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "motley", abstract: "Runs large language models over whatever hardware its owner has.",
        subcommands: [
            RunCommand.self, BatchCommand.self, BenchCommand.self, PerplexityCommand.self, TokenizeCommand.self, DetokenizeCommand.self,
            ChatTemplateCommand.self,
            ShowCommand.self, ProfileCommand.self, PlanCommand.self, SimulateCommand.self, ReproduceCommand.self,
        ])

    static func doesNotFit(_ error: any Error) -> Bool {
        switch error {
        case LoadError.doesNotFit, LoadError.nothingFits: true
        default: error is MemoryError
        }
    }

    /// Usage errors exit with 64 as ArgumentParser prints them; every other error is one line on standard error and status 1.
    /// What does not fit into the memory there is has status 2, and with --json an object with the reason on standard output.
    static func main() {
        do {
            var command = try parseAsRoot()
            do {
                try command.run()
            } catch  where !(error is ExitCode) && exitCode(for: error) == .failure {
                let message = Console.oneLine(String(describing: error))
                Console.error("motley: error: " + message)
                guard doesNotFit(error) else { Console.exit(1) }
                if CommandLine.arguments.contains("--json") { Console.outputLine(JSON.object(["error": .string(message)]).serialized()) }
                Console.exit(2)
            }
        } catch {
            exit(withError: error)
        }
    }
}
