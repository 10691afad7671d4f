import ArgumentParser

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

    /// Usage errors exit with 64 as ArgumentParser prints them; every other error is one line on standard error and status 1.
    static func main() {
        do {
            var command = try parseAsRoot()
            do {
                try command.run()
            } catch  where !(error is ExitCode) && exitCode(for: error) == .failure {
                Console.error("motley: error: " + Console.oneLine(String(describing: error)))
                Console.exit(1)
            }
        } catch {
            exit(withError: error)
        }
    }
}
