import Plans

extension ReplicaModel {
    /// Sequences of a replica whose plan does not ask for more, as `QueueModel` has it.
    static let usualSequences = 256

    /// The schedule that goes into the plan: the one function that decides how a planned replica is driven.
    ///
    /// Several micro-batches on one stage are a block that shares each pass over streamed weights: a step may bring the prompts of the
    /// whole block. In a pipeline each step is a micro-batch; enough are in flight that the busiest place never waits for one to come
    /// around, and prompts are cut about as fine as the devices multiply well: nothing overtakes, so a step that takes much longer than the
    /// others holds up at every stage all that follows, more prompts come meanwhile, and the next step is as long.
    func schedule(for workload: Workload) -> ReplicaSchedule {
        let microBatch = min(max(1, block.microBatchSize), 1 << 16)
        let planned = microBatch * min(max(1, block.microBatchCount), 1 << 12)
        let room = max(1, sequenceCapacity(tokens: workload.contextTokens))
        let sequences = min(1 << 16, max(planned, min(Self.usualSequences, room)))
        let meanPrompt = Int(min(1e8, workload.meanPrompt.rounded(.up)))
        var stepTokens = Int(Self.longestStep)
        var inFlight = 1, groups = 1
        var prompts: Int?
        if stages.count > 1 {
            groups = decodeGroups(for: workload)
            let shared = sharedBatches(groups: groups)
            if block.microBatchCount > 1 { prompts = microBatch * min(shared, 1 << 12) }
            let cut = sliceTables.flatMap(\.slices).max() ?? 0
            let fine = efficientTokens(context: workload.meanPrompt / 2)
            let together: Int = min(planned, prompts ?? .max, stepTokens)
            let sliced: Int = min(stepTokens, together * min(cut, stepTokens))
            let decodes: Int = (sequences + groups - 1) / groups
            stepTokens = max(min(stepTokens, fine + decodes), sliced)
            // Micro-batches that share a pass over streamed weights do so with their prompts too.
            if shared > 1 { stepTokens = max(stepTokens, planned * meanPrompt / groups) }
            let longest = Double(cut > 0 ? cut : stepTokens)
            let load = StepLoad.prefill(sequences: 1, tokens: min(workload.meanPrompt, longest))
            let places = (seconds(load) / max(1e-12, period(load))).rounded(.up)
            inFlight = max(groups, min(8 * stages.count, Int(min(1e6, places)) + 1))
        } else if block.microBatchCount > 1 {
            stepTokens = max(stepTokens, planned * meanPrompt)
        }
        return ReplicaSchedule(
            pools: pools, sequences: sequences, stepTokens: max(stepTokens, (sequences + groups - 1) / groups), stepLogits: sequences,
            stepPrompts: prompts, sliceTokens: Int(Self.longestStep), sliceTables: sliceTables, stepsInFlight: inFlight,
            decodeGroups: groups,
            admitsInBlocks: stages.count > 1 && sharedBatches(groups: groups) > 1 && workload.batch != nil, block: block)
    }

    /// Into how many steps a pipeline divides its sequences: one for each stage and micro-batch; fewer where stages stream weights and
    /// every step more is another pass over them. A round of g steps takes max(g x slowest stage, all stages one after another).
    private func decodeGroups(for workload: Workload) -> Int {
        let usual = max(stages.count, min(block.microBatchCount, 256))
        guard block.microBatchCount > 1, isStreaming else { return usual }
        let sequences = Double(max(1, block.microBatchSize)) * Double(block.microBatchCount)
        func round(_ groups: Int) -> Double {
            let load = StepLoad.decode(
                sequences: sequences / Double(groups), context: workload.meanPrompt + workload.meanOutput / 2,
                microBatches: sharedBatches(groups: groups))
            return max(Double(groups) * (stages.map { $0.time(load).seconds }.max() ?? 0), seconds(load))
        }
        var best = (groups: usual, seconds: round(usual))
        for groups in 1..<max(2, usual) {
            let seconds = round(groups)
            // A group fewer has to gain something: with it a stage may idle.
            if seconds < 0.98 * best.seconds { best = (groups, seconds) }
        }
        return best.groups
    }

    /// Micro-batches of one step of a pipeline.
    func sharedBatches(groups: Int) -> Int { max(1, (block.microBatchCount + groups - 1) / max(1, groups)) }

    /// The fewest prompt tokens of a step, from 64 on in powers of two, at which the slowest stage takes at most 15 % longer per token than
    /// at its most efficient.
    private func efficientTokens(context: Double) -> Int {
        func perToken(_ tokens: Double) -> Double {
            let load = StepLoad.prefill(sequences: 1, tokens: tokens, after: context, wantsLogits: false)
            return (stages.map { $0.time(load).seconds }.max() ?? 0) / tokens
        }
        let best = perToken(Self.longestStep)
        var tokens = 64
        while Double(tokens) < Self.longestStep, perToken(Double(tokens)) > 1.15 * best { tokens *= 2 }
        return tokens
    }
}
