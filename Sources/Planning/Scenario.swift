import Checkpoints
import JSON
public import Models
public import Plans

/// Hardware, model, workload and objective in one file: docs/formats.md.
public struct Scenario: Sendable {
    public static let currentVersion = 1

    public var name: String
    public var note: String
    public var hardware: Profile
    public var model: ModelShape
    public var workload: Workload
    public var objective: Objective
    public var constraints: Constraints
    /// Devices that fail while the workload is simulated; planning knows nothing of them.
    public var failures: [DeviceFailure] = []

    public init(
        name: String = "", note: String = "", hardware: Profile, model: ModelShape, workload: Workload, objective: Objective,
        constraints: Constraints = Constraints()
    ) {
        self.name = name
        self.note = note
        self.hardware = hardware
        self.model = model
        self.workload = workload
        self.objective = objective
        self.constraints = constraints
    }

    /// - Parameter shape: looks a model name up that is not built in (a checkpoint's path).
    public init(reading field: FieldReader, shape: (String) -> ModelShape? = { _ in nil }) throws(FieldError) {
        let field = try field.object(keys: [
            "version", "name", "note", "hardware", "model", "workload", "objective", "constraints", "failures",
        ])
        if let version = field.optional("version") { _ = try version.integer(in: Self.currentVersion...Self.currentVersion) }
        name = try field.optional("name")?.string() ?? ""
        note = try field.optional("note")?.string() ?? ""
        hardware = try Profile(reading: try field.required("hardware", expected: "a cluster: {\"machines\": [...]}"))
        model = try Self.model(try field.required("model", expected: "a built-in model's name"), shape: shape)
        workload = try Workload(reading: try field.required("workload", expected: "{\"prompt_tokens\": ..., \"output_tokens\": ...}"))
        objective = try Objective(reading: try field.required("objective", expected: "latency, ttft, throughput, slo or cost"))
        constraints = Constraints()
        for entry in try field.optional("constraints")?.array(limit: 1000) ?? [] {
            do throws(ConstraintError) {
                try constraints.add(try entry.stringForConstraint())
            } catch { throw entry.failure(error.description) }
        }
        let numbered = Hardware(hardware)
        for entry in try field.optional("failures")?.array(limit: 1000) ?? [] {
            let failure = try DeviceFailure(reading: entry)
            do throws(ConstraintError) {
                try failure.check(numbered)
            } catch { throw FieldError(field: entry.path + ".device", message: error.message) }
            failures.append(failure)
        }
    }

    /// `"OPT-30B"` or `{"name": "OPT-30B", "format": "q4_0"}`.
    static func model(_ field: FieldReader, shape: (String) -> ModelShape?) throws(FieldError) -> ModelShape {
        let described = field.value.object == nil ? nil : try field.object(keys: ["name", "format"])
        let nameField = try described?.required("name", expected: "a built-in model's name") ?? field
        let name = try nameField.string()
        guard var found = BuiltInModels.named(name) ?? shape(name) else {
            throw nameField.failure(
                "\"\(name.prefix(80))\" is no checkpoint and no built-in model; built in: "
                    + "\(BuiltInModels.all.map(\.name).joined(separator: ", "))"
            )
        }
        if let format = described?.optional("format") {
            guard let known = TensorFormat(planName: try format.string()) else {
                throw format.failure("unknown format; for example f16, q8_0, q4_0")
            }
            found = found.stored(in: known)
        }
        return found
    }
}

extension FieldReader {
    func stringForConstraint() throws(ConstraintError) -> String {
        guard let text = value.string else { throw ConstraintError(message: "expected a string such as \"exclude gpu1\"") }
        return text
    }
}
