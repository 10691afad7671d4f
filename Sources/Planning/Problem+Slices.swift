import Plans

extension Problem {
    /// Prompt lengths that get a slice table while plans are compared: the mean, and where lengths differ quarters of their distribution
    /// and the longest.
    var slicedLengths: [Int] {
        let mean = Int(workload.meanPrompt.rounded())
        var lengths: Set<Int> = [mean]
        if case .fixed = workload.prompt, workload.batch != nil {
        } else {
            var random = SplitMix(seed: seed)
            var sorted = (0..<256).map { _ in workload.prompt.sample(&random) }
            if case .trace(let requests) = workload.demand { sorted = requests.map(\.promptTokens) }
            sorted.sort()
            for quarter in 1...4 where !sorted.isEmpty { lengths.insert(sorted[min(sorted.count - 1, sorted.count * quarter / 4)]) }
        }
        return lengths.filter { $0 >= 64 }.sorted()
    }

    /// The best slices for a pipeline of these stages, by prompt length; empty where no prompt gains from being cut.
    func sliceTables(_ plan: Plan, replica: Int = 0, lengths: [Int]? = nil) -> [SliceTable] {
        guard let model = try? ReplicaModel(plan.replicas[replica], hardware: hardware, shape: shape), model.stages.count > 1 else {
            return []
        }
        let sequences =
            Double(togetherSequences) / Double(max(1, plan.replicas.count)) / Double(plan.replicas[replica].schedule.block.microBatchCount)
        let tables = (lengths ?? slicedLengths).map { Self.sliceTable(model, prompt: $0, sequences: workload.batch == nil ? 1 : sequences) }
        return tables.contains { $0.slices.count > 1 } ? tables : []
    }

    /// A plan whose slice tables go on to the longest prompt that the context has room for, by doubling: prompts that this workload does
    /// not have, so its prediction stays.
    func completed(_ plan: Plan) -> Plan {
        var plan = plan
        var known: [(stages: [Stage], tables: [SliceTable])] = []
        let longest = workload.contextTokens - 1
        for index in plan.replicas.indices where !plan.replicas[index].schedule.sliceTables.isEmpty {
            let schedule = plan.replicas[index].schedule
            let had = schedule.sliceTables.map(\.promptTokens).max() ?? 0
            var lengths: [Int] = []
            var length = 2 * had
            while length < longest && lengths.count < 8 {
                lengths.append(length)
                length *= 2
            }
            if longest > had && longest >= 64 { lengths.append(longest) }
            guard !lengths.isEmpty else { continue }
            let same = known.first { $0.stages == plan.replicas[index].stages }
            let more = same?.tables ?? sliceTables(plan, replica: index, lengths: lengths)
            if same == nil { known.append((plan.replicas[index].stages, more)) }
            plan.replicas[index].schedule = schedule.with(sliceTables: schedule.sliceTables + more)
        }
        return plan
    }

    /// The best slices of prompts of one length: whole tiles of the kernels, at most 32 of them.
    static func sliceTable(_ model: ReplicaModel, prompt: Int, sequences: Double) -> SliceTable {
        let kernel = ReplicaSchedule.tileTokens
        let tile = kernel * max(1, (prompt + kernel * 32 - 1) / (kernel * 32))
        let tiles = max(1, (prompt + tile - 1) / tile)
        let search = SliceSearch(
            stages: model.stages.count, tiles: tiles, longest: Int(ReplicaModel.longestStep) / tile,
            seconds: { stage, start, length in
                model.stages[stage].time(
                    SlicedPipeline.load(sequences: sequences, prompt: prompt, tile: tile, start: start, length: length)
                ).seconds
            },
            transfer: { stage, start, length in
                model.boundarySeconds(stage, tokens: sequences * Double(min(prompt, (start + length) * tile) - start * tile))
            })
        return SliceTable(promptTokens: prompt, slices: tokens(search.best(labels: 60).lengths, tile: tile, prompt: prompt))
    }

    /// Slices in tokens of slices in tiles: the last one ends with the prompt.
    static func tokens(_ lengths: [Int], tile: Int, prompt: Int) -> [Int] {
        var slices = lengths.map { $0 * tile }
        slices[slices.count - 1] -= lengths.reduce(0, +) * tile - prompt
        return slices
    }
}
