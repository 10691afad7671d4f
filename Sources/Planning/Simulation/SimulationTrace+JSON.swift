import JSON

extension SimulationTrace {
    /// The trace event format that chrome://tracing and ui.perfetto.dev read: a process per replica, a thread per stage, a complete event
    /// per step, counters for waiting and running requests and KV blocks. Times in microseconds.
    public var chromeJSON: String {
        var lines: [String] = []
        lines.reserveCapacity(spans.count + samples.count + 64)
        func quoted(_ text: String) -> String { JSON.string(text).serialized() }
        for (replica, process) in processes.enumerated() {
            lines.append(#"{"ph":"M","pid":\#(replica),"tid":0,"name":"process_name","args":{"name":\#(quoted(process.name))}}"#)
            lines.append(#"{"ph":"M","pid":\#(replica),"tid":0,"name":"process_sort_index","args":{"sort_index":\#(replica)}}"#)
            for (stage, name) in process.stages.enumerated() {
                lines.append(#"{"ph":"M","pid":\#(replica),"tid":\#(stage + 1),"name":"thread_name","args":{"name":\#(quoted(name))}}"#)
            }
        }
        for mark in marks {
            lines.append(#"{"ph":"i","pid":0,"tid":0,"s":"g","ts":\#(Self.microseconds(mark.seconds)),"name":\#(quoted(mark.name))}"#)
        }
        for span in spans {
            let name = span.tokens > span.sequences ? "\(Int(span.tokens)) tokens" : "decode \(Int(span.sequences))"
            lines.append(
                #"{"ph":"X","pid":\#(span.replica),"tid":\#(span.stage + 1),"ts":\#(Self.microseconds(span.begin)),"#
                    + #""dur":\#(Self.microseconds(span.seconds)),"#
                    + #""name":"\#(name)","cat":"step","args":{"step":\#(span.step),"tokens":\#(Int(span.tokens)),"#
                    + #""sequences":\#(Int(span.sequences)),"cached":\#(Int(span.cached))}}"#
            )
        }
        for sample in samples {
            let head = #"{"ph":"C","pid":\#(sample.replica),"ts":\#(Self.microseconds(sample.seconds)),"#
            lines.append(head + #""name":"requests","args":{"waiting":\#(sample.waiting),"running":\#(sample.running)}}"#)
            lines.append(head + #""name":"KV blocks","args":{"held":\#(sample.blocks)}}"#)
        }
        return "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n" + lines.joined(separator: ",\n") + "\n]}\n"
    }

    /// To a thousandth of a microsecond, which viewers still tell apart.
    private static func microseconds(_ seconds: Double) -> String { Text.fixed(seconds * 1e6, 3) }
}
