import ArgumentParser
import Foundation
import JSON
import Planning
import Plans

/// What `motley plan` and `motley simulate` are both given.
struct PlanningOptions: ParsableArguments {
    @Option(help: "A scenario: hardware, model, workload and objective in one JSON file.")
    var scenario: String?

    @Option(help: "A built-in model's name, a GGUF file or a Hugging Face directory.")
    var model: String?

    @Option(help: "A cluster file or a measured profile.")
    var hardware: String?

    @Option(help: "A workload: a JSON file, JSON itself, or a .csv of arrivals, prompt and output tokens.")
    var workload: String?

    @Option(help: "latency, ttft, throughput, cost, or JSON for slo.")
    var objective: String?

    @Option(help: "even, memory, flexgen, hetegen, hexgen, hpipe or auto.")
    var strategy = "auto"

    @Option(name: .customLong("pin"), help: "Keep layers on a device: 'layers 0-9 = gpu0'.")
    var pins: [String] = []

    @Option(name: .customLong("limit"), help: "At most so much of a memory: 'host=8GiB'.")
    var limits: [String] = []

    @Option(name: .customLong("exclude"), help: "Leave a device or machine out.")
    var excluded: [String] = []

    @Option(help: "Format of keys and values: 16bit, 8bit or 4bit.")
    var kv: String?

    @Option(help: "Format of the weights, for example q4_0.")
    var weights: String?

    @Option(help: "Seconds after which searches end with what they have.")
    var timeLimit = 20.0

    @Option(help: "Seed of searches and of sampled requests.")
    var seed: UInt64 = 1

    @Flag(help: "Print JSON only.")
    var json = false

    var chosenStrategy: Strategy {
        get throws {
            guard let known = Strategy(rawValue: strategy) else {
                throw FieldError(field: "--strategy", message: "expected \(Strategy.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return known
        }
    }

    /// Runs a command; what goes wrong is one line, or `{"error"}` with --json, and status 2 where nothing fits, else 1.
    func reporting(_ command: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as ExitCode {
            throw error
        } catch {
            let message = String(describing: error)
            if json {
                print(JSON.object(["error": .string(message)]).serialized())
            } else {
                FileHandle.standardError.write(Data("motley \(command): \(message)\n".utf8))
            }
            throw ExitCode(error is Planner.NothingFits ? 2 : 1)
        }
    }
}
