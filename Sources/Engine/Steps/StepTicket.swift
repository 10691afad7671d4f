/// Names a step that was submitted to an executor, to wait for it and to read its logits. Means something to that executor alone.
public struct StepTicket: Hashable, Sendable {
    public var number: Int

    public init(number: Int) { self.number = number }
}
