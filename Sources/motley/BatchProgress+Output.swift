import Engine
import JSON

extension BatchProgress {
    var fraction: Double { total > 0 ? Double(done) / Double(total) : 1 }

    /// For a line while it runs: `120 of 1000, 3 failed, 84.2 tok/s, 1.30 requests/s, 11:04 left`.
    var figures: String {
        "\(done) of \(total)" + (failed > 0 ? ", \(failed) failed" : "") + rates
            + (secondsLeft.map { ", \(Self.clock($0)) left" } ?? "")
    }

    /// The same for a terminal, beside a bar: `120/1000, 3 failed, 84 tok/s, 11:04 left`.
    var shortFigures: String {
        "\(done)/\(total)" + (failed > 0 ? ", \(failed) failed" : "") + (generatedRate.map { ", \(Size.decimal($0, 0)) tok/s" } ?? "")
            + (secondsLeft.map { ", \(Self.clock($0)) left" } ?? "")
    }

    /// For the last line.
    var summary: String {
        "\(done) of \(total) requests answered" + (kept > 0 ? " (\(kept) before)" : "") + (failed > 0 ? ", \(failed) failed" : "")
            + (written > 0
                ? ", \(promptTokens) tokens of prompts, \(generatedTokens) generated in \(Self.clock(seconds))\(rates)" : "")
            + ", peak memory \(Size.text(ProcessMemory.peak))"
            + (isComplete ? "" : " (interrupted; the same command goes on)")
    }

    private var rates: String {
        (generatedRate.map { ", \(Size.decimal($0, 1)) tok/s" } ?? "")
            + (written > 0 && seconds > 0 ? ", \(Size.decimal(Double(written) / seconds, 2)) requests/s" : "")
    }

    /// `batch --json`.
    var json: JSON {
        .object(
            JSONObject([
                (key: "requests", value: .integer(total)), (key: "answered", value: .integer(done)), (key: "kept", value: .integer(kept)),
                (key: "failed", value: .integer(failed)), (key: "prompt_tokens", value: .integer(promptTokens)),
                (key: "completion_tokens", value: .integer(generatedTokens)), (key: "seconds", value: .number(seconds)),
                (key: "tokens_per_second", value: .number(generatedRate ?? 0)),
                (key: "peak_memory_bytes", value: .integer(ProcessMemory.peak)),
            ]))
    }

    /// `4:05` or `2:04:05`.
    static func clock(_ seconds: Double) -> String {
        let whole = seconds.isFinite && seconds < 1e9 ? Int(seconds.rounded()) : 999_999_999
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        let minutes = whole / 60 % 60
        return (whole >= 3600 ? "\(whole / 3600):\(two(minutes))" : String(minutes)) + ":" + two(whole % 60)
    }
}
