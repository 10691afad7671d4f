import Checkpoints
import JSON

extension Stage {
    var json: JSON {
        [
            "machine": .integer(machine.rawValue), "layers": layers.json, "embedding": .bool(hasEmbedding), "output": .bool(hasOutput),
            "hidden_states": .integer(hiddenStates.rawValue), "streams": .array(streams.map(\.json)),
            "placements": .array(placementEntries),
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
            let name = placement.module.planName
            guard let layer = placement.module.layer else {
                entries.append(["module": .string(name), "shards": .array(placement.shards.map(\.json))])
                continue
            }
            if let run = pending[name], run.layers.upperBound == layer, run.shards == placement.shards {
                pending[name] = (run.layers.lowerBound..<layer + 1, run.shards)
            } else {
                flush(name)
                pending[name] = (layer..<layer + 1, placement.shards)
            }
        }
        for name in ["attention", "shared", "feed_forward"] { flush(name) }
        return entries
    }
}

extension Module {
    /// The module's name in files.
    var planName: String {
        switch self {
        case .embedding: "embedding"
        case .attention: "attention"
        case .shared: "shared"
        case .feedForward: "feed_forward"
        case .output: "output"
        }
    }
}

extension WeightStream {
    var json: JSON {
        ["device": .integer(device.rawValue), "window": .integer(window), "slots": .integer(slots), "bounce": .integer(bounce)]
    }
}

extension KeyValueShare {
    var json: JSON {
        [
            "layers": layers.json, "heads": heads.json, "pool": .integer(pool), "memory": .integer(memory.rawValue),
            "format": .string(format.rawValue), "computers": .array(computers.map(\.json)),
        ]
    }
}

extension Shard {
    var json: JSON {
        var fields: [JSONObject.Element] = [
            ("range", range.json), ("home", .integer(home.rawValue)), ("layout", .string(layout.rawValue)),
        ]
        if let format { fields.append(("format", .string(format.name.lowercased()))) }
        fields.append(("computers", .array(computers.map(\.json))))
        return .object(JSONObject(fields))
    }
}

extension Computer {
    var json: JSON { ["from_tokens": .integer(fromTokens), "device": .integer(device.rawValue)] }
}
