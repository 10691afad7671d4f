import ArgumentParser
import Foundation
import JSON
import Planning
import Plans

/// `motley reproduce`: the papers' experiments under our cost model, as docs/reproduction.md.
struct ReproduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reproduce", abstract: "Writes what the cost model says of the four papers' experiments.", shouldDisplay: false)

    @Option(help: "The folder with the scenarios.")
    var scenarios = "Scenarios"

    @Option(help: "The page to write.")
    var output = "docs/reproduction.md"

    func run() throws {
        let page = try Reproduction { name in
            let path = "\(scenarios)/\(name).json"
            guard let data = FileManager.default.contents(atPath: path) else { throw FieldError(field: path, message: "cannot be read") }
            return try Scenario(reading: FieldReader(JSON(parsing: [UInt8](data))))
        }.page()
        try Data(page.utf8).write(to: URL(fileURLWithPath: output))
        print("wrote \(output)")
    }
}
