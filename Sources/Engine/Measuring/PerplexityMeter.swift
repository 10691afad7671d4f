import Plans
import Scheduling

/// How well a model foresees given tokens.
public final class PerplexityMeter {
    /// Sum of the negative log-likelihoods (nats), and over how many tokens.
    public private(set) var negativeLogLikelihood = 0.0
    public private(set) var tokens = 0

    private let executor: any StepExecutor
    private let sampler: Sampler

    public init(executor: any StepExecutor) {
        self.executor = executor
        sampler = Sampler(vocabularySize: executor.vocabularySize)
    }

    /// Mean over all tokens scored so far, in nats.
    public var meanNegativeLogLikelihood: Double { tokens > 0 ? negativeLogLikelihood / Double(tokens) : .nan }
    public var perplexity: Double { exponential(meanNegativeLogLikelihood) }

    /// Scores `window[first...]`, each token given all tokens of the window before it. `progress` gets the part of the window that is done.
    public func score(_ window: [Int32], from first: Int = 1, progress: (Double) -> Void = { _ in }) throws {
        guard window.count > first, first >= 1 else {
            throw GenerationError.invalidParameter("at least two tokens are needed for a perplexity")
        }
        try executor.check(window)
        // The last token is only judged, never run.
        var scheduler = Scheduler(schedule: executor.schedule.limited(sequences: 1, sharesPrefixes: false))
        _ = try scheduler.submit(SequenceRequest(prompt: Array(window.dropLast()), maximumTokens: 0, logitsFrom: first - 1))
        var steps = StepsInFlight(executor: executor)
        defer { steps.drain() }
        while true {
            while scheduler.next() { try steps.submit(scheduler.step) }
            if steps.isEmpty { return }
            let ticket = try steps.waitForOldest()
            scheduler.complete()
            let entry = scheduler.completed.entries[0]
            for (row, offset) in entry.logits.enumerated() {
                let position = entry.start + offset
                negativeLogLikelihood -= try sampler.logProbability(of: window[position + 1], executor.logits(ticket, row: row))
                tokens += 1
            }
            progress(Double(entry.start + entry.tokens.count) / Double(window.count))
        }
    }
}
