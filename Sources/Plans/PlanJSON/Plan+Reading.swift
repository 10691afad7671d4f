import JSON

extension Plan {
    /// Reads what `json` writes. Fields are checked one by one; whether shards cover modules and everything fits is `PlanCheck`'s question.
    ///
    /// - Throws: `FieldError` naming the field; for a plan of another version what to do.
    public init(reading field: FieldReader) throws(FieldError) {
        try Self.checkVersion(field)
        let field = try field.object(keys: ["version", "model", "profile", "machines", "devices", "memories", "replicas", "prediction"])
        var machines: [PlannedMachine] = []
        for entry in try field.required("machines", expected: "an array of machines").array() {
            machines.append(try PlannedMachine(reading: entry))
        }
        var devices: [PlannedDevice] = []
        for entry in try field.required("devices", expected: "an array of devices").array() {
            devices.append(try PlannedDevice(reading: entry))
        }
        var memories: [PlannedMemory] = []
        for entry in try field.required("memories", expected: "an array of memories").array() {
            memories.append(try PlannedMemory(reading: entry))
        }
        var replicas: [Replica] = []
        var budget = PlanLimits.placements
        for entry in try field.required("replicas", expected: "an array of replicas").array(limit: PlanLimits.replicas) {
            replicas.append(try Replica(reading: entry, budget: &budget))
        }
        self.init(
            model: try field.optional("model")?.string() ?? "", profile: try field.optional("profile")?.string() ?? "", machines: machines,
            devices: devices, memories: memories, replicas: replicas)
        if let prediction = field.optional("prediction") { self.prediction = try Prediction(reading: prediction) }
    }

    /// Before anything else is looked at: another version may have other fields.
    private static func checkVersion(_ field: FieldReader) throws(FieldError) {
        guard field.value.object != nil else { throw field.failure("expected a plan: an object with version \(currentVersion)") }
        let version = try field.required("version", expected: "\(currentVersion)")
        guard let number = version.value.int else {
            throw version.failure("expected a whole number; this program reads version \(currentVersion)")
        }
        guard number == currentVersion else {
            throw version.failure(
                "the plan is of format version \(number), this program reads version \(currentVersion); plan again: "
                    + "motley plan --model MODEL --hardware PROFILE --workload WORKLOAD --objective OBJECTIVE --output PLAN")
        }
    }
}

/// What a plan in a file may have at most: far above any real one, and little enough to read.
enum PlanLimits {
    static let id = 0...1_000_000
    static let count = 0...100_000_000
    static let bytes = 0...(1 << 56)
    static let replicas = 10_000
    static let stages = 10_000
    static let layers = 100_000
    static let shards = 10_000
    /// Modules, and layers of keys and values, of all stages together: layers placed alike are one entry of the file, but each its own in
    /// memory.
    static let placements = 1_000_000
    static let keyValueShares = 100_000
    static let streams = 1024
    static let sequences = 1 << 20
    static let stepsInFlight = 4096
    static let pools = 1024
    static let sliceTables = 10_000
    /// Ids of KV blocks are 32-bit.
    static let blocks = 0...Int(Int32.max)
    static let computers = 64
}

extension FieldReader {
    /// `[first, one past the last]`.
    func range() throws(FieldError) -> Range<Int> {
        let ends = try array(limit: 2)
        guard ends.count == 2 else { throw failure("expected [first, one past the last]") }
        let first = try ends[0].integer(in: PlanLimits.count)
        return first..<(try ends[1].integer(in: first...PlanLimits.count.upperBound))
    }

    func id(_ key: String) throws(FieldError) -> Int { try required(key, expected: "an id").integer(in: PlanLimits.id) }

    func count(_ key: String, from least: Int = 1) throws(FieldError) -> Int {
        try required(key, expected: "a count").integer(in: least...PlanLimits.count.upperBound)
    }

    /// One of an enumeration's names.
    func choice<Value: RawRepresentable & CaseIterable>(_ key: String, of type: Value.Type) throws(FieldError) -> Value
    where Value.RawValue == String {
        let names = type.allCases.map(\.rawValue).joined(separator: ", ")
        let field = try required(key, expected: "one of \(names)")
        guard let value = Value(rawValue: try field.string()) else { throw field.failure("expected one of \(names)") }
        return value
    }
}

extension PlannedMachine {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["id", "name"])
        self.init(id: MachineID(try field.id("id")), name: try field.required("name", expected: "the machine's name").string())
    }
}

extension PlannedDevice {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["id", "machine", "kind", "key", "name", "memory", "threads"])
        let key = try field.required("key", expected: "the device's key, for example gpu0").string()
        self.init(
            id: DeviceID(try field.id("id")), machine: MachineID(try field.id("machine")), kind: try field.choice("kind", of: Kind.self),
            key: key,
            name: try field.optional("name")?.string() ?? key, memory: MemoryID(try field.id("memory")),
            threads: try field.optional("threads")?.integer(in: 1...65536))
    }
}

extension PlannedMemory {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["id", "machine", "kind", "key", "name", "capacity"])
        let key = try field.required("key", expected: "the memory's key, for example host").string()
        self.init(
            id: MemoryID(try field.id("id")), machine: MachineID(try field.id("machine")), kind: try field.choice("kind", of: Kind.self),
            key: key,
            name: try field.optional("name")?.string() ?? key, capacity: try field.optional("capacity")?.integer(in: 0...Int.max))
    }
}

extension Replica {
    fileprivate init(reading field: FieldReader, budget: inout Int) throws(FieldError) {
        let field = try field.object(keys: ["schedule", "arithmetic", "stages", "boundaries"])
        let schedule = try ReplicaSchedule(reading: try field.required("schedule", expected: "a schedule"))
        let arithmetic = try field.choice("arithmetic", of: Arithmetic.self)
        var stages: [Stage] = []
        for entry in try field.required("stages", expected: "an array of stages").array(limit: PlanLimits.stages) {
            stages.append(try Stage(reading: entry, budget: &budget))
        }
        var boundaries: [Boundary] = []
        for entry in try field.optional("boundaries")?.array(limit: PlanLimits.stages) ?? [] {
            boundaries.append(try Boundary(reading: entry))
        }
        self.init(stages: stages, boundaries: boundaries, schedule: schedule, arithmetic: arithmetic)
    }
}

extension Boundary {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["sender", "receiver", "format", "payload"])
        var payload: [Payload] = []
        for entry in try field.required("payload", expected: "what crosses, for example [\"hidden\"]").array(limit: 8) {
            guard let known = Payload(rawValue: try entry.string()) else { throw entry.failure("expected hidden, tokens or auxiliary") }
            payload.append(known)
        }
        self.init(
            sender: DeviceID(try field.id("sender")), receiver: DeviceID(try field.id("receiver")),
            format: try field.choice("format", of: HiddenFormat.self), payload: payload)
    }
}
