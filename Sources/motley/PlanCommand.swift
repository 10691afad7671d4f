import ArgumentParser
import Checkpoints
import Foundation
import JSON
import Models
import Planning
import Plans

/// `motley plan`: the best plan for a model, hardware, a workload and an objective, with its prediction. Nothing of the hardware need be there.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Plans where a model's weights, KV cache and work go, and predicts speed and memory.")

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

    @Flag(help: "Say what runs where, what a step is made of, and what else was considered.")
    var explain = false

    @Flag(help: "List what one more device, more memory, a faster link or disk would gain.")
    var whatIf = false

    @Option(help: "Write a picture of the plan and of a step's time line.")
    var svg: String?

    @Option(help: "Write the plan alone to a file.")
    var output: String?

    func run() throws {
        do {
            try plan()
        } catch let error as ExitCode {
            throw error
        } catch {
            try fail(String(describing: error), status: error is Planner.NothingFits ? 2 : 1)
        }
    }

    private func fail(_ message: String, status: Int32) throws {
        if json {
            print(JSON.object(["error": .string(message)]).serialized())
        } else {
            FileHandle.standardError.write(Data("motley plan: \(message)\n".utf8))
        }
        throw ExitCode(status)
    }

    private func plan() throws {
        guard let strategy = Strategy(rawValue: strategy) else {
            throw FieldError(field: "--strategy", message: "expected \(Strategy.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let scenario = try PlanningInput.scenario(self)
        let problem = try Problem(scenario, seed: seed)
        let result = try Planner(problem).plan(strategy, timeLimit: timeLimit)
        if let output { try Data((result.best.plan.json.serialized(pretty: true) + "\n").utf8).write(to: URL(fileURLWithPath: output)) }
        if let svg { try Data(Picture(result, of: problem).svg.utf8).write(to: URL(fileURLWithPath: svg)) }
        if json {
            print(result.json.serialized())
            return
        }
        let explanation = Explanation(result, of: problem)
        print(explain ? explanation.text : explanation.headline, terminator: explain ? "" : "\n")
        if whatIf { print(WhatIf.table(WhatIf(scenario, strategy: strategy, seed: seed).lines(baseline: result, timeLimit: timeLimit))) }
        print("planned in \(String(format: "%.2f", result.planningSeconds)) s")
    }
}

/// Reading what `motley plan` and `motley simulate` are given.
enum PlanningInput {
    static func scenario(_ command: PlanCommand) throws -> Scenario {
        var fields: [JSONObject.Element] = []
        if let path = command.scenario {
            let file = try parse(path)
            guard let object = file.object else { throw FieldError(field: path, message: "expected an object: a scenario") }
            fields = object.map { ($0.key, $0.value) }
        }
        func set(_ key: String, _ value: JSON) {
            fields.removeAll { $0.key == key }
            fields.append((key, value))
        }
        if let path = command.hardware { set("hardware", try parse(path)) }
        if let workload = command.workload { set("workload", try parse(workload)) }
        if let objective = command.objective {
            set("objective", objective.hasPrefix("{") || objective.hasSuffix(".json") ? try parse(objective) : .string(objective))
        }
        if let workload = fields.first(where: { $0.key == "workload" })?.value {
            set("workload", try withTrace(workload, beside: command.workload == nil ? command.scenario : command.workload))
        }
        if let name = command.model {
            set("model", command.weights.map { ["name": .string(name), "format": .string($0)] } ?? .string(name))
        } else if let format = command.weights, let given = fields.first(where: { $0.key == "model" })?.value {
            set("model", ["name": given["name"] ?? given, "format": .string(format)])
        }
        if command.scenario == nil {
            for (key, option) in [("model", "--model"), ("hardware", "--hardware"), ("workload", "--workload"), ("objective", "--objective")]
            where !fields.contains(where: { $0.key == key }) {
                throw FieldError(field: option, message: "missing; give a --scenario, or --model, --hardware, --workload and --objective")
            }
        }
        var failure: (any Error)?
        var scenario = try Scenario(reading: FieldReader(.object(JSONObject(fields)))) { name in
            guard FileManager.default.fileExists(atPath: name) else { return nil }
            do { return ModelShape(try ModelSpec(checkpoint: Checkpoint.open(path: name))) } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
        for pin in command.pins { try scenario.constraints.pin(pin) }
        for limit in command.limits { try scenario.constraints.limit(limit) }
        scenario.constraints.excluded += command.excluded
        if let kv = command.kv { try scenario.constraints.keyValue(kv) }
        return scenario
    }

    /// A workload whose `trace` names a file (a table, see `TraceFile`; relative to the file that names it) gets the file's requests.
    private static func withTrace(_ workload: JSON, beside file: String?) throws -> JSON {
        guard let object = workload.object, let name = workload["trace"]?.string else { return workload }
        let folder = file.flatMap { $0.hasPrefix("{") ? nil : URL(fileURLWithPath: $0).deletingLastPathComponent() }
        let path = URL(fileURLWithPath: name, relativeTo: folder).path
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FieldError(field: "workload.trace", message: "\(path) cannot be read")
        }
        let trace = try TraceFile.json(String(decoding: data, as: UTF8.self), name: path)
        return .object(JSONObject(object.map { ($0.key, $0.key == "trace" ? trace : $0.value) }))
    }

    /// A JSON file, or JSON itself where the text begins with a brace, or a trace's table.
    private static func parse(_ text: String) throws -> JSON {
        if text.hasPrefix("{") { return try JSON(parsing: text) }
        if text.lowercased().hasSuffix(".csv") { return ["trace": .string(URL(fileURLWithPath: text).path)] }
        guard let data = FileManager.default.contents(atPath: text) else { throw FieldError(field: text, message: "cannot be read") }
        do { return try JSON(parsing: [UInt8](data)) } catch { throw FieldError(field: text, message: error.description) }
    }
}
