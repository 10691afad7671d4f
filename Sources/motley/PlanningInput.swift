import Checkpoints
import Foundation
import JSON
import Models
import Planning
import Plans

/// Reading what `motley plan` and `motley simulate` are given.
enum PlanningInput {
    static func scenario(_ command: PlanningOptions) throws -> Scenario {
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
            for (key, option) in [
                ("model", "--model"), ("hardware", "--hardware"), ("workload", "--workload"), ("objective", "--objective"),
            ]
            where !fields.contains(where: { $0.key == key }) {
                throw FieldError(field: option, message: "missing; give a --scenario, or --model, --hardware, --workload and --objective")
            }
        }
        var failure: (any Error)?
        var scenario = try Scenario(reading: FieldReader(.object(JSONObject(fields)))) { name in
            guard FileManager.default.fileExists(atPath: name) else { return nil }
            do {
                let checkpoint = try Checkpoint.open(path: name)
                var shape = ModelShape(try ModelSpec(checkpoint: checkpoint))
                shape.fingerprint = checkpoint.fingerprintText()
                return shape
            } catch {
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

    /// A plan: a file that `motley plan --output` wrote, or what `motley plan --json` printed.
    static func plan(_ path: String) throws -> Plan { try plan(in: parse(path)) }

    static func plan(in file: JSON) throws -> Plan {
        try Plan(reading: FieldReader(file["plan"] ?? file, path: file["plan"] == nil ? "" : "plan"))
    }

    /// A JSON file, or JSON itself where the text begins with a brace, or a trace's table.
    static func parse(_ text: String) throws -> JSON {
        if text.hasPrefix("{") { return try JSON(parsing: text) }
        if text.lowercased().hasSuffix(".csv") { return ["trace": .string(URL(fileURLWithPath: text).path)] }
        guard let data = FileManager.default.contents(atPath: text) else { throw FieldError(field: text, message: "cannot be read") }
        do { return try JSON(parsing: [UInt8](data)) } catch { throw FieldError(field: text, message: error.description) }
    }
}
