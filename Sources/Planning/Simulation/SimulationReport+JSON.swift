public import JSON
public import Plans

extension SimulationReport {
    /// The form that other programs rely on (docs/command-line.md).
    public var json: JSON { .object(JSONObject(fields)) }

    private var fields: [JSONObject.Element] {
        [
            ("completed", .integer(completed)), ("throughput_tokens_per_second", .number(throughput)),
            ("slo_attainment", .number(attainment)),
            ("ttft_seconds", ["p50": .number(firstToken(percentile: 0.5)), "p99": .number(firstToken(percentile: 0.99))]),
            ("tpot_seconds", ["p50": .number(perToken(percentile: 0.5)), "p99": .number(perToken(percentile: 0.99))]),
            ("utilisation", .object(JSONObject(utilisation.map { ($0.device, .number($0.share)) }))),
        ]
    }

    /// The same with everything else the simulation knows, and what was predicted for the plan.
    public func detailedJSON(prediction: Prediction, of plan: Plan) -> JSON {
        var fields = detailedJSON.object ?? JSONObject()
        fields["prediction"] = prediction.json(memories: plan.memories)
        return .object(fields)
    }

    /// The same with everything else the simulation knows.
    public var detailedJSON: JSON {
        let first = Self.sorted(firstToken.indices.filter { total[$0].isFinite }.map { firstToken[$0] }),
            all = Self.sorted(total.filter(\.isFinite))
        let more: [JSONObject.Element] = [
            ("failed", .integer(failed)), ("duration_seconds", .number(duration)), ("produced_tokens", .integer(producedTokens)),
            ("events", .integer(events)),
            (
                "slo",
                [
                    "scale": .number(limits.scale), "total_seconds": Self.limit(limits.total), "ttft_seconds": Self.limit(limits.first),
                    "tpot_seconds": Self.limit(limits.each),
                ]
            ),
            ("ttft_percentiles_seconds", Self.percentiles(first)), ("tpot_percentiles_seconds", Self.percentiles(Self.sorted(perToken))),
            ("total_percentiles_seconds", Self.percentiles(all)),
            (
                "queue",
                [
                    "mean": .number(meanQueue), "peak": .number(peakQueue), "span_seconds": .number(queueSpan),
                    "means": .array(queueMeans.map { .number($0) }), "peaks": .array(queuePeaks.map { .number($0) }),
                ]
            ),
            ("replicas", .array(replicas.map(\.json))), ("failures", .array(failures.map(\.json))),
        ]
        return .object(JSONObject(fields + more))
    }

    private static func limit(_ seconds: Double) -> JSON { seconds.isFinite ? .number(seconds) : .null }

    private static func sorted(_ values: [Double]) -> [Double] { values.sorted() }

    private static func percentiles(_ sorted: [Double]) -> JSON {
        guard !sorted.isEmpty else { return .null }
        let mean = sorted.reduce(0, +) / Double(sorted.count)
        let shares: [(String, Double)] = [
            ("p10", 0.1), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p100", 1),
        ]
        return .object(JSONObject([("mean", .number(mean))] + shares.map { ($0.0, .number(rank(sorted, $0.1))) }))
    }
}

extension SimulationReport.ReplicaUse {
    var json: JSON {
        [
            "stages": .array(zip(stages, occupied).map { ["devices": .array($0.map { .string($0) }), "occupied": .number($1)] }),
            "steps": .integer(steps),
            "computed_tokens": .integer(tokens), "preemptions": .integer(preemptions), "kv_blocks": .integer(blockCount),
            "kv_peak": .number(blockCount > 0 ? Double(peakBlocks) / Double(blockCount) : 0),
        ]
    }
}

extension FailureReport {
    var json: JSON {
        [
            "at_seconds": .number(seconds), "devices": .array(devices.map { .string($0) }), "replicas_ended": .integer(ended),
            "replicas_kept": .integer(kept), "replicas_started": .integer(started), "requests_replayed": .integer(replayed),
            "recovered_at_seconds": recoveredAt.map { .number($0) } ?? .null, "note": .string(note),
        ]
    }
}
