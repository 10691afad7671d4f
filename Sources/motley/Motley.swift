import ArgumentParser

/// `motley`: runs large language models over whatever hardware its owner has.
@main
struct Motley: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Runs large language models over whatever hardware its owner has.", subcommands: [ShowCommand.self, PlanCommand.self])
}
