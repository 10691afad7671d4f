import Plans
import Runtime

/// The steps that an executor was given and that were not waited for, oldest first: keeps the order in which an executor must be used.
///
/// Allocates nothing after `init`. Whoever gives up calls `drain`, so that the executor can be used again.
struct StepsInFlight {
    private let executor: any StepExecutor
    private var tickets: [StepTicket] = []

    init(executor: any StepExecutor) {
        self.executor = executor
        tickets.reserveCapacity(executor.stepsInFlight)
    }

    var isEmpty: Bool { tickets.isEmpty }
    /// Whether the oldest step must be waited for before another one is submitted.
    var isFull: Bool { tickets.count >= executor.stepsInFlight }

    mutating func submit(_ step: Step) throws { tickets.append(try executor.submit(step)) }

    /// Waits for the oldest step, whose logits are then valid until the next one is submitted.
    mutating func waitForOldest() throws -> StepTicket {
        let oldest = tickets.removeFirst()
        try executor.wait(oldest)
        return oldest
    }

    /// Waits for all of them, whatever becomes of them.
    mutating func drain() {
        for ticket in tickets { try? executor.wait(ticket) }
        tickets.removeAll(keepingCapacity: true)
    }
}
