import Checkpoints
import JSON

extension Plan {
    /// Reads what `json` writes. Checks fields one by one; whether shards cover modules is the reader's next question (`PlanCheck`, the executor).
    ///
    /// - Throws: `FieldError` naming the field.
    public init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["version", "model", "profile", "devices", "memories", "replicas", "prediction"])
        let version = try field.required("version", expected: "\(Self.currentVersion)").integer(in: Self.currentVersion...Self.currentVersion)
        var devices: [PlannedDevice] = []
        for entry in try field.required("devices", expected: "an array of devices").array(limit: 100_000) {
            devices.append(try PlannedDevice(reading: entry))
        }
        var memories: [PlannedMemory] = []
        for entry in try field.required("memories", expected: "an array of memories").array(limit: 100_000) {
            memories.append(try PlannedMemory(reading: entry))
        }
        var replicas: [Replica] = []
        for entry in try field.required("replicas", expected: "an array of replicas").array(limit: 10_000) {
            replicas.append(try Replica(reading: entry))
        }
        self.init(
            version: version, model: try field.optional("model")?.string() ?? "", profile: try field.optional("profile")?.string() ?? "",
            devices: devices,
            memories: memories, replicas: replicas, prediction: nil)
        if let prediction = field.optional("prediction") { self.prediction = try Prediction(reading: prediction) }
    }
}

/// Ids and counts in files.
private let anyID = 0...1_000_000
private let anyCount = 0...100_000_000

extension FieldReader {
    fileprivate func range() throws(FieldError) -> Range<Int> {
        let ends = try array(limit: 2)
        guard ends.count == 2 else { throw failure("expected [first, one past the last]") }
        let first = try ends[0].integer(in: anyCount)
        return first..<(try ends[1].integer(in: first...anyCount.upperBound))
    }

    fileprivate func id(_ key: String) throws(FieldError) -> Int { try required(key, expected: "an id").integer(in: anyID) }
}

extension PlannedDevice {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["id", "machine", "kind", "name", "threads"])
        let kindField = try field.required("kind", expected: "cpu or gpu")
        guard let kind = Kind(rawValue: try kindField.string()) else { throw kindField.failure("expected cpu or gpu") }
        self.init(
            id: DeviceID(try field.id("id")), machine: MachineID(try field.id("machine")), kind: kind,
            name: try field.optional("name")?.string() ?? kind.rawValue, threads: try field.optional("threads")?.integer(in: 1...65536))
    }
}

extension PlannedMemory {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["id", "machine", "kind", "name", "capacity"])
        let kindField = try field.required("kind", expected: "host, gpu or disk")
        guard let kind = Kind(rawValue: try kindField.string()) else { throw kindField.failure("expected host, gpu or disk") }
        self.init(
            id: MemoryID(try field.id("id")), machine: MachineID(try field.id("machine")), kind: kind,
            name: try field.optional("name")?.string() ?? kind.rawValue, capacity: try field.optional("capacity")?.integer(in: 0...Int.max))
    }
}

extension Replica {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["block", "slice_tables", "stages"])
        var block = BlockGeometry.single
        if let described = try field.optional("block")?.object(keys: ["micro_batch_size", "micro_batch_count"]) {
            block = BlockGeometry(
                microBatchSize: try described.required("micro_batch_size", expected: "sequences").integer(in: 1...1_000_000),
                microBatchCount: try described.required("micro_batch_count", expected: "a count").integer(in: 1...1_000_000))
        }
        var tables: [SliceTable] = []
        for entry in try field.optional("slice_tables")?.array(limit: 10_000) ?? [] {
            let table = try entry.object(keys: ["prompt_tokens", "slices"])
            let tokens = try table.required("prompt_tokens", expected: "tokens").integer(in: 1...anyCount.upperBound)
            let described = try table.required("slices", expected: "token counts")
            var slices: [Int] = []
            for slice in try described.array() { slices.append(try slice.integer(in: 1...anyCount.upperBound)) }
            guard slices.reduce(0, { $0 &+ $1 }) == tokens else { throw described.failure("do not add up to \(tokens) tokens") }
            tables.append(SliceTable(promptTokens: tokens, slices: slices))
        }
        var stages: [Stage] = []
        for entry in try field.required("stages", expected: "an array of stages").array(limit: 10_000) { stages.append(try Stage(reading: entry)) }
        self.init(stages: stages, block: block, sliceTables: tables)
    }
}

extension Stage {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(
            keys: ["machine", "layers", "embedding", "output", "hidden_states", "streaming_window", "placements", "key_values"])
        let layersField = try field.required("layers", expected: "[first, one past the last]")
        let layers = try layersField.range()
        guard layers.upperBound <= 100_000 else { throw layersField.failure("more than 100000 layers") }
        var byModule: [Module: ModulePlacement] = [:]
        var ends: [ModulePlacement] = []
        for entry in try field.required("placements", expected: "an array of placements").array(limit: 100_000) {
            let entry = try entry.object(keys: ["module", "layers", "shards"])
            var shards: [Shard] = []
            for shard in try entry.required("shards", expected: "an array of shards").array(limit: 10_000) {
                shards.append(try Shard(reading: shard))
            }
            let name = try entry.required("module", expected: "embedding, attention, feed_forward or output")
            switch try name.string() {
            case "embedding": ends.append(ModulePlacement(module: .embedding, shards: shards))
            case "output": ends.append(ModulePlacement(module: .output, shards: shards))
            case "attention", "feed_forward":
                let covered = try entry.required("layers", expected: "[first, one past the last]")
                let isAttention = name.value.string == "attention"
                let range = try covered.range()
                guard range.lowerBound >= layers.lowerBound, range.upperBound <= layers.upperBound else {
                    throw covered.failure("are not within the stage's layers \(layers.lowerBound) to \(layers.upperBound)")
                }
                for layer in range {
                    let module: Module = isAttention ? .attention(layer: layer) : .feedForward(layer: layer)
                    guard byModule.updateValue(ModulePlacement(module: module, shards: shards), forKey: module) == nil else {
                        throw covered.failure("place layer \(layer) a second time")
                    }
                }
            default: throw name.failure("expected embedding, attention, feed_forward or output")
            }
        }
        var placements = ends.filter { $0.module == .embedding }
        for layer in layers {
            for module in [Module.attention(layer: layer), .feedForward(layer: layer)] {
                if let placement = byModule[module] { placements.append(placement) }
            }
        }
        placements += ends.filter { $0.module == .output }
        var shares: [KeyValueShare] = []
        for entry in try field.optional("key_values")?.array(limit: 10_000) ?? [] {
            let entry = try entry.object(keys: ["heads", "sequences", "memory", "device", "format", "capacity_tokens", "bulk"])
            var bulk: Shard.Computer?
            if let described = try entry.optional("bulk")?.object(keys: ["from_tokens", "device"]) {
                bulk = Shard.Computer(
                    fromTokens: try described.required("from_tokens", expected: "a number of tokens").integer(in: 1...anyCount.upperBound),
                    device: DeviceID(try described.id("device")))
            }
            let formatField = try entry.required("format", expected: "f16, q8 or q4")
            guard let format = KeyValueFormat(rawValue: try formatField.string()) else { throw formatField.failure("expected f16, q8 or q4") }
            shares.append(
                KeyValueShare(
                    heads: try entry.required("heads", expected: "[first, one past the last]").range(),
                    sequences: try entry.optional("sequences")?.number(in: 0...1) ?? 1, memory: MemoryID(try entry.id("memory")),
                    device: DeviceID(try entry.id("device")), bulk: bulk, format: format,
                    capacityTokens: try entry.optional("capacity_tokens")?.integer(in: 0...1 << 40) ?? 0))
        }
        self.init(
            machine: MachineID(try field.id("machine")), layers: layers, hasEmbedding: try field.optional("embedding")?.bool() ?? false,
            hasOutput: try field.optional("output")?.bool() ?? false, placements: placements, keyValue: shares,
            hiddenStates: MemoryID(try field.id("hidden_states")),
            streamingWindow: try field.optional("streaming_window")?.integer(in: 0...Int.max) ?? 0)
    }
}

extension Shard {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["range", "home", "format", "computers"])
        var format: TensorFormat?
        if let described = field.optional("format") {
            guard let known = TensorFormat(planName: try described.string()) else { throw described.failure("unknown format") }
            format = known
        }
        let described = try field.required("computers", expected: "an array of {from_tokens, device}")
        var computers: [Computer] = []
        for entry in try described.array(limit: 64) {
            let entry = try entry.object(keys: ["from_tokens", "device"])
            let from = try entry.optional("from_tokens")?.integer(in: 1...anyCount.upperBound) ?? 1
            guard computers.isEmpty ? from == 1 : from > computers[computers.count - 1].fromTokens else {
                throw entry.failure("from_tokens must start at 1 and ascend")
            }
            computers.append(Computer(fromTokens: from, device: DeviceID(try entry.id("device"))))
        }
        guard !computers.isEmpty else { throw described.failure("expected at least one device") }
        self.init(
            range: try field.required("range", expected: "[first, one past the last]").range(), home: MemoryID(try field.id("home")), format: format,
            computers: computers)
    }
}

extension Prediction {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: [
            "throughput_tokens_per_second", "time_to_first_token_seconds", "time_per_output_token_seconds", "slo_attainment", "prefill_seconds",
            "decode_seconds", "memory",
        ])
        let range = 0...Double.greatestFiniteMagnitude
        func resources(_ key: String) throws(FieldError) -> [String: Double] {
            guard let described = field.optional(key) else { return [:] }
            guard let object = described.value.object else { throw described.failure("expected an object of seconds by resource") }
            var result: [String: Double] = [:]
            for (name, value) in object { result[name] = try FieldReader(value, path: "\(described.path).\(name)").number(in: range) }
            return result
        }
        var memory: [MemoryUse] = []
        for entry in try field.optional("memory")?.array() ?? [] {
            let entry = try entry.object(keys: ["place", "memory", "bytes", "capacity"])
            memory.append(
                MemoryUse(
                    memory: MemoryID(try entry.id("memory")), bytes: try entry.required("bytes", expected: "bytes").integer(in: 0...Int.max),
                    capacity: try entry.optional("capacity")?.integer(in: 0...Int.max)))
        }
        self.init(
            throughputTokensPerSecond: try field.optional("throughput_tokens_per_second")?.number(in: range),
            timeToFirstTokenSeconds: try field.optional("time_to_first_token_seconds")?.number(in: range),
            timePerOutputTokenSeconds: try field.optional("time_per_output_token_seconds")?.number(in: range),
            sloAttainment: try field.optional("slo_attainment")?.number(in: 0...1), prefillSeconds: try resources("prefill_seconds"),
            decodeSeconds: try resources("decode_seconds"), memory: memory)
    }
}
