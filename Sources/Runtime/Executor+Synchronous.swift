public import Plans

extension Executor {
    /// Runs one step and waits for it. Afterwards `logits(row:)` gives the rows asked for, numbered over all entries in order.
    public func run(_ step: Step) throws {
        let ticket = try submit(step)
        try wait(ticket)
        last = ticket
    }

    /// Logits of row `row` of the last step that `run` ran; valid until the next one.
    public func logits(row: Int) -> UnsafeBufferPointer<Float> {
        guard let last else { preconditionFailure("no step was run") }
        return logits(last, row: row)
    }
}
