import JSON

extension ReplicaSchedule {
    /// Reads what `json` writes; figures that the schedule's invariant does not allow together are errors.
    init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: [
            "block_tokens", "pools", "sequences", "step_tokens", "step_logits", "step_prompts", "slice_tokens", "slice_tables",
            "steps_in_flight",
            "decode_groups", "admits_in_blocks", "shares_prefixes", "block",
        ])
        let poolsField = try field.required("pools", expected: "KV blocks by pool")
        var pools: [Int] = []
        for entry in try poolsField.array(limit: PlanLimits.pools) { pools.append(try entry.integer(in: PlanLimits.blocks)) }
        let sequences = try field.required("sequences", expected: "a count").integer(in: 1...PlanLimits.sequences)
        let stepTokens = try field.count("step_tokens"), stepLogits = try field.count("step_logits")
        let stepPrompts = try field.count("step_prompts"), sliceTokens = try field.count("slice_tokens")
        let stepsInFlight = try field.required("steps_in_flight", expected: "a count").integer(in: 1...PlanLimits.stepsInFlight)
        let decodeGroups = try field.count("decode_groups")
        var tables: [SliceTable] = []
        for entry in try field.optional("slice_tables")?.array(limit: PlanLimits.sliceTables) ?? [] {
            let table = try SliceTable(reading: entry)
            if let last = tables.last, last.promptTokens >= table.promptTokens { throw entry.failure("prompt_tokens must ascend") }
            tables.append(table)
        }
        var block = BlockGeometry.single
        if let described = try field.optional("block")?.object(keys: ["micro_batch_size", "micro_batch_count"]) {
            block = BlockGeometry(
                microBatchSize: try described.required("micro_batch_size", expected: "sequences").integer(in: 1...1_000_000),
                microBatchCount: try described.required("micro_batch_count", expected: "a count").integer(in: 1...1_000_000))
        }
        self.init(
            blockTokens: try field.required("block_tokens", expected: "\(Self.keyValueBlockTokens)").integer(in: 1...65536), pools: pools,
            sequences: sequences, stepTokens: stepTokens, stepLogits: stepLogits, stepPrompts: stepPrompts, sliceTokens: sliceTokens,
            sliceTables: tables, stepsInFlight: stepsInFlight, decodeGroups: decodeGroups,
            admitsInBlocks: try field.optional("admits_in_blocks")?.bool() ?? false,
            sharesPrefixes: try field.optional("shares_prefixes")?.bool() ?? true, block: block)
        guard !pools.isEmpty, blockCount <= PlanLimits.blocks.upperBound else {
            throw poolsField.failure("expected at least one pool, and \(PlanLimits.blocks.upperBound) blocks at most")
        }
        for (key, given, allowed) in [
            ("decode_groups", decodeGroups, self.decodeGroups), ("sequences", sequences, self.sequences),
            ("step_prompts", stepPrompts, self.stepPrompts), ("slice_tokens", sliceTokens, self.sliceTokens),
        ] where given != allowed {
            throw FieldError(field: field.path + "." + key, message: "is \(given); the schedule's other figures allow \(allowed)")
        }
    }
}

extension SliceTable {
    fileprivate init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["prompt_tokens", "slices"])
        let tokens = try field.count("prompt_tokens")
        let described = try field.required("slices", expected: "token counts")
        var slices: [Int] = []
        for slice in try described.array() { slices.append(try slice.integer(in: 1...PlanLimits.count.upperBound)) }
        guard slices.reduce(0, { $0 &+ $1 }) == tokens else { throw described.failure("do not add up to \(tokens) tokens") }
        self.init(promptTokens: tokens, slices: slices)
    }
}
