import Glibc

/// What the model will be asked to do.
public struct Workload: Sendable, Equatable {
    public var prompt: TokenLengths
    public var output: TokenLengths
    public var demand: Demand
    /// Most positions a sequence may take; nil: the longest prompt and output.
    public var contextLimit: Int?

    public init(prompt: TokenLengths, output: TokenLengths, demand: Demand, contextLimit: Int? = nil) {
        self.prompt = prompt
        self.output = output
        self.demand = demand
        self.contextLimit = contextLimit
    }

    /// How requests come.
    public enum Demand: Sendable, Equatable {
        /// So many sequences are there at once and may run together.
        case batch(Int)
        /// Requests per second, Poisson.
        case rate(Double)
        /// Arrivals at given seconds with their lengths, in order of time.
        case trace([Request])
    }

    public struct Request: Sendable, Equatable {
        public var arrival: Double
        public var promptTokens: Int
        public var outputTokens: Int

        public init(arrival: Double, promptTokens: Int, outputTokens: Int) {
            self.arrival = arrival
            self.promptTokens = promptTokens
            self.outputTokens = outputTokens
        }
    }

    /// Sequences that are there at once; nil where requests arrive over time.
    public var batch: Int? {
        if case .batch(let count) = demand { return count }
        return nil
    }

    public var meanPrompt: Double { lengths(\.promptTokens) ?? prompt.mean }
    public var meanOutput: Double { lengths(\.outputTokens) ?? output.mean }

    /// Positions reserved for a sequence.
    public var contextTokens: Int {
        if let contextLimit { return contextLimit }
        if case .trace(let requests) = demand { return requests.map { $0.promptTokens + $0.outputTokens }.max() ?? 1 }
        return prompt.longest + output.longest
    }

    private func lengths(_ key: KeyPath<Request, Int>) -> Double? {
        guard case .trace(let requests) = demand, !requests.isEmpty else { return nil }
        return Double(requests.reduce(0) { $0 + $1[keyPath: key] }) / Double(requests.count)
    }
}

/// Token counts of prompts or outputs.
public enum TokenLengths: Sendable, Equatable {
    case fixed(Int)
    /// Evenly from the first to the second.
    case uniform(Int, Int)
    /// Log-normal around a median, never above the last: how lengths of real traffic are spread. `sigma` is of the logarithm.
    case logNormal(median: Int, sigma: Double, most: Int)
    /// Drawn from these.
    case values([Int])

    public var mean: Double {
        switch self {
        case .fixed(let count): Double(count)
        case .uniform(let low, let high): Double(low + high) / 2
        case .logNormal(let median, let sigma, let most): Self.clippedMean(median: Double(median), sigma: sigma, most: Double(most))
        case .values(let values): values.isEmpty ? 1 : values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
        }
    }

    public var longest: Int {
        switch self {
        case .fixed(let count): count
        case .uniform(_, let high): high
        case .logNormal(_, _, let most): most
        case .values(let values): values.max() ?? 1
        }
    }

    func sample(_ random: inout SplitMix) -> Int {
        switch self {
        case .fixed(let count): count
        case .uniform(let low, let high): low + random.below(high - low + 1)
        case .logNormal(let median, let sigma, let most):
            Int(Self.clipped(exp(log(Double(median)) + sigma * random.normal()), most: Double(most)).rounded())
        case .values(let values): values.isEmpty ? 1 : values[random.below(values.count)]
        }
    }

    private static func clipped(_ value: Double, most: Double) -> Double { min(most, max(1, value)) }

    /// Mean of the clipped log-normal, by the midpoint rule over eight standard deviations on either side (error below 1e-3 for sigma up to
    /// 3).
    private static func clippedMean(median: Double, sigma: Double, most: Double) -> Double {
        var sum = 0.0, weights = 0.0
        for index in 0..<400 {
            let z = -8 + 16 * (Double(index) + 0.5) / 400
            let weight = exp(-z * z / 2)
            sum += weight * clipped(exp(log(median) + sigma * z), most: most)
            weights += weight
        }
        return sum / weights
    }
}

/// What is to be made best.
public enum Objective: Sendable, Equatable {
    /// Seconds per output token with the workload's batch (1 where requests arrive over time).
    case latency
    /// Seconds to the first token of the workload's batch.
    case timeToFirstToken
    /// Output tokens per second.
    case throughput
    /// Share of requests within limits.
    case slo(ServiceLevel)
    /// Money per million output tokens.
    case cost

    public var name: String {
        switch self {
        case .latency: "latency"
        case .timeToFirstToken: "ttft"
        case .throughput: "throughput"
        case .slo: "slo"
        case .cost: "cost"
        }
    }
}

/// When a request counts as served in time.
public enum ServiceLevel: Sendable, Equatable {
    /// Whole request within so many seconds.
    case deadline(Double)
    /// Whole request within `scale` times what a lone request takes on `count` devices of that catalogue name in one machine.
    case scaled(Double, device: String, count: Int)
    /// Absolute limits on time to first token and time per output token.
    case limits(timeToFirstToken: Double?, timePerOutputToken: Double?)
}

/// A small seeded generator (SplitMix64): same seed, same numbers, on every machine.
public struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// 0 ..< count.
    mutating func below(_ count: Int) -> Int { count <= 1 ? 0 : Int(next() % UInt64(count)) }

    /// In (0, 1].
    mutating func unit() -> Double { (Double(next() >> 11) + 1) / 9_007_199_254_740_992 }

    /// Standard normal (Box and Muller, one of the pair).
    mutating func normal() -> Double { (-2 * log(unit())).squareRoot() * cos(2 * .pi * unit()) }
}
