public import Models
public import Plans

/// A replica of a plan, compiled for asking how long steps take. This is what searches, predictions and a simulator share:
///
///     let replica = try ReplicaModel(plan.replicas[0], hardware: hardware, shape: shape)
///     let seconds = replica.seconds(.decode(sequences: 8, context: 700))
public struct ReplicaModel: Sendable {
    let hardware: Hardware
    let shape: ModelShape
    let stages: [StageModel]
    /// From each stage to the next.
    let boundaries: [StageBoundary]
    /// Whether a stage streams weights.
    let isStreaming: Bool
    public let block: BlockGeometry
    let sliceTables: [SliceTable]
    /// KV blocks by pool.
    let pools: [Int]

    public init(_ replica: Replica, hardware: Hardware, shape: ModelShape) throws(PlanProblem) {
        try self.init(ReplicaLayout(replica, shape: shape), hardware: hardware, shape: shape)
    }

    init(_ replica: ReplicaLayout, hardware: Hardware, shape: ModelShape) throws(PlanProblem) {
        self.hardware = hardware
        self.shape = shape
        var stages: [StageModel] = []
        var next = 0
        for stage in replica.stages {
            let modules = stage.modules
            guard modules.lowerBound == next else {
                throw PlanProblem("stages do not cover the layers in order: expected layer \(next / 2)")
            }
            next = modules.upperBound
            stages.append(try StageModel(stage, hardware: hardware, shape: shape))
        }
        guard next == 2 * shape.layerCount, !stages.isEmpty else {
            throw PlanProblem("stages cover \(next / 2) of \(shape.layerCount) layers")
        }
        self.stages = stages
        boundaries = zip(stages, stages.dropFirst()).map { StageBoundary(from: $0.devices, to: $1.devices, hardware: hardware) }
        isStreaming = stages.contains(where: \.isStreaming)
        block = replica.block
        sliceTables = replica.sliceTables
        pools = replica.pools
    }

    /// Sequences of so many tokens that the KV cache has room for, whole blocks each.
    func sequenceCapacity(tokens: Int) -> Int { ReplicaSchedule(pools: pools).sequenceCapacity(tokens: tokens) }

    func boundarySeconds(_ index: Int, tokens: Double) -> Double { boundaries[index].seconds(elements: tokens * Double(shape.hiddenSize)) }

    /// Seconds from a step's start at the first stage to its end at the last: the sum over stages, nothing overlapped between them.
    public func seconds(_ load: StepLoad) -> Double {
        var total = 0.0
        for (index, stage) in stages.enumerated() {
            total += stage.time(load).seconds
            if index < boundaries.count { total += boundarySeconds(index, tokens: load.tokens) }
        }
        return total
    }

    /// Seconds until the same stage can take the next such step: the busiest stage or boundary.
    public func period(_ load: StepLoad) -> Double {
        var longest = 0.0
        for (index, stage) in stages.enumerated() {
            longest = max(longest, stage.time(load).seconds)
            if index < boundaries.count { longest = max(longest, boundarySeconds(index, tokens: load.tokens)) }
        }
        return longest
    }

    /// Seconds for every one of the block's sequences to advance by the load's tokens, its micro-batches flowing through the stages one
    /// behind another: no shorter than one micro-batch through all stages, nor than all of them through the busiest.
    ///
    /// Where stages stream weights, micro-batches that share a pass over them also leave the stage together: g groups cost g passes and
    /// flow like g micro-batches, and the best g is taken, as the scheduler does.
    public func round(_ load: StepLoad) -> Double {
        if stages.count == 1 { return stages[0].time(load).seconds }
        guard isStreaming, load.microBatches > 1 else { return max(period(load), seconds(load.oneMicroBatch)) }
        var best = Double.infinity
        for groups in Self.groupCounts(load.microBatches) {
            let group = load.part(of: groups)
            best = min(best, max(Double(groups) * period(group), seconds(group)))
        }
        return best
    }

    /// 1, 2, 3, 4, 6, 8, 12, 16, ... and `maximum`.
    static func groupCounts(_ maximum: Int) -> [Int] {
        var counts = [1], next = 2
        while next < maximum {
            counts.append(next)
            if next & (next - 1) == 0, next + next / 2 < maximum, next > 1 { counts.append(next + next / 2) }
            next *= 2
        }
        return maximum > 1 ? counts + [maximum] : counts
    }

    /// Seconds to decode one token for each of `sequences`, divided over the stages so that all of them work.
    public func decodeRound(sequences: Double, context: Double) -> Double {
        round(.decode(sequences: sequences, context: context, microBatches: decodeBatches(sequences)))
    }

    /// Micro-batches that so many sequences decode in: the plan's, and in a pipeline at least one per stage.
    func decodeBatches(_ sequences: Double) -> Int {
        let planned = max(1, block.microBatchCount)
        return max(1, min(stages.count == 1 ? planned : max(planned, stages.count), Int(min(sequences, 1e6))))
    }

    /// Longest piece of a prompt (times sequences) that is one step: bounds the memory of activations.
    static let longestStep = 2048.0

    /// Seconds until the first tokens of `sequences` prompts: slices of the plan's table, or steps of at most 2048 tokens, flowing through
    /// the stages (the exact recurrence; transfers overlap with the sender's next slice).
    public func prefillSeconds(sequences: Double, promptTokens: Double) -> Double {
        prefillSeconds(sequences: sequences, slices: slices(sequences: sequences, promptTokens: promptTokens))
    }

    func slices(sequences: Double, promptTokens: Double) -> [Double] {
        let tokens = Int(min(1e9, promptTokens.rounded()))
        if let table = sliceTables.table(for: tokens), !table.slices.isEmpty {
            return sliceTables.slices(ofPrompt: tokens).map { Double($0) * promptTokens / Double(max(1, tokens)) }
        }
        // One sequence alone is cut only where it is longer than a step; several go one after another in steps as full as possible.
        // Beyond half a million tokens slices grow instead of getting more.
        let count = min(256, max(1, (promptTokens * min(sequences, 1) / Self.longestStep).rounded(.up)))
        return Array(repeating: promptTokens / count, count: Int(count))
    }

    func prefillSeconds(sequences: Double, slices: [Double]) -> Double {
        // Micro-batches of a block follow one another through the stages as slices do; in one stage they share a pass over streamed
        // weights.
        let parts = max(1, min(block.microBatchCount, Int(sequences)))
        let groups = stages.count > 1 ? parts : 1
        var finished = Array(repeating: 0.0, count: stages.count)
        // After this many the flow is steady: each further group takes what the last one took.
        let steady = min(groups, 64 + stages.count)
        var before = 0.0
        for _ in 0..<steady {
            before = finished.last ?? 0
            var start = 0.0
            for (number, slice) in slices.enumerated() {
                let load = StepLoad.prefill(
                    sequences: sequences / Double(groups), tokens: slice, after: start, wantsLogits: number == slices.count - 1,
                    microBatches: stages.count > 1 ? 1 : parts)
                var arrival = 0.0
                for (index, stage) in stages.enumerated() {
                    finished[index] = max(finished[index], arrival) + stage.time(load).seconds
                    if index < boundaries.count { arrival = finished[index] + boundarySeconds(index, tokens: load.tokens) }
                }
                start += slice
            }
        }
        let last = finished.last ?? 0
        return last + Double(groups - steady) * (last - before)
    }

    /// Seconds to prefill a whole block of the plan's geometry and the seconds its busiest stage is occupied with it.
    public func prefillBlock(promptTokens: Double) -> Double {
        let size = Double(max(1, block.microBatchSize)), count = max(1, block.microBatchCount)
        // A micro-batch may be longer than a step: it then goes as several, which share the streamed weights only within the step window,
        // so weights are counted per pass.
        return round(.prefill(sequences: size * Double(count), tokens: promptTokens, microBatches: count))
    }
}
