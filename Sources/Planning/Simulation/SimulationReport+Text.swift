extension SimulationReport {
    /// For people: a table of the figures, what every device and replica did, what failed.
    public var text: String {
        var text =
            "\(completed) requests completed" + (failed > 0 ? ", \(failed) failed" : "")
            + " in \(Text.seconds(duration)): \(Text.digits(throughput)) tokens/s\n"
        text += "  in time (\(limits.text)): \(Text.percent(attainment))\n\n"
        var rows = [["", "p50", "p90", "p99"]]
        for (name, values) in [
            ("to first token", firstToken.indices.filter { total[$0].isFinite }.map { firstToken[$0] }), ("per further token", perToken),
            ("whole request", total.filter(\.isFinite)),
        ] {
            rows.append([name] + [0.5, 0.9, 0.99].map { values.isEmpty ? "-" : Text.seconds(Self.percentile(values, $0)) })
        }
        text += Text.table(rows) + "\n\n"
        text += "  waiting requests: \(Text.fixed(meanQueue, 1)) on average, at most \(Int(peakQueue))  \(Self.sparkline(queueMeans))\n\n"
        rows = [["replica", "stages", "occupied", "steps", "KV peak", "preempted"]]
        for (number, replica) in replicas.prefix(24).enumerated() {
            for (stage, devices) in replica.stages.enumerated() {
                let isFirst = stage == 0
                rows.append([
                    (isFirst ? "\(number)" : ""), Self.shortened(Self.grouped(devices)), Text.percent(replica.occupied[stage]),
                    isFirst ? "\(replica.steps)" : "",
                    isFirst ? Text.percent(replica.blockCount > 0 ? Double(replica.peakBlocks) / Double(replica.blockCount) : 0) : "",
                    isFirst ? "\(replica.preemptions)" : "",
                ])
            }
        }
        text += Text.table(rows) + "\n" + (replicas.count > 24 ? "  and \(replicas.count - 24) more replicas\n" : "") + "\n"
        rows = [["device", "computing"]]
        for (name, share) in groupedUtilisation.prefix(64) {
            let full = Int((share * 30).rounded())
            rows.append([name, Text.percent(share), String(repeating: "#", count: full) + String(repeating: ".", count: 30 - full)])
        }
        text += Text.table(rows) + "\n" + (groupedUtilisation.count > 64 ? "  and \(groupedUtilisation.count - 64) more lines\n" : "")
        for failure in failures { text += "\n  " + failure.text + "\n" }
        return text
    }

    /// Neighbours of one machine that did the same are one line: `server/gpu0-3`.
    private var groupedUtilisation: [(String, Double)] {
        var groups: [(first: String, last: String, share: Double)] = []
        for (device, share) in utilisation {
            if let last = groups.last, Self.stem(last.last) == Self.stem(device), abs(last.share - share) < 5e-4 {
                groups[groups.count - 1].last = device
            } else {
                groups.append((device, device, share))
            }
        }
        return groups.map { ($0.first == $0.last ? $0.first : $0.first + "-" + Self.number($0.last), $0.share) }
    }

    /// `server/gpu12` is `server/gpu` and `12`.
    private static func stem(_ label: String) -> String { String(label.dropLast(number(label).count)) }

    private static func number(_ label: String) -> String { String(label.reversed().prefix { $0.isNumber }.reversed()) }

    /// Three devices of machine a are `a/gpu0-2`.
    private static func grouped(_ devices: [String]) -> String {
        var groups: [(first: String, last: String)] = []
        for device in devices {
            if let last = groups.last, stem(last.last) == stem(device) {
                groups[groups.count - 1].last = device
            } else {
                groups.append((device, device))
            }
        }
        return groups.map { $0.first == $0.last ? $0.first : $0.first + "-" + number($0.last) }.joined(separator: " + ")
    }

    private static func shortened(_ text: String) -> String { text.count <= 60 ? text : String(text.prefix(57)) + "..." }

    /// A line of bars, one per span or group of spans.
    static func sparkline(_ values: [Double], width: Int = 40) -> String {
        guard let most = values.max(), most > 0 else { return "" }
        let bars = Array(" ▁▂▃▄▅▆▇█")
        let count = min(width, values.count)
        return String(
            (0..<count).map { index in
                let part = values[index * values.count / count..<max(index * values.count / count + 1, (index + 1) * values.count / count)]
                return bars[Int((part.reduce(0, +) / Double(part.count) / most * 8).rounded(.up))]
            })
    }
}

extension FailureReport {
    var text: String {
        "\(Text.seconds(seconds)): \(devices.joined(separator: ", ")) failed; \(ended) replicas ended, \(kept) went on, "
            + "\(started) started; "
            + "\(replayed) requests began again" + (recoveredAt.map { "; all running after \(Text.seconds($0 - seconds))" } ?? "")
            + (note.isEmpty ? "" : " (\(note))")
    }
}
