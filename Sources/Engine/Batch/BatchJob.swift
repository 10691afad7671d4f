import Glibc
import JSON

/// Answers the lines of a batch that have no answer yet, as many at once as the engine runs, each written when it is finished.
///
///     let input = try BatchInput(path: "requests.jsonl"), output = try BatchOutput(path: "results.jsonl", input: input)
///     let job = BatchJob(input: input, output: output, model: model, engine: engine, options: options)
///     let progress = try job.run()
///
/// One thread calls `run`, once; `progress` and `cancel` are for any. An answer depends on its line, the options and the model alone: not on
/// the lines beside it, nor on where an earlier run was interrupted. In memory are the requests that run and a few that are ready to follow.
public final class BatchJob: Sendable {
    public struct Options: Sendable {
        /// What holds where a line says nothing.
        public var defaults: GenerationSettings
        /// Requests that the engine runs at once.
        public var parallel: Int
        /// With a line's `custom_id` it gives the seed of a line that has none.
        public var seed: UInt64

        public init(defaults: GenerationSettings, parallel: Int, seed: UInt64 = 0) {
            self.defaults = defaults
            self.parallel = parallel
            self.seed = seed
        }
    }

    let input: BatchInput
    /// Of the thread that calls `run`.
    nonisolated(unsafe) let output: BatchOutput
    let model: Model
    let engine: Engine
    let options: Options
    /// Line numbers whose requests have ended, and whether no more are wanted.
    let inbox = Monitor(Inbox())
    let figures: Monitor<BatchProgress>
    private let startSeconds = MonotonicClock.seconds()

    struct Inbox: Sendable {
        var ended: [Int] = []
        var isCancelled = false
    }

    public init(input: BatchInput, output: sending BatchOutput, model: Model, engine: Engine, options: Options) {
        self.input = input
        self.model = model
        self.engine = engine
        self.options = options
        figures = Monitor(BatchProgress(input, output))
        self.output = output
    }

    public var progress: BatchProgress {
        var progress = figures.update { $0 }
        progress.seconds = MonotonicClock.seconds() - startSeconds
        return progress
    }

    /// Makes `run` return soon, without answers of the requests that are running.
    public func cancel() { inbox.update { $0.isCancelled = true } }

    func note(_ change: (inout BatchProgress) -> Void) { figures.update { change(&$0) } }
}
