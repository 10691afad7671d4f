/// Counts since the scheduler was made; tokens and requests.
public struct SchedulerStatistics: Sendable, Equatable {
    public var submitted = 0
    public var finished = 0
    public var steps = 0
    /// Tokens that steps computed, again after preemption included.
    public var computedTokens = 0
    /// Tokens not computed because their blocks were known.
    public var sharedTokens = 0
    /// Tokens whose keys and values were given up.
    public var preemptedTokens = 0
    public var preemptions = 0

    public init() {}
}
