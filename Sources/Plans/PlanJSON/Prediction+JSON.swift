public import JSON

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
        let uses = memory.map { use -> JSON in
            var entry: [JSONObject.Element] = [
                ("place", .string(memories.first { $0.id == use.memory }?.name ?? "memory \(use.memory.rawValue)")),
                ("memory", .integer(use.memory.rawValue)), ("bytes", .integer(use.bytes)),
            ]
            if let capacity = use.capacity { entry.append(("capacity", .integer(capacity))) }
            return .object(JSONObject(entry))
        }
        fields.append(("memory", .array(uses)))
        return .object(JSONObject(fields))
    }
}
