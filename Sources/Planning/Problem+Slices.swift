import Plans

extension Problem {
    /// Prompt lengths that get a slice table: the mean that plans are scored with, quarters of the distribution, its longest, and the longest prompt the context has room for.
    var slicedLengths: [Int] {
        let longest = max(1, contextPrompt)
        var lengths: Set<Int> = [Int(workload.meanPrompt.rounded()), longest]
        if case .fixed = workload.prompt, workload.batch != nil {
            lengths = [Int(workload.meanPrompt.rounded())]
        } else {
            for quantile in [0.25, 0.5, 0.75, 1] { lengths.insert(promptQuantile(quantile)) }
            // Between the longest of the workload and the context limit by doubling.
            var length = max(64, promptQuantile(1))
            while length < longest {
                lengths.insert(length)
                length *= 2
            }
        }
        return lengths.filter { $0 >= 64 && $0 <= longest }.sorted()
    }

    /// Longest prompt that leaves room for a token.
    private var contextPrompt: Int { max(workload.contextTokens - 1, Int(workload.meanPrompt.rounded())) }

    private func promptQuantile(_ share: Double) -> Int {
        let sorted = requests.map(\.promptTokens).sorted()
        guard !sorted.isEmpty else { return Int(workload.meanPrompt.rounded()) }
        return sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }

    /// The best slices for a pipeline of these stages, by prompt length; empty where no prompt gains from being cut.
    func sliceTables(_ plan: Plan, replica: Int = 0) -> [SliceTable] {
        guard let model = try? ReplicaModel(plan.replicas[replica], hardware: hardware, shape: shape), model.stages.count > 1 else { return [] }
        let sequences = Double(togetherSequences) / Double(max(1, plan.replicas.count)) / Double(max(1, plan.replicas[replica].block.microBatchCount))
        let tables = slicedLengths.map { Self.sliceTable(model, prompt: $0, sequences: workload.batch == nil ? 1 : sequences) }
        return tables.contains { $0.slices.count > 1 } ? tables : []
    }

    /// The best slices of prompts of one length: whole tiles of the kernels, at most 32 of them.
    static func sliceTable(_ model: ReplicaModel, prompt: Int, sequences: Double) -> SliceTable {
        let kernel = SlicedPipeline.kernelTile
        let tile = kernel * max(1, (prompt + kernel * 32 - 1) / (kernel * 32))
        let tiles = max(1, (prompt + tile - 1) / tile)
        let search = SliceSearch(
            stages: model.stages.count, tiles: tiles, longest: Int(ReplicaModel.longestStep) / tile,
            seconds: { stage, start, length in
                model.stages[stage].time(SlicedPipeline.load(sequences: sequences, prompt: prompt, tile: tile, start: start, length: length)).seconds
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
