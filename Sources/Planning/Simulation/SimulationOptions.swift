/// How a workload is played.
public struct SimulationOptions: Sendable {
    /// Requests of a Poisson workload.
    public var requests = SimulationOptions.standardRequests
    /// Requests of a batch; nil: the workload's.
    public var batch: Int?
    public var seed: UInt64 = 1
    public var failures: [DeviceFailure] = []
    /// Scale of the service level; nil: the objective's own, or 5.
    public var scale: Double?
    /// Whether what every stage does is kept for `SimulationTrace`.
    public var recordsTrace = false
    /// For planning anew after a failure.
    public var strategy = Strategy.auto
    public var timeLimit = 20.0
    /// Seconds until a new plan is found, whatever the search really takes: results are to be the same everywhere.
    public var planningSeconds = 1.0

    public init() {}

    public static let standardRequests = 1000
    /// More would not fit into memory comfortably.
    public static let mostRequests = 10_000_000
}
