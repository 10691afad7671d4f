import Glibc
import Plans

/// A pipeline as the queue model asks about it: a compiled replica, or a chain of groups that is no plan yet.
protocol PipelineTimes {
    var stageCount: Int { get }
    /// Micro-batches its plan has.
    var plannedMicroBatches: Int { get }
    func stageSeconds(_ stage: Int, _ load: StepLoad) -> Double
    /// Seconds from a stage to the next.
    func hopSeconds(_ stage: Int, tokens: Double) -> Double
    /// How a lone prompt is cut.
    func promptSlices(_ tokens: Double) -> [Double]
}

extension PipelineTimes {
    func period(of load: StepLoad) -> Double {
        var longest = 0.0
        for stage in 0..<stageCount {
            longest = max(longest, stageSeconds(stage, load))
            if stage + 1 < stageCount { longest = max(longest, hopSeconds(stage, tokens: load.tokens)) }
        }
        return longest
    }

    func latency(of load: StepLoad) -> Double {
        var sum = 0.0
        for stage in 0..<stageCount {
            sum += stageSeconds(stage, load)
            if stage + 1 < stageCount { sum += hopSeconds(stage, tokens: load.tokens) }
        }
        return sum
    }

    /// Seconds to decode one token for each of `sequences`: as `ReplicaModel.decodeRound`.
    func round(sequences: Int, context: Double) -> Double {
        let batches = stageCount == 1 ? plannedMicroBatches : max(1, min(max(plannedMicroBatches, stageCount), sequences))
        let load = StepLoad.decode(sequences: Double(sequences), context: context, microBatches: min(batches, sequences))
        return stageCount == 1 ? stageSeconds(0, load) : max(period(of: load), latency(of: load.oneMicroBatch))
    }

    /// Tokens of a prompt from which on longer pieces are hardly multiplied faster: as the simulator cuts.
    func efficientTokens(after context: Double) -> Double {
        func perToken(_ tokens: Double) -> Double {
            let load = StepLoad.prefill(sequences: 1, tokens: tokens, after: context, wantsLogits: false)
            var longest = 0.0
            for stage in 0..<stageCount { longest = max(longest, stageSeconds(stage, load)) }
            return longest / tokens
        }
        let best = perToken(ReplicaModel.longestStep)
        var tokens = 64.0
        while tokens < ReplicaModel.longestStep, perToken(tokens) > 1.15 * best { tokens *= 2 }
        return tokens
    }

    /// Seconds until a lone prompt's first token: its slices flowing through the stages.
    func promptSeconds(_ slices: [Double]) -> Double {
        var finished = Array(repeating: 0.0, count: stageCount)
        var start = 0.0
        for (number, slice) in slices.enumerated() {
            let load = StepLoad.prefill(sequences: 1, tokens: slice, after: start, wantsLogits: number == slices.count - 1)
            var arrival = 0.0
            for stage in 0..<stageCount {
                finished[stage] = max(finished[stage], arrival) + stageSeconds(stage, load)
                if stage + 1 < stageCount { arrival = finished[stage] + hopSeconds(stage, tokens: load.tokens) }
            }
            start += slice
        }
        return finished.last ?? 0
    }
}

extension ReplicaModel: PipelineTimes {
    var stageCount: Int { stages.count }
    var plannedMicroBatches: Int { max(1, block.microBatchCount) }
    func stageSeconds(_ stage: Int, _ load: StepLoad) -> Double { stages[stage].time(load).seconds }
    func hopSeconds(_ stage: Int, tokens: Double) -> Double { boundarySeconds(stage, tokens: tokens) }
    func promptSlices(_ tokens: Double) -> [Double] { slices(sequences: 1, promptTokens: tokens) }
}

extension QueueModel {
    /// What a replica takes, by active sequences and prompt length.
    struct Server {
        /// Seconds of a decode round at 1, 2, 4, ... sequences, the last at `mostSequences`.
        var rounds: [Double]
        /// Seconds a prompt token adds to the busiest stage's step beside so many decoding sequences, on the same grid: a step that reads
        /// the weights anyway takes a prompt along for less.
        var occupancy: [Double]
        /// Seconds per prompt token that a lone prompt holds decoding sequences up: nothing overtakes in a pipeline, so they follow it
        /// through every stage.
        var stall: [Double]
        var stageCount: Int
        /// Seconds until the first token per prompt token, alone.
        var firstTokenPerToken: Double
        var mostSequences: Int

        init(_ times: some PipelineTimes, prompt: Double, output: Double, mostSequences most: Int) {
            mostSequences = max(1, most)
            rounds = []
            occupancy = []
            stall = []
            stageCount = times.stageCount
            let context = prompt + output / 2
            let slices = times.promptSlices(prompt)
            let longest = slices.max() ?? prompt
            // A pipeline's prompts are cut about as fine as its devices multiply well, so that decoding goes on between the pieces.
            let pieces = times.stageCount == 1 ? 1 : max(1, (longest / times.efficientTokens(after: prompt / 2)).rounded(.up))
            let slice = StepLoad.prefill(sequences: 1, tokens: longest / pieces, after: max(0, prompt / 2 - longest / pieces / 2))
            let alone = times.period(of: slice) * Double(slices.count) * pieces / prompt
            let lone = times.promptSeconds(slices)
            var count = 1
            while true {
                rounds.append(times.round(sequences: count, context: context))
                // Each of a pipeline's steps brings its share of the decoding sequences.
                let beside = StepLoad.decode(sequences: max(1, Double(count) / Double(times.stageCount)), context: context)
                let more = times.period(of: beside + slice) - times.period(of: beside)
                let occupied = min(alone, max(0, more) * Double(slices.count) * pieces / prompt)
                occupancy.append(occupied)
                stall.append(
                    times.stageCount == 1
                        ? occupied : max(occupied, ((pieces == 1 ? lone : times.latency(of: slice)) - times.latency(of: beside)) / prompt))
                if count >= mostSequences { break }
                count = min(count * 2, mostSequences)
            }
            occupancyAlone = alone
            firstTokenPerToken = lone / prompt
        }

        /// The same with nothing decoding.
        var occupancyAlone: Double

        func round(_ active: Int) -> Double { interpolated(rounds, active) }

        func occupancy(_ active: Int) -> Double { active == 0 ? occupancyAlone : interpolated(occupancy, active) }

        func stall(_ active: Int) -> Double { active == 0 ? occupancyAlone : interpolated(stall, active) }

        private func interpolated(_ values: [Double], _ active: Int) -> Double {
            var low = 1, index = 0
            while index + 1 < values.count {
                let high = min(low * 2, mostSequences)
                if active <= high {
                    let share = high == low ? 0 : Double(active - low) / Double(high - low)
                    return values[index] + (values[index + 1] - values[index]) * max(0, share)
                }
                low = high
                index += 1
            }
            return values[values.count - 1]
        }

        /// Requests per second at which so many sequences are active, by Little's law: n / (output x round(n) + n x prompt's occupancy);
        /// and seconds of a round stretched by others' prompts.
        private func flow(_ count: Int, prompt: Double, output: Double) -> (rate: Double, round: Double) {
            let round = round(count), occupied = prompt * occupancy(count)
            let rate = Double(count) / (output * round + Double(count) * occupied)
            // Each prompt stretches a round by what it holds up, less where prompts follow one another.
            let free = (1 - min(0.999, rate * occupied)) * exp(-rate * max(0, prompt * stall(count) - occupied))
            return (rate, round / max(1e-9, free))
        }

        /// Whether a request of mean length is within the limits while so many are active.
        func isInTime(_ count: Int, prompt: Double, output: Double, limits: Limits, slack: Double = 1) -> Bool {
            let round = flow(count, prompt: prompt, output: output).round, first = firstTokenPerToken * prompt
            return first <= limits.first * slack && round <= limits.each * slack
                && first + max(0, output - 1) * round <= limits.total * slack
        }

        /// The most sequences with which a request of mean length is within the limits; 0 where even a lone one is late.
        func sequencesInTime(prompt: Double, output: Double, limits: Limits) -> Int {
            guard isInTime(1, prompt: prompt, output: output, limits: limits) else { return 0 }
            var low = 1, high = mostSequences + 1
            while high - low > 1 {
                let middle = (low + high) / 2
                if isInTime(middle, prompt: prompt, output: output, limits: limits) { low = middle } else { high = middle }
            }
            return low
        }

        /// Requests per second that can be sustained with a request of mean length within the limits; 0 where even a lone request is late.
        func capacity(prompt: Double, output: Double, limits: Limits, slack: Double = 1) -> Double {
            var best = 0.0
            var count = 1
            for _ in rounds.indices {
                if isInTime(count, prompt: prompt, output: output, limits: limits, slack: slack) {
                    best = max(best, flow(count, prompt: prompt, output: output).rate)
                }
                count = min(count * 2, mostSequences)
            }
            return best
        }
    }
}
