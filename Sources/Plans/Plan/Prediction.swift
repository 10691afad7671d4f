/// What the cost model says of a plan. Seconds, bytes, tokens per second.
public struct Prediction: Sendable, Equatable {
    public var throughputTokensPerSecond: Double?
    public var timeToFirstTokenSeconds: Double?
    public var timePerOutputTokenSeconds: Double?
    /// Share of requests within their service level, 0...1.
    public var sloAttainment: Double?
    /// Seconds of one step by resource name (`gpu0 compute`, `pcie0 to gpu0`, ...).
    public var prefillSeconds: [String: Double]
    public var decodeSeconds: [String: Double]
    public var memory: [MemoryUse]

    /// Bytes that a plan takes of a memory at its peak.
    public struct MemoryUse: Sendable, Equatable {
        public var memory: MemoryID
        public var bytes: Int
        public var capacity: Int?

        public init(memory: MemoryID, bytes: Int, capacity: Int?) {
            self.memory = memory
            self.bytes = bytes
            self.capacity = capacity
        }
    }

    public init(
        throughputTokensPerSecond: Double? = nil, timeToFirstTokenSeconds: Double? = nil, timePerOutputTokenSeconds: Double? = nil,
        sloAttainment: Double? = nil, prefillSeconds: [String: Double] = [:], decodeSeconds: [String: Double] = [:],
        memory: [MemoryUse] = []
    ) {
        self.throughputTokensPerSecond = throughputTokensPerSecond
        self.timeToFirstTokenSeconds = timeToFirstTokenSeconds
        self.timePerOutputTokenSeconds = timePerOutputTokenSeconds
        self.sloAttainment = sloAttainment
        self.prefillSeconds = prefillSeconds
        self.decodeSeconds = decodeSeconds
        self.memory = memory
    }
}
