/// Where every weight, every block of keys and values and every multiplication goes, and in which order. Plain data: the planner writes it,
/// the executor obeys it. docs/formats.md describes its JSON form.
///
/// What always holds is checked by `PlanCheck`: in every replica the stages cover all modules of all layers once and in order, each
/// module's shards and each layer's keys and values are covered exactly once, everything named is listed and exists, and everything fits.
public struct Plan: Sendable, Equatable {
    /// Version of this format; readers refuse others.
    public static let currentVersion = 2

    public var version: Int
    /// Fingerprint of the checkpoint that this plan is for; empty where it was planned for a model's shape alone.
    public var model: String
    /// Fingerprint of the profile that this plan was made from; empty for plans made without one.
    public var profile: String
    public var machines: [PlannedMachine]
    public var devices: [PlannedDevice]
    public var memories: [PlannedMemory]
    public var replicas: [Replica]
    public var prediction: Prediction?

    public init(
        version: Int = Plan.currentVersion, model: String, profile: String, machines: [PlannedMachine], devices: [PlannedDevice],
        memories: [PlannedMemory], replicas: [Replica], prediction: Prediction? = nil
    ) {
        self.version = version
        self.model = model
        self.profile = profile
        self.machines = machines
        self.devices = devices
        self.memories = memories
        self.replicas = replicas
        self.prediction = prediction
    }
}
