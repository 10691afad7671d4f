public import Checkpoints
import JSON

/// Reading of cluster files and measured profiles: one format, documented in docs/formats.md. A measured profile spells out what a cluster
/// file may abbreviate by a catalogue name. Machines of a cluster file: every pair has a link.
private let mostMachines = 1024

extension Profile {
    /// - Throws: `FieldError` naming the field and what was expected of it.
    public init(reading field: FieldReader) throws(FieldError) {
        let file = try field.object(keys: ["version", "name", "machines", "links"])
        if let version = file.optional("version") { _ = try version.integer(in: Self.currentVersion...Self.currentVersion) }
        name = try file.optional("name")?.string() ?? ""
        let described = try file.required("machines", expected: "an array of machines")
        machines = []
        for entry in try described.array(limit: mostMachines) {
            let (machine, count) = try MachineProfile.read(entry)
            for copy in 0..<count {
                var one = machine
                if count > 1 { one.name += "-\(copy)" }
                guard !machines.contains(where: { $0.name == one.name }) else {
                    throw entry.failure("a machine named \"\(one.name)\" is already there")
                }
                machines.append(one)
                guard machines.count <= mostMachines else { throw entry.failure("more than \(mostMachines) machines") }
            }
        }
        guard !machines.isEmpty else { throw described.failure("expected at least one machine") }
        network = NetworkProfile()
        if let links = file.optional("links") { network = try NetworkProfile(reading: links, machines: machines.map(\.name)) }
    }
}

extension NetworkProfile {
    /// `between` names machines, or the common beginning of several (`"iceland"` for `iceland-0`, `iceland-1`); later entries win.
    init(reading field: FieldReader, machines: [String]) throws(FieldError) {
        let field = try field.object(keys: ["default", "between"])
        self.init()
        if let standard = field.optional("default") { self.standard = try LinkProfile(reading: standard, extra: []) }
        guard let between = field.optional("between") else { return }
        for entry in try between.array() {
            let link = try LinkProfile(reading: entry, extra: ["machines"])
            let names = try entry.required("machines", expected: "the names of two machines")
            let pair = try names.array(limit: 2)
            guard pair.count == 2 else { throw names.failure("expected the names of two machines") }
            let ends = try pair.map { name throws(FieldError) -> [Int] in
                let text = try name.string()
                let found = machines.indices.filter { machines[$0] == text || machines[$0].hasPrefix(text + "-") }
                guard !found.isEmpty else {
                    throw name.failure("no machine is named \"\(text)\"; there are \(machines.prefix(12).joined(separator: ", "))")
                }
                return found
            }
            for a in ends[0] {
                for b in ends[1] where a != b { exceptions.append(Exception(first: a, second: b, link: link)) }
                guard exceptions.count <= 1_000_000 else { throw entry.failure("more than a million pairs") }
            }
        }
    }
}

extension LinkProfile {
    init(reading field: FieldReader, extra: [String]) throws(FieldError) {
        let field = try field.object(keys: ["bandwidth", "latency"] + extra)
        bytesPerSecond = try field.required("bandwidth", expected: "a bandwidth such as \"10Gbit/s\"").quantity(.bytesPerSecond)
        latency = try field.optional("latency")?.quantity(.seconds, in: 0...60) ?? 50e-6
    }
}

extension MachineProfile {
    static func read(_ field: FieldReader) throws(FieldError) -> (MachineProfile, count: Int) {
        let known = ["name", "count", "memory", "cpu", "devices", "disks", "price_per_hour", "step_overhead", "topology", "measured"]
        let field = try field.object(keys: known)
        let name = try field.required("name", expected: "the machine's name").string()
        let count = try field.optional("count")?.integer(in: 1...mostMachines) ?? 1
        var cpu: DeviceProfile?
        if let described = field.optional("cpu") {
            let (device, copies) = try DeviceProfile.read(described, kind: .cpu)
            cpu = device
            // Two sockets are one device with twice the rates: the engine's worker pool spans them.
            if copies > 1 { cpu = device.scaled(by: Double(copies)) }
        }
        let memoryField = try field.required("memory", expected: "{\"capacity\": \"64GiB\", \"bandwidth\": \"80GB/s\"}")
        let memory = try MemoryProfile(reading: memoryField, bandwidth: cpu?.readBytesPerSecond)
        if var device = cpu {
            device.readBytesPerSecond = min(device.readBytesPerSecond, memory.bytesPerSecond)
            cpu = device
        }
        var devices = cpu.map { [$0] } ?? []
        for entry in try field.optional("devices")?.array(limit: 1024) ?? [] {
            let (device, copies) = try DeviceProfile.read(entry, kind: .gpu)
            devices.append(contentsOf: repeatElement(device, count: copies))
            guard devices.count <= 1024 else { throw entry.failure("more than 1024 devices in one machine") }
        }
        let keys = devices.compactMap(\.key)
        guard Set(keys).count == keys.count else { throw field.failure("two of its devices have the same key") }
        let disks = try field.optional("disks")?.array(limit: 64).map { entry throws(FieldError) in try DiskProfile(reading: entry) } ?? []
        var machine = MachineProfile(
            name: name, memory: memory, devices: devices, disks: disks,
            pricePerHour: try field.optional("price_per_hour")?.number(in: 0...1e6),
            stepOverhead: try field.optional("step_overhead")?.quantity(.seconds, in: 0...10) ?? defaultStepOverhead)
        if let topology = field.optional("topology") { machine.topology = try MachineTopology(reading: topology) }
        if let measured = field.optional("measured") { machine.measurement = try MeasurementRecord(reading: measured) }
        return (machine, count)
    }
}

extension MemoryProfile {
    /// `bandwidth` stands in where the field has none; hosts without either read 20 GB/s.
    init(reading field: FieldReader, bandwidth: Double?) throws(FieldError) {
        let field = try field.object(keys: ["capacity", "bandwidth", "reserved", "by_threads"])
        capacity = Int(try field.required("capacity", expected: "a size such as \"64GiB\"").quantity(.bytes))
        bytesPerSecond = try field.optional("bandwidth")?.quantity(.bytesPerSecond) ?? bandwidth ?? 20e9
        reserved = Int(try field.optional("reserved")?.quantity(.bytes, in: 0...1.2e18) ?? 0)
        byThreads = try field.optional("by_threads").map { entry throws(FieldError) in try ThreadBandwidth.read(entry) } ?? []
        guard reserved < capacity else { throw field.failure("reserves \(reserved) bytes of \(capacity): nothing is left") }
    }
}

extension DiskProfile {
    init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["name", "capacity", "read", "write", "source"])
        name = try field.optional("name")?.string() ?? "disk"
        capacity = Int(try field.required("capacity", expected: "a size such as \"1TB\"").quantity(.bytes))
        readBytesPerSecond = try field.required("read", expected: "a bandwidth such as \"2GB/s\"").quantity(.bytesPerSecond)
        writeBytesPerSecond = try field.optional("write")?.quantity(.bytesPerSecond) ?? readBytesPerSecond / 2
        source = try field.optional("source")?.string() ?? ""
    }
}

extension DeviceProfile {
    /// A catalogue name, or an object with own figures over those of the catalogue device it names.
    static func read(_ field: FieldReader, kind: PlannedDevice.Kind) throws(FieldError) -> (DeviceProfile, count: Int) {
        if field.value.string != nil { return (try catalogue(field, kind: kind), 1) }
        let keys = [
            "device", "name", "key", "count", "memory", "bandwidth", "operations", "rates", "attention_operations", "attention_rates",
            "attention_bandwidth", "vector_rates", "link", "peer", "launch", "price_per_hour", "origin", "source",
        ]
        let field = try field.object(keys: keys)
        let count = try field.optional("count")?.integer(in: 1...1024) ?? 1
        var device: DeviceProfile
        if let name = field.optional("device") {
            device = try catalogue(name, kind: kind)
        } else {
            device = try plain(field, kind: kind)
        }
        if let name = field.optional("name") { device.name = try name.string() }
        if let key = field.optional("key") {
            let text = try key.string()
            guard !text.isEmpty, text.utf8.count <= 200 else { throw key.failure("expected an identity such as \"pci:0000:65:00.0\"") }
            guard count == 1 else { throw key.failure("one identity for \(count) devices") }
            device.key = text
        }
        if let memory = field.optional("memory") {
            guard kind == .gpu else { throw memory.failure("a CPU computes from its machine's memory: give the machine's `memory`") }
            var own = try MemoryProfile(reading: memory, bandwidth: device.readBytesPerSecond)
            if memory.optional("reserved") == nil { own.reserved = min(CatalogueDevice.reserved, own.capacity / 8) }
            device.memory = own
            device.readBytesPerSecond = own.bytesPerSecond
        }
        if let bandwidth = field.optional("bandwidth") { device.readBytesPerSecond = try bandwidth.quantity(.bytesPerSecond) }
        if let operations = field.optional("operations") {
            device.operations = try OperationRates(reading: operations)
            device.attentionOperations = device.operations.half * 0.5
        }
        if let attention = field.optional("attention_operations") {
            device.attentionOperations = try attention.quantity(.operationsPerSecond)
        }
        if let rates = field.optional("attention_rates") { device.attentionRates = try RateTable.readAttention(rates) }
        if let bandwidth = field.optional("attention_bandwidth") {
            device.attentionBytesPerSecond = try bandwidth.quantity(.bytesPerSecond)
        }
        if let rates = field.optional("vector_rates") { device.vectorRates = try RateTable(reading: rates, argument: "tokens") }
        if let rates = field.optional("rates") { device.rates = try RateTable.read(rates) }
        if let link = field.optional("link") {
            guard kind == .gpu else { throw link.failure("a CPU has no link to its own memory") }
            device.link = try DeviceLink(reading: link)
        }
        if let peer = field.optional("peer") { device.peer = try LinkProfile(reading: peer, extra: []) }
        if let launch = field.optional("launch") { device.launch = try launch.quantity(.seconds, in: 0...1) }
        device.pricePerHour = try field.optional("price_per_hour")?.number(in: 0...1e6)
        if let origin = field.optional("origin") {
            guard let known = Origin(rawValue: try origin.string()) else { throw origin.failure("expected measured or declared") }
            device.origin = known
        }
        if let source = field.optional("source") { device.source = try source.string() }
        return (device, count)
    }

    private static func catalogue(_ field: FieldReader, kind: PlannedDevice.Kind) throws(FieldError) -> DeviceProfile {
        let name = try field.string()
        guard let entry = CatalogueDevice.named(name), entry.kind == kind else {
            let known = CatalogueDevice.all.filter { $0.kind == kind }.map(\.name)
            throw field.failure(
                "no \(kind.rawValue) named \"\(name.prefix(60))\" in the catalogue; there are \(known.joined(separator: ", "))")
        }
        return entry.profile
    }

    private static func plain(_ field: FieldReader, kind: PlannedDevice.Kind) throws(FieldError) -> DeviceProfile {
        let operations = try OperationRates(
            reading: try field.required("operations", expected: "{\"f16\": \"60TFLOP/s\"}, or a catalogue name in `device`"))
        var bandwidth = try field.optional("bandwidth")?.quantity(.bytesPerSecond)
        if kind == .gpu {
            let memory = try field.required("memory", expected: "{\"capacity\": \"16GiB\", \"bandwidth\": \"300GB/s\"}")
            if bandwidth == nil {
                bandwidth = try memory.required("bandwidth", expected: "a bandwidth such as \"300GB/s\"").quantity(.bytesPerSecond)
            }
        }
        guard let bandwidth else {
            throw FieldError(field: field.path + ".bandwidth", message: "missing; expected a bandwidth such as \"80GB/s\"")
        }
        let link = CatalogueDevice.pcie4 * 1e9 * CatalogueDevice.attainableLink
        return DeviceProfile(
            name: try field.optional("name")?.string() ?? kind.rawValue, kind: kind, memory: nil,
            readBytesPerSecond: bandwidth,
            operations: operations, link: kind == .gpu ? DeviceLink(toDevice: link, fromDevice: link, latency: 10e-6) : nil,
            launch: kind == .cpu ? 2e-6 : 5e-6, source: "declared in this file")
    }

    /// Several sockets as one device.
    func scaled(by factor: Double) -> DeviceProfile {
        var device = self
        device.readBytesPerSecond *= factor
        device.attentionOperations *= factor
        device.operations = OperationRates(
            single: operations.single * factor, half: operations.half * factor, integer: operations.integer * factor)
        device.rates = rates.compactMapValues { $0.scaled(by: factor) }
        device.attentionRates = attentionRates.compactMapValues { $0.scaled(by: factor) }
        device.attentionBytesPerSecond = attentionBytesPerSecond.map { $0 * factor }
        device.vectorRates = vectorRates?.scaled(by: factor)
        return device
    }
}

extension OperationRates {
    init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["f32", "f16", "i8"])
        half = try field.required("f16", expected: "a rate such as \"60TFLOP/s\"").quantity(.operationsPerSecond)
        single = try field.optional("f32")?.quantity(.operationsPerSecond) ?? half / 2
        integer = try field.optional("i8")?.quantity(.operationsPerSecond) ?? half
    }
}

extension DeviceLink {
    init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["to_device", "from_device", "latency"])
        toDevice = try field.required("to_device", expected: "a bandwidth such as \"12GB/s\"").quantity(.bytesPerSecond)
        fromDevice = try field.optional("from_device")?.quantity(.bytesPerSecond) ?? toDevice
        latency = try field.optional("latency")?.quantity(.seconds, in: 0...1) ?? 10e-6
    }
}

extension RateTable {
    /// `{"q4_0": [[1, 4.0e10], [64, 6.0e11]]}`: operations per second by token count.
    static func read(_ field: FieldReader) throws(FieldError) -> [TensorFormat: RateTable] {
        guard let object = field.value.object else {
            throw field.failure("expected an object of formats, each with [[tokens, operations per second], ...]")
        }
        var tables: [TensorFormat: RateTable] = [:]
        for (key, value) in object {
            let entry = FieldReader(value, path: "\(field.path).\(key)")
            guard let format = TensorFormat(planName: key) else {
                throw entry.failure("unknown format; known: \(TensorFormat.allCases.map { $0.name.lowercased() }.joined(separator: ", "))")
            }
            let table = try RateTable(reading: entry, argument: "tokens")
            tables[format] = table
        }
        return tables
    }

    /// `{"f16": [[1, 2.0e10], [512, 2.0e11]]}`: operations per second by how many query rows share a key.
    static func readAttention(_ field: FieldReader) throws(FieldError) -> [KeyValueFormat: RateTable] {
        guard let object = field.value.object else {
            throw field.failure("expected an object of formats of the KV cache, each with [[rows, operations per second], ...]")
        }
        var tables: [KeyValueFormat: RateTable] = [:]
        for (key, value) in object {
            let entry = FieldReader(value, path: "\(field.path).\(key)")
            guard let format = KeyValueFormat(rawValue: key) else {
                throw entry.failure("unknown format; known: \(KeyValueFormat.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            tables[format] = try RateTable(reading: entry, argument: "rows")
        }
        return tables
    }

    init(reading field: FieldReader, argument: String) throws(FieldError) {
        let points = try field.array(limit: 64).map { pair throws(FieldError) -> Point in
            let both = try pair.array(limit: 2)
            guard both.count == 2 else { throw pair.failure("expected [\(argument), operations per second]") }
            return Point(tokens: try both[0].number(in: 1...1e7), operationsPerSecond: try both[1].quantity(.operationsPerSecond))
        }
        guard let table = RateTable(points: points) else { throw field.failure("expected at least one point, \(argument) ascending") }
        self = table
    }

    /// Rates of so many such devices as one.
    func scaled(by factor: Double) -> RateTable? {
        RateTable(points: points.map { Point(tokens: $0.tokens, operationsPerSecond: $0.operationsPerSecond * factor) })
    }
}

extension TensorFormat {
    /// `q4_0`, `F16`, `q4_k`: the format's name in any case.
    public init?(planName: String) {
        guard let found = TensorFormat.allCases.first(where: { $0.name.lowercased() == planName.lowercased() }) else { return nil }
        self = found
    }
}
