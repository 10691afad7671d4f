import Models
import Plans

/// A plan as one SVG: what runs where, and below it the time line of a decode step by resource.
public struct Picture {
    let problem: Problem
    let result: Planner.Result

    public init(_ result: Planner.Result, of problem: Problem) {
        self.problem = problem
        self.result = result
    }

    static let colours = ["#3b6ea5", "#d08a2e", "#5a9367", "#a34e6c", "#6d6aa8", "#8f8b3e", "#4d9aa8", "#b0604b"]
    static let width = 960.0

    public var svg: String {
        var body = ""
        var y = 28.0
        body += text(20, y, Explanation(result, of: problem).headline.split(separator: "(").first.map(String.init) ?? "", size: 15, weight: "600")
        y += 22
        if let rate = result.best.prediction.throughputTokensPerSecond {
            let first = result.best.prediction.timeToFirstTokenSeconds.map { ", first token after \(Text.seconds($0))" } ?? ""
            let each = result.best.prediction.timePerOutputTokenSeconds.map { ", \(Text.seconds($0)) per token" } ?? ""
            body += text(20, y, "predicted: \(Text.digits(rate)) tokens/s\(first)\(each)", size: 12)
            y += 14
        }
        y = placement(&body, y + 12)
        y = timeLine(&body, y + 30)
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(y + 20))" font-family="system-ui, sans-serif">
            <rect width="100%" height="100%" fill="#ffffff"/>
            \(body)</svg>

            """
    }

    /// One box per stage, its devices stacked with the share of weights each multiplies, memories as bars.
    private func placement(_ body: inout String, _ top: Double) -> Double {
        var y = top
        let layers = Double(problem.shape.layerCount)
        let left = 20.0, full = Self.width - 40
        for (number, replica) in result.best.plan.replicas.prefix(12).enumerated() {
            body += text(
                left, y + 12,
                "replica \(number)"
                    + (replica.block.microBatchSize * replica.block.microBatchCount > 1
                        ? ", block of \(replica.block.microBatchSize) x \(replica.block.microBatchCount) sequences" : ""),
                size: 12, weight: "600")
            y += 20
            var x = left
            var height = 0.0
            for (index, stage) in replica.stages.enumerated() {
                let wide = max(4, Double(stage.layers.count) / layers * full)
                let shares = deviceShares(stage)
                var rowTop = y
                for (device, share, resident) in shares {
                    let tall = max(16, 70 * share)
                    let colour = Self.colours[device % Self.colours.count]
                    body +=
                        "<rect x=\"\(f(x))\" y=\"\(f(rowTop))\" width=\"\(f(wide - 2))\" height=\"\(f(tall))\" fill=\"\(colour)\" fill-opacity=\"\(problem.hardware.devices[device].isCPU ? "0.55" : "0.9")\" rx=\"3\"/>\n"
                    if resident < 0.995 {
                        let streamed = (1 - resident) * (wide - 2)
                        body +=
                            "<rect x=\"\(f(x + wide - 2 - streamed))\" y=\"\(f(rowTop + tall - 5))\" width=\"\(f(streamed))\" height=\"5\" fill=\"#ffffff\" fill-opacity=\"0.6\"/>\n"
                    }
                    let label = "\(problem.hardware.devices[device].label) \(Text.percent(share))"
                    if wide > Double(label.count) * 6.2 { body += text(x + 6, rowTop + min(tall - 4, 13), label, size: 11, colour: "#ffffff") }
                    rowTop += tall + 2
                }
                height = max(height, rowTop - y)
                if wide > 44 {
                    body += text(x, y + height + 12, "\(stage.layers.lowerBound)-\(stage.layers.upperBound - 1)", size: 10, colour: "#555555")
                }
                x += wide
                _ = index
            }
            y += height + 22
        }
        if result.best.plan.replicas.count > 12 { body += text(left, y + 10, "and \(result.best.plan.replicas.count - 12) more replicas", size: 12) }
        body += text(
            left, y + 6, "width: layers; height: share of the weights a device multiplies; white strip: streamed, not resident", size: 10,
            colour: "#777777")
        y += 22
        for use in result.best.prediction.memory.filter({ $0.bytes > 0 }).prefix(24) {
            guard let capacity = use.capacity, capacity > 0 else { continue }
            let share = min(1, Double(use.bytes) / Double(capacity))
            let place = problem.hardware.memories[use.memory.rawValue]
            body += text(left, y + 11, place.label, size: 11)
            body += "<rect x=\"180\" y=\"\(f(y))\" width=\"500\" height=\"13\" fill=\"#eeeeee\" rx=\"2\"/>\n"
            body += "<rect x=\"180\" y=\"\(f(y))\" width=\"\(f(500 * share))\" height=\"13\" fill=\"#7a8796\" rx=\"2\"/>\n"
            body += text(690, y + 11, "\(Text.bytes(use.bytes)) of \(Text.bytes(capacity))", size: 11)
            y += 18
        }
        return y
    }

    /// Device, share of the stage's weights it multiplies in decoding, and the part of them that is in its own memory.
    private func deviceShares(_ stage: Stage) -> [(Int, Double, Double)] {
        var bytes: [Int: (all: Double, own: Double)] = [:]
        for placement in stage.placements {
            let each: Double
            switch placement.module {
            case .attention(let layer):
                let shape = problem.shape.layer(layer).attention
                each = Double(shape.elements) / Double(shape.keyValueHeadCount)
            case .feedForward(let layer):
                let shape = problem.shape.layer(layer).feedForward
                each = Double(shape.elements) / Double(shape.units)
            case .embedding, .output: continue
            }
            for shard in placement.shards {
                guard let device = shard.computers.first?.device.rawValue else { continue }
                let size = each * Double(shard.range.count)
                let own = problem.hardware.devices[device].memory == shard.home.rawValue
                let before = bytes[device] ?? (0, 0)
                bytes[device] = (before.all + size, before.own + (own ? size : 0))
            }
        }
        let whole = max(1, bytes.values.reduce(0) { $0 + $1.all })
        return bytes.sorted { $0.key < $1.key }.map { ($0.key, $0.value.all / whole, $0.value.own / max(1, $0.value.all)) }
    }

    /// A bar per resource of one decode step.
    private func timeLine(_ body: inout String, _ top: Double) -> Double {
        let resources = result.best.prediction.decodeSeconds.filter { $0.value > 0 }.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(14)
        guard let longest = resources.first?.value, longest > 0 else { return top }
        var y = top
        body += text(20, y, "one decode step of the first replica: seconds each resource is busy", size: 12, weight: "600")
        y += 12
        for (name, seconds) in resources {
            body += text(20, y + 11, name, size: 11)
            body +=
                "<rect x=\"220\" y=\"\(f(y))\" width=\"\(f(max(1, 560 * seconds / longest)))\" height=\"13\" fill=\"\(name.hasSuffix("compute") ? Self.colours[0] : Self.colours[1])\" rx=\"2\"/>\n"
            body += text(220 + 560 * seconds / longest + 8, y + 11, Text.seconds(seconds), size: 11)
            y += 18
        }
        return y
    }

    private func f(_ value: Double) -> String { Text.fixed(value, 1) }

    private func text(_ x: Double, _ y: Double, _ content: String, size: Int, weight: String = "400", colour: String = "#222222") -> String {
        let safe = content.map { character -> String in
            switch character {
            case "<": "&lt;"
            case ">": "&gt;"
            case "&": "&amp;"
            default: String(character)
            }
        }.joined()
        return "<text x=\"\(f(x))\" y=\"\(f(y))\" font-size=\"\(size)\" font-weight=\"\(weight)\" fill=\"\(colour)\">\(safe)</text>\n"
    }
}
