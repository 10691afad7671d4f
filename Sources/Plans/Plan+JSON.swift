public import JSON
import Checkpoints

/// The documented form of a plan (docs/formats.md): layers placed alike are one entry, ranges are [first, one past the last].
extension Plan {
    public var json: JSON {
        var fields: [JSONObject.Element] = [
            ("version", .integer(version)), ("model", .string(model)), ("profile", .string(profile)),
            ("devices", .array(devices.map(\.json))), ("memories", .array(memories.map(\.json))), ("replicas", .array(replicas.map(\.json))),
        ]
        if let prediction { fields.append(("prediction", prediction.json(memories: memories))) }
        return .object(JSONObject(fields))
    }
}

extension PlannedDevice {
    var json: JSON {
        var fields: [JSONObject.Element] = [
            ("id", .integer(id.rawValue)), ("machine", .integer(machine.rawValue)), ("kind", .string(kind.rawValue)), ("name", .string(name)),
        ]
        if let threads { fields.append(("threads", .integer(threads))) }
        return .object(JSONObject(fields))
    }
}

extension PlannedMemory {
    var json: JSON {
        var fields: [JSONObject.Element] = [
            ("id", .integer(id.rawValue)), ("machine", .integer(machine.rawValue)), ("kind", .string(kind.rawValue)), ("name", .string(name)),
        ]
        if let capacity { fields.append(("capacity", .integer(capacity))) }
        return .object(JSONObject(fields))
    }
}

extension Replica {
    var json: JSON {
        [
            "block": ["micro_batch_size": .integer(block.microBatchSize), "micro_batch_count": .integer(block.microBatchCount)],
            "slice_tables": .array(
                sliceTables.map { ["prompt_tokens": .integer($0.promptTokens), "slices": .array($0.slices.map { .integer($0) })] }),
            "stages": .array(stages.map(\.json)),
        ]
    }
}

extension Stage {
    var json: JSON {
        [
            "machine": .integer(machine.rawValue), "layers": layers.json, "embedding": .bool(hasEmbedding), "output": .bool(hasOutput),
            "hidden_states": .integer(hiddenStates.rawValue), "streaming_window": .integer(streamingWindow), "placements": .array(placementEntries),
            "key_values": .array(keyValue.map(\.json)),
        ]
    }

    /// Neighbouring layers whose module is placed alike are one entry with a range of layers.
    private var placementEntries: [JSON] {
        var entries: [JSON] = []
        var pending: [String: (layers: Range<Int>, shards: [Shard])] = [:]
        func flush(_ name: String) {
            guard let run = pending.removeValue(forKey: name) else { return }
            entries.append(["module": .string(name), "layers": run.layers.json, "shards": .array(run.shards.map(\.json))])
        }
        for placement in placements {
            let name: String, layer: Int
            switch placement.module {
            case .embedding, .output:
                let end = placement.module == .embedding ? "embedding" : "output"
                entries.append(["module": .string(end), "shards": .array(placement.shards.map(\.json))])
                continue
            case .attention(let index): (name, layer) = ("attention", index)
            case .feedForward(let index): (name, layer) = ("feed_forward", index)
            }
            if let run = pending[name], run.layers.upperBound == layer, run.shards == placement.shards {
                pending[name] = (run.layers.lowerBound..<layer + 1, run.shards)
            } else {
                flush(name)
                pending[name] = (layer..<layer + 1, placement.shards)
            }
        }
        flush("attention")
        flush("feed_forward")
        return entries
    }
}

extension KeyValueShare {
    var json: JSON {
        var fields: [JSONObject.Element] = [
            ("heads", heads.json), ("sequences", .number(sequences)), ("memory", .integer(memory.rawValue)), ("device", .integer(device.rawValue)),
            ("format", .string(format.rawValue)), ("capacity_tokens", .integer(capacityTokens)),
        ]
        if let bulk { fields.append(("bulk", ["from_tokens": .integer(bulk.fromTokens), "device": .integer(bulk.device.rawValue)])) }
        return .object(JSONObject(fields))
    }
}

extension Shard {
    var json: JSON {
        var fields: [JSONObject.Element] = [("range", range.json), ("home", .integer(home.rawValue))]
        if let format { fields.append(("format", .string(format.name.lowercased()))) }
        fields.append(("computers", .array(computers.map { ["from_tokens": .integer($0.fromTokens), "device": .integer($0.device.rawValue)] })))
        return .object(JSONObject(fields))
    }
}

extension Range<Int> {
    var json: JSON { [.integer(lowerBound), .integer(upperBound)] }
}

extension Prediction {
    /// Memories appear by name.
    public func json(memories: [PlannedMemory]) -> JSON {
        var fields: [JSONObject.Element] = []
        if let throughputTokensPerSecond { fields.append(("throughput_tokens_per_second", .number(throughputTokensPerSecond))) }
        if let timeToFirstTokenSeconds { fields.append(("time_to_first_token_seconds", .number(timeToFirstTokenSeconds))) }
        if let timePerOutputTokenSeconds { fields.append(("time_per_output_token_seconds", .number(timePerOutputTokenSeconds))) }
        if let sloAttainment { fields.append(("slo_attainment", .number(sloAttainment))) }
        func resources(_ seconds: [String: Double]) -> JSON {
            .object(JSONObject(seconds.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) }))
        }
        fields.append(("prefill_seconds", resources(prefillSeconds)))
        fields.append(("decode_seconds", resources(decodeSeconds)))
        fields.append(
            (
                "memory",
                .array(
                    memory.map { use in
                        var entry: [JSONObject.Element] = [
                            ("place", .string(memories.first { $0.id == use.memory }?.name ?? "memory \(use.memory.rawValue)")),
                            ("memory", .integer(use.memory.rawValue)), ("bytes", .integer(use.bytes)),
                        ]
                        if let capacity = use.capacity { entry.append(("capacity", .integer(capacity))) }
                        return .object(JSONObject(entry))
                    })
            ))
        return .object(JSONObject(fields))
    }
}
