import Checkpoints
import JSON

extension Stage {
    /// - Parameter budget: how many modules may still be read.
    init(reading field: FieldReader, budget: inout Int) throws(FieldError) {
        let field = try field.object(keys: [
            "machine", "layers", "embedding", "output", "hidden_states", "streams", "placements", "key_values",
        ])
        let layersField = try field.required("layers", expected: "[first, one past the last]")
        let layers = try layersField.range()
        guard layers.upperBound <= PlanLimits.layers else { throw layersField.failure("more than \(PlanLimits.layers) layers") }
        var placements: [ModulePlacement] = []
        for entry in try field.required("placements", expected: "an array of placements").array() {
            placements += try ModulePlacement.read(entry, within: layers, budget: &budget)
        }
        placements.sort { $0.module.position < $1.module.position }
        for (one, next) in zip(placements, placements.dropFirst()) where one.module == next.module {
            throw field.failure("placements: \(one.module) is placed a second time")
        }
        var shares: [KeyValueShare] = []
        for entry in try field.optional("key_values")?.array(limit: PlanLimits.keyValueShares) ?? [] {
            let share = try KeyValueShare(reading: entry)
            try entry.take(share.layers, of: layers, budget: &budget)
            shares.append(share)
        }
        var streams: [WeightStream] = []
        for entry in try field.optional("streams")?.array(limit: PlanLimits.streams) ?? [] {
            streams.append(try WeightStream(reading: entry))
        }
        self.init(
            machine: MachineID(try field.id("machine")), layers: layers, hasEmbedding: try field.optional("embedding")?.bool() ?? false,
            hasOutput: try field.optional("output")?.bool() ?? false, placements: placements, keyValue: shares,
            hiddenStates: MemoryID(try field.id("hidden_states")), streams: streams)
    }
}

extension FieldReader {
    /// Checks that layers are the stage's, and that there are not too many of them in all entries together.
    fileprivate func take(_ range: Range<Int>, of layers: Range<Int>, budget: inout Int) throws(FieldError) {
        guard range.lowerBound >= layers.lowerBound, range.upperBound <= layers.upperBound else {
            throw failure(
                "layers \(range.lowerBound) to \(range.upperBound) are not within the stage's \(layers.lowerBound) to \(layers.upperBound)")
        }
        budget -= range.count
        guard budget >= 0 else { throw failure("more than \(PlanLimits.placements) modules in all stages together") }
    }
}

extension Module {
    /// The order of use, for modules of up to `PlanLimits.layers` layers.
    var position: Int {
        switch self {
        case .embedding: -1
        case .attention(let layer): 3 * layer
        case .shared(let layer): 3 * layer + 1
        case .feedForward(let layer): 3 * layer + 2
        case .output: .max
        }
    }
}

extension ModulePlacement {
    /// One entry of a file: a module of several layers placed alike, or one of the model's ends.
    fileprivate static func read(
        _ field: FieldReader, within layers: Range<Int>, budget: inout Int
    ) throws(FieldError) -> [ModulePlacement] {
        let field = try field.object(keys: ["module", "layers", "shards"])
        var shards: [Shard] = []
        for shard in try field.required("shards", expected: "an array of shards").array(limit: PlanLimits.shards) {
            shards.append(try Shard(reading: shard))
        }
        let expected = "embedding, attention, shared, feed_forward or output"
        let name = try field.required("module", expected: expected)
        let modules: (Range<Int>) -> [Module]
        switch try name.string() {
        case "embedding": return [ModulePlacement(module: .embedding, shards: shards)]
        case "output": return [ModulePlacement(module: .output, shards: shards)]
        case "attention": modules = { $0.map { .attention(layer: $0) } }
        case "shared": modules = { $0.map { .shared(layer: $0) } }
        case "feed_forward": modules = { $0.map { .feedForward(layer: $0) } }
        default: throw name.failure("expected \(expected)")
        }
        let covered = try field.required("layers", expected: "[first, one past the last]")
        let range = try covered.range()
        try covered.take(range, of: layers, budget: &budget)
        return modules(range).map { ModulePlacement(module: $0, shards: shards) }
    }
}

extension WeightStream {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["device", "window", "slots", "bounce"])
        self.init(
            device: DeviceID(try field.id("device")),
            window: try field.required("window", expected: "bytes").integer(in: PlanLimits.bytes),
            slots: try field.required("slots", expected: "a count").integer(in: 1...65536),
            bounce: try field.optional("bounce")?.integer(in: PlanLimits.bytes) ?? 0)
    }
}

extension KeyValueShare {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["layers", "heads", "pool", "memory", "format", "computers"])
        self.init(
            layers: try field.required("layers", expected: "[first, one past the last]").range(),
            heads: try field.required("heads", expected: "[first, one past the last]").range(),
            pool: try field.optional("pool")?.integer(in: 0...PlanLimits.pools) ?? 0, memory: MemoryID(try field.id("memory")),
            format: try field.choice("format", of: KeyValueFormat.self), computers: try [Computer](reading: field))
    }
}

extension Shard {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["range", "home", "layout", "format", "computers"])
        var format: TensorFormat?
        if let described = field.optional("format") {
            guard let known = TensorFormat(planName: try described.string()) else { throw described.failure("unknown format") }
            format = known
        }
        self.init(
            range: try field.required("range", expected: "[first, one past the last]").range(), home: MemoryID(try field.id("home")),
            layout: try field.choice("layout", of: WeightLayout.self), format: format, computers: try [Computer](reading: field))
    }
}

extension [Computer] {
    /// The field `computers` of an object.
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let described = try field.required("computers", expected: "an array of {from_tokens, device}")
        var computers: [Computer] = []
        for entry in try described.array(limit: PlanLimits.computers) {
            let entry = try entry.object(keys: ["from_tokens", "device"])
            let from = try entry.optional("from_tokens")?.integer(in: 1...PlanLimits.count.upperBound) ?? 1
            guard computers.isEmpty ? from == 1 : from > computers[computers.count - 1].fromTokens else {
                throw entry.failure("from_tokens must start at 1 and ascend")
            }
            computers.append(Computer(fromTokens: from, device: DeviceID(try entry.id("device"))))
        }
        guard !computers.isEmpty else { throw described.failure("expected at least one device") }
        self = computers
    }
}
