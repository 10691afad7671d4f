import Engine
import Glibc

/// Shows how far a batch is: a terminal has one line that is written anew, a file gets a line now and then.
final class BatchDisplay: Sendable {
    /// Seconds between two looks, and between two lines of a file.
    private static let period = 0.25, linePeriod = 15.0

    private let isDone = Monitor(false)
    private let thread: SystemThread?
    private let bar: ProgressBar

    init(_ job: BatchJob, isEnabled: Bool) {
        let bar = ProgressBar("batch", isEnabled: isEnabled), isDone = isDone
        self.bar = bar
        let isTerminal = Console.isErrorTerminal
        guard isEnabled else {
            thread = nil
            return
        }
        thread = SystemThread {
            var lastLine = MonotonicClock.seconds()
            while !isDone.update({ $0 }) {
                usleep(useconds_t(Self.period * 1e6))
                let progress = job.progress
                if isTerminal {
                    bar.update(progress.fraction, note: String(progress.shortFigures.prefix(max(0, Console.width - 30))))
                } else if MonotonicClock.seconds() - lastLine >= Self.linePeriod {
                    lastLine = MonotonicClock.seconds()
                    Console.error("batch: \(progress.figures)")
                }
            }
        }
    }

    /// Removes the line of a terminal.
    func finish() {
        isDone.update { $0 = true }
        thread?.join()
        bar.finish()
    }
}
