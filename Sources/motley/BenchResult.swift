import Engine
import JSON

/// Samples of one speed test, in tokens per second over all sequences.
struct BenchResult {
    var test: SpeedTest
    var samples: [Double]
    /// By the cost model; nil where it says nothing.
    var predicted: Double?
    /// Of the process during the test, and as the executor's buffers let expect; nil where devices are emulated, whose memory is the
    /// process's too.
    var peakBytes: Int
    var predictedBytes: Int?

    var average: Double { samples.reduce(0, +) / Double(max(1, samples.count)) }

    /// Of the sample; 0 of a single one.
    var standardDeviation: Double {
        guard samples.count > 1 else { return 0 }
        let mean = average
        return (samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(samples.count - 1)).squareRoot()
    }

    /// `n_prompt` of a generation test is the context it starts from.
    var json: JSON {
        .object(
            JSONObject([
                (key: "test", value: .string(test.name)),
                (key: "n_prompt", value: .integer(test.kind == .prefill ? test.tokens : test.depth)),
                (key: "n_gen", value: .integer(test.kind == .decode ? test.tokens : 0)),
                (key: "n_parallel", value: .integer(test.parallel)),
                (key: "avg_ts", value: .number(average)), (key: "stddev_ts", value: .number(standardDeviation)),
                (key: "predicted_ts", value: predicted.map { .number($0) } ?? .null),
                (key: "peak_memory_bytes", value: .integer(peakBytes)),
                (key: "predicted_memory_bytes", value: predictedBytes.map { .integer($0) } ?? .null),
                (key: "samples_ts", value: .array(samples.map { .number($0) })),
            ]))
    }
}
