import Foundation
import JSON
import Runtime

extension RunTrace {
    /// The trace event format that chrome://tracing and ui.perfetto.dev read, as `motley simulate --trace` writes it: a track per lane, a
    /// complete event per piece of work. Times in microseconds.
    var chromeJSON: String {
        func microseconds(_ seconds: Double) -> String { String(format: "%.3f", seconds * 1e6) }
        var lines = [#"{"ph":"M","pid":0,"tid":0,"name":"process_name","args":{"name":"replica 0"}}"#]
        for (number, name) in tracks.enumerated() {
            lines.append(
                #"{"ph":"M","pid":0,"tid":\#(number + 1),"name":"thread_name","args":{"name":\#(JSON.string(name).serialized())}}"#)
        }
        for span in spans {
            let name = span.step == 0 ? "weights" : "step \(span.step)"
            lines.append(
                #"{"ph":"X","pid":0,"tid":\#(span.track + 1),"ts":\#(microseconds(span.begin)),"dur":\#(microseconds(span.seconds)),"#
                    + #""name":"\#(name)","cat":"step","args":{"step":\#(span.step)}}"#)
        }
        return "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n" + lines.joined(separator: ",\n") + "\n]}\n"
    }

    /// - Throws: where the file cannot be written.
    func write(to path: String) throws { try Data(chromeJSON.utf8).write(to: URL(fileURLWithPath: path)) }
}
