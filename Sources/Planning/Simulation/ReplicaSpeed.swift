/// What a router knows of a replica: how long a decode round takes by the number of sequences, and a prompt by its length.
struct ReplicaSpeed {
    /// Seconds of a decode round at 1, 2, 4, ... sequences.
    private let rounds: [Double]
    /// Seconds of the busiest stage, and until the first token, per prompt token.
    let occupancyPerToken: Double
    private let firstTokenPerToken: Double
    private let mostSequences: Int
    /// What is expected of a request: a router does not know how long an answer will be.
    private let meanOutput: Double
    /// How long a router remembers what came: several requests' lives.
    let memorySeconds: Double

    init(_ model: ReplicaModel, workload: Workload, mostSequences: Int) {
        let prompt = workload.meanPrompt
        meanOutput = workload.meanOutput
        self.mostSequences = max(1, min(mostSequences, model.sequenceCapacity(tokens: workload.contextTokens)))
        var rounds: [Double] = []
        var count = 1
        while count < 2 * self.mostSequences {
            rounds.append(model.decodeRound(sequences: Double(count), context: prompt + meanOutput / 2))
            count *= 2
        }
        self.rounds = rounds
        let slices = model.slices(sequences: 1, promptTokens: prompt)
        let load = StepLoad.prefill(sequences: 1, tokens: prompt / Double(slices.count), after: prompt / 2)
        occupancyPerToken = model.period(load) * Double(slices.count) / prompt
        firstTokenPerToken = model.prefillSeconds(sequences: 1, slices: slices) / prompt
        memorySeconds = max(1e-3, 5 * (firstTokenPerToken * prompt + meanOutput * rounds[0]))
    }

    /// Seconds of a decode round, linear between powers of two.
    private func round(_ sequences: Int) -> Double {
        let sequences = max(1, sequences)
        let index = Int.bitWidth - 1 - sequences.leadingZeroBitCount
        guard index + 1 < rounds.count else { return rounds[rounds.count - 1] }
        let low = 1 << index
        return rounds[index] + (rounds[index + 1] - rounds[index]) * Double(sequences - low) / Double(low)
    }

    /// Requests per second when every place is taken.
    func bestRate(promptTokens: Double) -> Double {
        let count = Double(mostSequences)
        return count / (count * promptTokens * occupancyPerToken + meanOutput * round(mostSequences))
    }

    /// Seconds until a request that comes now would have its last token: prompts before it, its own, room among the sequences, its tokens.
    ///
    /// - Parameter promptShare: of the replica's time that prompts lately took; decoding goes on in the rest.
    func expectedSeconds(promptTokens: Int, running: Int, waiting: Int, promptBacklog: Int, promptShare: Double) -> Double {
        let all = running + waiting + 1
        let pace = round(min(all, mostSequences)) / max(0.1, 1 - promptShare)
        let prompts = Double(promptBacklog) * occupancyPerToken + Double(promptTokens) * firstTokenPerToken
        // Each round brings a token to every running sequence: so often one of them ends.
        let room = Double(max(0, all - mostSequences)) * meanOutput * pace / Double(mostSequences)
        return prompts + room + meanOutput * pace
    }
}
