/// A chain of stages that holds the whole model.
public struct Replica: Sendable, Equatable {
    /// In pipeline order.
    public var stages: [Stage]
    /// What crosses from each stage to the next; one fewer than stages.
    public var boundaries: [Boundary]
    public var schedule: ReplicaSchedule
    public var arithmetic: Arithmetic

    public init(stages: [Stage], boundaries: [Boundary] = [], schedule: ReplicaSchedule, arithmetic: Arithmetic) {
        self.stages = stages
        self.boundaries = boundaries
        self.schedule = schedule
        self.arithmetic = arithmetic
    }
}
