import JSON

extension Prediction {
    init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: [
            "throughput_tokens_per_second", "time_to_first_token_seconds", "time_per_output_token_seconds", "slo_attainment",
            "prefill_seconds",
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
                    memory: MemoryID(try entry.id("memory")),
                    bytes: try entry.required("bytes", expected: "bytes").integer(in: 0...Int.max),
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
