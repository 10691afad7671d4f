import Glibc
public import JSON
import Plans
import Scheduling

/// The same plan under rising request rates: share of requests in time for several scales of the service level, speed and waiting times.
public struct AttainmentCurves: Sendable {
    public struct Point: Sendable {
        /// Requests per second.
        public var rate: Double
        /// By scale.
        public var attainment: [Double]
        /// By `fineScales`, for drawing.
        var fine: [Double] = []
        public var throughput: Double
        public var firstToken: (p50: Double, p99: Double)
        public var perToken: (p50: Double, p99: Double)
    }

    public var scales: [Double]
    public var points: [Point]
    /// Many scales between the first and the last.
    private(set) var fineScales: [Double] = []
    /// The service level at scale 1, and the scale that was asked for.
    public var limits: ServiceLimits

    /// Shares of a plan's best rate that are played where no rates are given.
    static let shares = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5]

    /// Plays the scenario's requests at every rate. The plan stays as it is.
    ///
    /// - Parameters:
    ///   - rates: requests per second; empty: around what the plan can serve.
    ///   - scales: of the service level; empty: around the objective's.
    public init(
        _ scenario: Scenario, problem: Problem, plan: Evaluation, options: SimulationOptions, rates: [Double] = [], scales: [Double] = []
    )
        throws
    {
        var rates = rates
        if rates.isEmpty {
            let best = try Self.bestRate(problem, plan)
            rates = Self.shares.map { Self.rounded($0 * best) }
        }
        rates.sort()
        var options = options
        options.recordsTrace = false
        var reports: [SimulationReport] = []
        for rate in rates {
            let workload = scenario.workload.arriving(rate: rate)
            let requests = QueueModel.requests(workload, count: options.requests, seed: options.seed)
            var simulator = try Simulator(scenario, problem: problem, plan: plan, options: options, requests: requests)
            reports.append(simulator.run())
        }
        limits = reports.first?.limits ?? ServiceLimits()
        let chosen = scales.isEmpty ? Self.telling(reports, asked: limits.scale) : scales.sorted()
        self.scales = chosen
        if let first = chosen.first, let last = chosen.last, last > first {
            fineScales = (0...60).map { first * pow(last / first, Double($0) / 60) }
        }
        let fine = fineScales
        points = zip(rates, reports).map { rate, report in
            Point(
                rate: rate, attainment: chosen.map { report.attainment(scale: $0) }, fine: fine.map { report.attainment(scale: $0) },
                throughput: report.throughput,
                firstToken: (report.firstToken(percentile: 0.5), report.firstToken(percentile: 0.99)),
                perToken: (report.perToken(percentile: 0.5), report.perToken(percentile: 0.99)))
        }
    }

    /// At most six scales: the asked one, and the first round ones at which some rate has a request in time.
    private static func telling(_ reports: [SimulationReport], asked: Double) -> [Double] {
        let usual = [0.1, 0.2, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 30, 50]
        let told = usual.filter { scale in scale != asked && reports.contains { $0.attainment(scale: scale) > 0.02 } }
        return ([asked] + told.prefix(5)).sorted()
    }

    /// Requests per second of all replicas with as many sequences as they hold: an upper end for the axis, not a promise.
    static func bestRate(_ problem: Problem, _ plan: Evaluation) throws -> Double {
        var rate = 0.0
        for replica in plan.plan.replicas {
            let model = try ReplicaModel(replica, hardware: problem.hardware, shape: problem.shape)
            rate += ReplicaSpeed(model, workload: problem.workload, mostSequences: replica.schedule.sequences).bestRate(
                promptTokens: problem.workload.meanPrompt)
        }
        return rate
    }

    /// To two significant digits.
    static func rounded(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return 1 }
        var unit = 1.0
        while value / unit >= 100 { unit *= 10 }
        while value / unit < 10 { unit /= 10 }
        let digits = (value / unit).rounded()
        // Through an integer denominator, so that 0.3 is 0.3.
        return unit < 1 ? digits / (1 / unit).rounded() : digits * unit
    }

    /// The highest rate at which so many are in time at the asked scale, between the played rates by a straight line; nil: at none.
    public func rate(attaining share: Double) -> Double? {
        guard let column = scales.firstIndex(of: limits.scale) else { return nil }
        guard let last = points.lastIndex(where: { $0.attainment[column] >= share }) else { return nil }
        guard last + 1 < points.count else { return points[last].rate }
        let (a, b) = (points[last], points[last + 1])
        let drop = a.attainment[column] - b.attainment[column]
        return drop > 0 ? a.rate + (b.rate - a.rate) * (a.attainment[column] - share) / drop : a.rate
    }

    public var json: JSON {
        [
            "slo_scales": .array(scales.map { .number($0) }), "slo_scale": .number(limits.scale),
            "rates": .array(points.map { .number($0.rate) }),
            "slo_attainment": .array(points.map { .array($0.attainment.map { .number($0) }) }),
            "throughput_tokens_per_second": .array(points.map { .number($0.throughput) }),
            "ttft_seconds": .array(points.map { ["p50": .number($0.firstToken.p50), "p99": .number($0.firstToken.p99)] }),
            "tpot_seconds": .array(points.map { ["p50": .number($0.perToken.p50), "p99": .number($0.perToken.p99)] }),
        ]
    }

    public var text: String {
        var rows = [["requests/s"] + scales.map { "x " + Self.short($0) } + ["tokens/s", "first p50", "p99", "token p50", "p99"]]
        for point in points {
            rows.append(
                [Self.short(point.rate)] + point.attainment.map { Text.fixed($0 * 100, 1) + " %" }
                    + [Text.digits(point.throughput)]
                    + [point.firstToken.p50, point.firstToken.p99, point.perToken.p50, point.perToken.p99].map {
                        $0 > 0 ? Text.seconds($0) : "-"
                    })
        }
        var text =
            "share of requests in time by rate and scale of the service level (x \(Self.short(limits.scale)): \(limits.text))\n\n"
            + Text.table(rows)
            + "\n"
        let reached = [0.99, 0.9].compactMap { share in
            rate(attaining: share).map { "\(Text.percent(share)) up to \(Text.digits($0)) requests/s" }
        }
        if !reached.isEmpty { text += "\n  in time at x \(Self.short(limits.scale)): " + reached.joined(separator: ", ") + "\n" }
        return text
    }

    /// A number without noughts at its end.
    static func short(_ value: Double) -> String {
        guard value < 1e6 else { return Text.digits(value) }
        var text = Text.fixed(value, value < 0.1 ? 4 : value < 10 ? 2 : 1)
        while text.contains("."), text.last == "0" || text.last == "." { text.removeLast() }
        return text
    }
}
