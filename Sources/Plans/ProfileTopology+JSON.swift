import JSON

extension MachineTopology {
    init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: [
            "processor", "sockets", "cores", "threads", "usable_cores", "usable_threads", "processor_limit", "caches", "nodes",
            "memory_total",
            "memory_available", "memory_limit",
        ])
        let counts = 1...1_000_000
        processor = try field.optional("processor")?.string() ?? ""
        threads = try field.required("threads", expected: "how many hardware threads there are").integer(in: counts)
        cores = try field.optional("cores")?.integer(in: counts) ?? threads
        sockets = try field.optional("sockets")?.integer(in: counts) ?? 1
        usableThreads = try field.optional("usable_threads")?.integer(in: counts) ?? threads
        usableCores = try field.optional("usable_cores")?.integer(in: counts) ?? min(cores, usableThreads)
        processorLimit = try field.optional("processor_limit")?.number(in: 0.001...1e6)
        caches = try field.optional("caches")?.array(limit: 64).map { entry throws(FieldError) in try Cache(reading: entry) } ?? []
        nodes = try field.optional("nodes")?.array(limit: 4096).map { entry throws(FieldError) in try Node(reading: entry) } ?? []
        memoryTotal = Int(try field.required("memory_total", expected: "a size such as \"64GiB\"").quantity(.bytes))
        memoryAvailable = Int(try field.optional("memory_available")?.quantity(.bytes, in: 0...1.2e18) ?? Double(memoryTotal))
        memoryLimit = try field.optional("memory_limit").map { entry throws(FieldError) in Int(try entry.quantity(.bytes)) }
    }

    var json: JSON {
        var fields: [JSONObject.Element] = [
            ("processor", .string(processor)), ("sockets", .integer(sockets)), ("cores", .integer(cores)), ("threads", .integer(threads)),
            ("usable_cores", .integer(usableCores)), ("usable_threads", .integer(usableThreads)),
        ]
        if let processorLimit { fields.append(("processor_limit", .number(processorLimit))) }
        let caches = caches.map { cache -> JSON in
            [
                "level": .integer(cache.level), "kind": .string(cache.kind.rawValue), "bytes": .integer(cache.bytes),
                "instances": .integer(cache.instances),
            ]
        }
        fields += [
            ("caches", .array(caches)), ("nodes", .array(nodes.map { ["threads": .integer($0.threads), "memory": .integer($0.memory)] })),
            ("memory_total", .integer(memoryTotal)), ("memory_available", .integer(memoryAvailable)),
        ]
        if let memoryLimit { fields.append(("memory_limit", .integer(memoryLimit))) }
        return .object(JSONObject(fields))
    }
}

extension MachineTopology.Cache {
    init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["level", "kind", "bytes", "instances"])
        level = try field.required("level", expected: "1, 2, 3 or 4").integer(in: 1...8)
        let name = field.optional("kind")
        let text = try name?.string() ?? Kind.unified.rawValue
        guard let known = Kind(rawValue: text) else { throw (name ?? field).failure("expected data, instruction or unified") }
        kind = known
        bytes = Int(try field.required("bytes", expected: "a size such as \"32KiB\"").quantity(.bytes))
        instances = try field.optional("instances")?.integer(in: 1...1_000_000) ?? 1
    }
}

extension MachineTopology.Node {
    init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["threads", "memory"])
        threads = try field.required("threads", expected: "how many hardware threads the node has").integer(in: 0...1_000_000)
        memory = Int(try field.required("memory", expected: "a size such as \"64GiB\"").quantity(.bytes, in: 0...1.2e18))
    }
}

extension MeasurementRecord {
    init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["date", "program", "seconds", "threads", "instruction_set", "unmeasured", "notes"])
        func texts(_ key: String) throws(FieldError) -> [String] {
            try field.optional(key)?.array(limit: 1024).map { entry throws(FieldError) in try entry.string() } ?? []
        }
        date = try field.optional("date")?.string() ?? ""
        program = try field.optional("program")?.string() ?? ""
        seconds = try field.optional("seconds")?.quantity(.seconds) ?? 0
        threads = try field.optional("threads")?.integer(in: 1...1_000_000) ?? 1
        instructionSet = try field.optional("instruction_set")?.string() ?? ""
        unmeasured = try texts("unmeasured")
        notes = try texts("notes")
    }

    var json: JSON {
        [
            "date": .string(date), "program": .string(program), "seconds": .number(seconds), "threads": .integer(threads),
            "instruction_set": .string(instructionSet), "unmeasured": .array(unmeasured.map { .string($0) }),
            "notes": .array(notes.map { .string($0) }),
        ]
    }
}

extension ThreadBandwidth {
    /// `[[1, 1.5e10], [2, "28GB/s"]]`, thread counts ascending.
    static func read(_ field: FieldReader) throws(FieldError) -> [ThreadBandwidth] {
        let points = try field.array(limit: 1024).map { pair throws(FieldError) -> ThreadBandwidth in
            let both = try pair.array(limit: 2)
            guard both.count == 2 else { throw pair.failure("expected [threads, bytes per second]") }
            return ThreadBandwidth(threads: try both[0].integer(in: 1...1_000_000), bytesPerSecond: try both[1].quantity(.bytesPerSecond))
        }
        guard zip(points, points.dropFirst()).allSatisfy({ $0.threads < $1.threads }) else {
            throw field.failure("expected thread counts ascending")
        }
        return points
    }
}
