import Plans

extension Picture {
    private static func parts(_ use: MemoryModel.Use) -> [(name: String, bytes: Double, colour: String)] {
        [
            ("weights", use.weights, "#5b6f86"), ("KV cache", use.keyValue, "#9a6b8f"), ("hidden states", use.hidden, "#8f8b3e"),
            ("staging", use.staging, "#d0a04e"), ("working", use.working, "#8fb0a0"),
        ]
    }

    /// A bar per memory: what fills it, against what it holds.
    func drawMemories(_ drawing: inout Drawing, _ top: Double) -> Double {
        var y = top + 10
        drawing.text(Self.left, y, "memory", size: 12, bold: true)
        var x = 180.0
        for (name, _, colour) in Self.parts(MemoryModel.Use()) {
            drawing.rectangle(x, y - 9, 10, 10, fill: colour, radius: 2)
            drawing.text(x + 14, y, name, size: 10, colour: Drawing.faint)
            x += 30 + Drawing.width(of: name, size: 10)
        }
        y += 8
        // Equal memories of a machine are one bar.
        var rows: [(place: Hardware.Memory, use: MemoryModel.Use, count: Int)] = []
        for (index, use) in problem.memoryModel.uses(of: result.best.plan).sorted(by: { $0.key < $1.key }) where use.bytes > 0 {
            let place = problem.hardware.memories[index]
            if let same = rows.firstIndex(where: {
                abs($0.use.bytes - use.bytes) <= use.bytes / 100 && $0.place.machine == place.machine && $0.place.capacity == place.capacity
            }) {
                rows[same].count += 1
            } else {
                rows.append((place, use, 1))
            }
        }
        for (place, use, count) in rows.prefix(24) {
            drawing.text(Self.left, y + 11, place.label + (count > 1 ? " +\(count - 1)" : ""), size: 11)
            drawing.rectangle(180, y, 500, 13, fill: "#eeeeee", radius: 2)
            let scale = 500 / Double(max(1, place.capacity, use.bytes))
            var start = 180.0
            for (_, bytes, colour) in Self.parts(use) {
                drawing.rectangle(start, y, bytes * scale, 13, fill: colour)
                start += bytes * scale
            }
            drawing.text(690, y + 11, "\(Text.bytes(use.bytes)) of \(Text.bytes(place.capacity))", size: 11)
            y += 18
        }
        if rows.count > 24 {
            drawing.text(Self.left, y + 11, "and \(rows.count - 24) more memories", size: 11)
            y += 18
        }
        return y
    }

    /// The step that decides the objective, and the way of a prompt where it is cut into slices.
    func drawTimelines(_ drawing: inout Drawing, _ top: Double) -> Double {
        guard let replica = result.best.plan.replicas.first,
            let model = try? ReplicaModel(replica, hardware: problem.hardware, shape: problem.shape)
        else { return top }
        let sliced = replica.schedule.sliceTables.contains { $0.slices.count > 1 }
        var y = top
        for prefill in problem.objective == .timeToFirstToken ? [true] : sliced ? [false, true] : [false] {
            y = draw(StepTimeline(replica, model: model, problem: problem, prefill: prefill), &drawing, y) + 22
        }
        return y - 16
    }

    private func draw(_ timeline: StepTimeline, _ drawing: inout Drawing, _ top: Double) -> Double {
        let lanes = timeline.lanes.filter { !$0.spans.isEmpty }.reduce(into: [StepTimeline.Lane]()) { lanes, lane in
            // Devices that do the same at the same time are one lane.
            if let last = lanes.last, last.spans == lane.spans, !lane.isTransfer {
                lanes[lanes.count - 1].alike += 1
            } else {
                lanes.append(lane)
            }
        }
        guard timeline.seconds > 0, !lanes.isEmpty else { return top }
        let left = 180.0, wide = Self.width - left - 70
        let scale = wide / timeline.seconds
        var y = top
        let first = result.best.plan.replicas.count > 1 ? " (replica 0)" : ""
        drawing.text(Self.left, y, timeline.title + first, size: 12, bold: true)
        y += 10
        let shown = lanes.prefix(20)
        let bottom = y + shown.reduce(0) { $0 + ($1.isTransfer ? 12 : 18) }
        for tick in ticks(timeline.seconds) {
            drawing.line(left + tick * scale, y, left + tick * scale, bottom + 3)
            drawing.text(
                left + tick * scale, bottom + 14, tick == 0 ? "0" : Text.seconds(tick), size: 9, colour: Drawing.faint, anchor: .middle)
        }
        for lane in shown {
            let tall = lane.isTransfer ? 9.0 : 15.0
            drawing.text(
                Self.left, y + tall - 2, lane.label + (lane.alike > 0 ? " +\(lane.alike)" : ""), size: lane.isTransfer ? 10 : 11,
                colour: lane.isTransfer ? Drawing.faint : Drawing.ink)
            let device = devices.first {
                lane.label.hasSuffix(problem.hardware.devices[$0].label) || lane.label.hasPrefix(problem.hardware.devices[$0].label)
            }
            for span in lane.spans {
                let x = left + span.start * scale, length = max(0.4, (span.end - span.start) * scale - (lane.spans.count < 200 ? 0.5 : 0))
                drawing.rectangle(
                    x, y, length, tall, fill: lane.isTransfer ? "#8a8f98" : device.map(colour) ?? Self.palette[0],
                    opacity: span.index % 2 == 0 ? 1 : 0.62)
                let label = String(span.index + 1)
                if !lane.isTransfer, length > Drawing.width(of: label, size: 9) + 6 {
                    drawing.text(x + 3, y + 11, label, size: 9, colour: "#ffffff")
                }
            }
            let busy = lane.spans.reduce(0) { $0 + $1.end - $1.start } / timeline.seconds
            drawing.text(left + wide + 8, y + tall - 2, "\(Int((busy * 100).rounded())) %", size: 10, colour: Drawing.faint)
            y += lane.isTransfer ? 12 : 18
        }
        return y + 18
    }

    /// Round times from 0 up to `seconds`, four to eight of them.
    private func ticks(_ seconds: Double) -> [Double] {
        var step = 1.0
        while step * 8 < seconds { step *= 10 }
        while step * 0.8 > seconds { step /= 10 }
        for factor in [0.1, 0.2, 0.5, 1] where seconds / (step * factor) <= 8 {
            return (0...Int(seconds / (step * factor))).map { Double($0) * step * factor }
        }
        return [0, seconds]
    }
}
