/// What a failure did.
public struct FailureReport: Sendable, Equatable {
    public var seconds: Double
    public var devices: [String]
    /// Replicas that ended, that went on undisturbed, and that were started.
    public var ended: Int
    public var kept: Int
    public var started: Int
    /// Requests that had to begin again from their tokens.
    public var replayed: Int
    /// Seconds at which the last new replica ran; nil where none was started.
    public var recoveredAt: Double?
    public var note: String
}

/// What a simulated workload gave. Seconds; same plan, requests and seed: the same, bit for bit.
public struct SimulationReport: Sendable {
    public struct ReplicaUse: Sendable {
        /// Labels of each stage's devices.
        public var stages: [[String]]
        /// Share of the duration that each stage was occupied.
        public var occupied: [Double]
        public var steps: Int
        public var tokens: Int
        public var preemptions: Int
        public var blockCount: Int
        /// Most KV blocks held at once.
        public var peakBlocks: Int
    }

    public var requests: [Workload.Request]
    /// By request: seconds from arrival to the first and to the last token; infinite where it failed.
    public var firstToken: [Double]
    public var total: [Double]
    public var limits: ServiceLimits
    /// From the first arrival to the last token.
    public var duration: Double
    public var producedTokens: Int
    public var completed: Int
    public var failed: Int
    /// Arrivals, stages that finished a step, and steps that ended.
    public var events: Int
    /// Share of the duration that each device computed (`StageTime.busy`), in order of the hardware.
    public var utilisation: [(device: String, share: Double)]
    public var replicas: [ReplicaUse]
    public var meanQueue: Double
    public var peakQueue: Double
    /// Waiting requests over time: seconds of a span, mean and peak in each.
    public var queueSpan: Double
    public var queueMeans: [Double]
    public var queuePeaks: [Double]
    public var failures: [FailureReport]
    public var trace: SimulationTrace

    public var throughput: Double { duration > 0 ? Double(producedTokens) / duration : 0 }

    /// Share of all requests in time at the limits' scale.
    public var attainment: Double { attainment(scale: limits.scale) }

    /// Share of all requests in time at another scale.
    public func attainment(scale: Double) -> Double {
        guard !requests.isEmpty else { return 0 }
        var good = 0
        for index in requests.indices where leastScale(index) <= scale * (1 + 1e-12) { good += 1 }
        return Double(good) / Double(requests.count)
    }

    private func leastScale(_ index: Int) -> Double {
        guard total[index].isFinite else { return .infinity }
        return limits.leastScale(first: firstToken[index], total: total[index], output: requests[index].outputTokens)
    }

    /// Nearest rank among requests that were completed; 0 where there is none.
    public func firstToken(percentile: Double) -> Double {
        Self.percentile(firstToken.indices.filter { total[$0].isFinite }.map { firstToken[$0] }, percentile)
    }

    /// Seconds per further token of completed requests with more than one.
    public func perToken(percentile: Double) -> Double { Self.percentile(perToken, percentile) }

    public func total(percentile: Double) -> Double { Self.percentile(total.filter(\.isFinite), percentile) }

    var perToken: [Double] {
        requests.indices.filter { total[$0].isFinite && requests[$0].outputTokens > 1 }.map {
            (total[$0] - firstToken[$0]) / Double(requests[$0].outputTokens - 1)
        }
    }

    static func percentile(_ values: [Double], _ share: Double) -> Double {
        values.isEmpty ? 0 : rank(values.sorted(), share)
    }

    static func rank(_ sorted: [Double], _ share: Double) -> Double {
        sorted[max(0, min(sorted.count - 1, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
    }
}
