import Plans

/// One step of a replica over time, as the cost model assumes it: what each device, link and disk does when.
///
/// A replica of one stage shows its layers: transfers run ahead of use in the order of use, a layer begins when the one before it has ended
/// and its weights are there, the first streamed layer's having come during the step before. A pipeline shows micro-batches, or the slices
/// of a prompt, passing from stage to stage.
struct StepTimeline {
    struct Span: Equatable {
        var start: Double
        var end: Double
        /// Which of the spans of a lane belong together: layer, micro-batch or slice.
        var index: Int
    }

    struct Lane {
        var label: String
        var isTransfer: Bool
        var spans: [Span]
        /// Further devices that do the same at the same time.
        var alike = 0
    }

    var title: String
    var lanes: [Lane]
    var seconds: Double { lanes.flatMap(\.spans).reduce(0) { max($0, $1.end) } }

    init(_ replica: Replica, model: ReplicaModel, problem: Problem, prefill: Bool) {
        let prompt = problem.workload.meanPrompt, context = prompt + problem.workload.meanOutput / 2
        let sequences = Double(max(1, replica.schedule.block.sequences))
        let what = sequences == 1 ? "one sequence" : "\(Int(sequences)) sequences"
        if model.stages.count == 1 {
            let batches = max(1, replica.schedule.block.microBatchCount)
            let load =
                prefill
                ? StepLoad.prefill(sequences: sequences, tokens: prompt, microBatches: batches)
                : StepLoad.decode(sequences: sequences, context: context, microBatches: batches)
            title = "one \(prefill ? "prefill" : "decode") step of \(what), layer after layer"
            lanes = Self.layers(replica.stages[0], replica.schedule, model: model, load: load)
        } else if prefill {
            let slices = model.slices(sequences: sequences, promptTokens: prompt)
            // Micro-batches follow one another as slices do; of very many the first are shown.
            let groups = max(1, min(replica.schedule.block.microBatchCount, Int(sequences), max(1, 256 / slices.count)))
            let each = sequences / Double(max(1, min(replica.schedule.block.microBatchCount, Int(sequences))))
            title =
                "prompts of \(what)" + (slices.count > 1 ? " in \(slices.count) slices" : "")
                + (groups > 1 ? ", \(groups) micro-batches" : "")
                + ", from stage to stage"
            var pieces: [StepLoad] = []
            for _ in 0..<groups {
                var start = 0.0
                for (number, tokens) in slices.enumerated() {
                    pieces.append(.prefill(sequences: each, tokens: tokens, after: start, wantsLogits: number == slices.count - 1))
                    start += tokens
                }
            }
            lanes = Self.stages(model, pieces: pieces)
        } else {
            let batches = model.decodeBatches(sequences)
            title = "decoding \(what) in \(batches) micro-batch\(batches == 1 ? "" : "es"), from stage to stage"
            let one = StepLoad.decode(sequences: sequences, context: context, microBatches: batches).oneMicroBatch
            lanes = Self.stages(model, pieces: Array(repeating: one, count: min(batches, 64)))
        }
    }

    private static func stages(_ model: ReplicaModel, pieces: [StepLoad]) -> [Lane] {
        var lanes: [Lane] = []
        for (index, stage) in model.stages.enumerated() {
            let names = stage.devices.map { model.hardware.devices[$0].label }
            lanes.append(Lane(label: "\(names[0])\(names.count > 1 ? " +\(names.count - 1)" : "")", isTransfer: false, spans: []))
            if index < model.boundaries.count { lanes.append(Lane(label: "to stage \(index + 1)", isTransfer: true, spans: [])) }
        }
        for (number, load) in pieces.enumerated() {
            var arrival = 0.0
            for (index, stage) in model.stages.enumerated() {
                let start = max(arrival, lanes[2 * index].spans.last?.end ?? 0)
                let end = start + stage.time(load).seconds
                lanes[2 * index].spans.append(Span(start: start, end: end, index: number))
                arrival = end
                guard index < model.boundaries.count else { continue }
                arrival += model.boundarySeconds(index, tokens: load.tokens)
                lanes[2 * index + 1].spans.append(Span(start: end, end: arrival, index: number))
            }
        }
        return lanes
    }

    private static func layers(_ stage: Stage, _ schedule: ReplicaSchedule, model: ReplicaModel, load: StepLoad) -> [Lane] {
        var computing: [Int: [Span]] = [:], receiving: [Int: [Span]] = [:], sending: [Int: [Span]] = [:], disk: [Span] = []
        var previous: (placements: [[Shard]], time: StageTime, devices: [Int])?
        var now = 0.0
        // Transfers of what the first streamed layer needs were made during the step before.
        var arrived: [Int: Double] = [:], read = 0.0, ahead = true
        for layer in stage.layers {
            let placements = stage.placements.filter { $0.module.layer == layer }
            let time: StageTime, devices: [Int]
            if let known = previous, known.placements == placements.map(\.shards) {
                (time, devices) = (known.time, known.devices)
            } else {
                var one = stage
                (one.layers, one.placements, one.hasEmbedding, one.hasOutput) = (layer..<layer + 1, placements, false, false)
                guard let layout = try? StageLayout(one, shape: model.shape, pools: schedule.pools),
                    let alone = try? StageModel(layout, hardware: model.hardware, shape: model.shape)
                else { continue }
                (time, devices) = (alone.time(load), alone.devices)
                previous = (placements.map(\.shards), time, devices)
            }
            let number = layer - stage.layers.lowerBound
            var ready = now
            for (local, device) in devices.enumerated() where time.receiving[local] > 0 {
                let start = arrived[device, default: 0], end = start + time.receiving[local]
                receiving[device, default: []].append(Span(start: start, end: end, index: number))
                if !ahead { ready = max(ready, end - (receiving[device]?.first.map { $0.end - $0.start } ?? 0)) }
                arrived[device] = end
            }
            if time.diskRead > 0 {
                disk.append(Span(start: read, end: read + time.diskRead, index: number))
                read += time.diskRead
                if !ahead { ready = max(ready, read - (disk.first.map { $0.end - $0.start } ?? 0)) }
            }
            if time.diskRead > 0 || time.receiving.contains(where: { $0 > 0 }) { ahead = false }
            for (local, device) in devices.enumerated() {
                if time.busy[local] > 0 {
                    computing[device, default: []].append(Span(start: ready, end: ready + time.busy[local], index: number))
                }
                if time.sending[local] > 0 {
                    let start = max(ready, sending[device]?.last?.end ?? 0)
                    sending[device, default: []].append(Span(start: start, end: start + time.sending[local], index: number))
                }
            }
            now = ready + time.chain
        }
        func lanes(_ spans: [Int: [Span]], _ name: (String) -> String, isTransfer: Bool) -> [Lane] {
            spans.sorted { $0.key < $1.key }.map {
                Lane(label: name(model.hardware.devices[$0.key].label), isTransfer: isTransfer, spans: $0.value)
            }
        }
        return lanes(computing, { $0 }, isTransfer: false) + lanes(receiving, { "to \($0)" }, isTransfer: true)
            + lanes(sending, { "from \($0)" }, isTransfer: true)
            + (disk.isEmpty ? [] : [Lane(label: "disk read", isTransfer: true, spans: disk)])
    }
}
