public import JSON

/// The documented form of a plan (docs/formats.md): layers placed alike are one entry, ranges are [first, one past the last].
extension Plan {
    public var json: JSON {
        var fields: [JSONObject.Element] = [
            ("version", .integer(version)), ("model", .string(model)), ("profile", .string(profile)),
            ("machines", .array(machines.map(\.json))),
            ("devices", .array(devices.map(\.json))), ("memories", .array(memories.map(\.json))),
            ("replicas", .array(replicas.map(\.json))),
        ]
        if let prediction { fields.append(("prediction", prediction.json(memories: memories))) }
        return .object(JSONObject(fields))
    }
}

extension PlannedMachine {
    var json: JSON { ["id": .integer(id.rawValue), "name": .string(name)] }
}

extension PlannedDevice {
    var json: JSON {
        var fields: [JSONObject.Element] = [
            ("id", .integer(id.rawValue)), ("machine", .integer(machine.rawValue)), ("kind", .string(kind.rawValue)), ("key", .string(key)),
            ("name", .string(name)), ("memory", .integer(memory.rawValue)),
        ]
        if let threads { fields.append(("threads", .integer(threads))) }
        return .object(JSONObject(fields))
    }
}

extension PlannedMemory {
    var json: JSON {
        var fields: [JSONObject.Element] = [
            ("id", .integer(id.rawValue)), ("machine", .integer(machine.rawValue)), ("kind", .string(kind.rawValue)), ("key", .string(key)),
            ("name", .string(name)),
        ]
        if let capacity { fields.append(("capacity", .integer(capacity))) }
        return .object(JSONObject(fields))
    }
}

extension Replica {
    var json: JSON {
        [
            "schedule": schedule.json, "arithmetic": .string(arithmetic.rawValue), "stages": .array(stages.map(\.json)),
            "boundaries": .array(boundaries.map(\.json)),
        ]
    }
}

extension Boundary {
    var json: JSON {
        [
            "sender": .integer(sender.rawValue), "receiver": .integer(receiver.rawValue), "format": .string(format.rawValue),
            "payload": .array(payload.map { .string($0.rawValue) }),
        ]
    }
}

extension ReplicaSchedule {
    var json: JSON {
        [
            "block_tokens": .integer(blockTokens), "pools": .array(pools.map { .integer($0) }), "sequences": .integer(sequences),
            "step_tokens": .integer(stepTokens), "step_logits": .integer(stepLogits), "step_prompts": .integer(stepPrompts),
            "slice_tokens": .integer(sliceTokens),
            "slice_tables": .array(
                sliceTables.map { ["prompt_tokens": .integer($0.promptTokens), "slices": .array($0.slices.map { .integer($0) })] }),
            "steps_in_flight": .integer(stepsInFlight), "decode_groups": .integer(decodeGroups), "admits_in_blocks": .bool(admitsInBlocks),
            "shares_prefixes": .bool(sharesPrefixes),
            "block": ["micro_batch_size": .integer(block.microBatchSize), "micro_batch_count": .integer(block.microBatchCount)],
        ]
    }
}

extension Range<Int> {
    var json: JSON { [.integer(lowerBound), .integer(upperBound)] }
}
