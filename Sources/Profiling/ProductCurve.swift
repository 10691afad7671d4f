import Devices
import Plans

/// One format's rates by token count: those asked for in order until the time is up, then points in between where the curve bends.
struct ProductCurve {
    let series: ProductSeries
    let budget: Budget
    /// Seconds that a product costs whatever its size, which the cost model counts apart.
    let launch: Double
    /// Seconds per point, about.
    let perPoint: Double

    /// Deviation of a point from the line between its neighbours that counts as a bend.
    private static let bend = 0.08
    private static let largestBend = 128.0

    func measure(_ counts: [Int]) -> [RateTable.Point] {
        var seconds: [Int: Double] = [:]
        var operations: [Int: Double] = [:]
        func add(_ tokens: Int) {
            guard seconds[tokens] == nil else { return }
            // A slow machine does not start what it cannot end. More tokens have no lower rate, fewer take no longer. The first point is
            // always measured.
            if let nearest = seconds.keys.min(by: { abs($0 - tokens) < abs($1 - tokens) }), let known = seconds[nearest],
                let work = operations[nearest]
            {
                let ratio = series.operations(tokens: max(tokens, nearest)) / work
                guard known * max(1, ratio) * 4 < budget.left else { return }
            }
            guard let timing = series.time(tokens: tokens, budget: min(perPoint, max(0, budget.left) / 4)) else { return }
            seconds[tokens] = max(timing.seconds - launch, timing.seconds / 2)
            operations[tokens] = timing.operations
        }
        for count in counts { add(count) }
        // Per weight, since matrices for many tokens are smaller.
        func time(_ tokens: Int) -> Double { Double(tokens) * (seconds[tokens] ?? 0) / max(1, operations[tokens] ?? 1) }
        // Twice at most: between powers of two there are two halves.
        for _ in 0..<2 {
            let known = seconds.keys.sorted()
            for index in known.indices.dropFirst().dropLast() where Double(known[index + 1]) <= Self.largestBend {
                let (a, b, c) = (known[index - 1], known[index], known[index + 1])
                let line = time(a) + (time(c) - time(a)) * Double(b - a) / Double(c - a)
                guard abs(time(b) - line) > Self.bend * time(b) else { continue }
                for (low, high) in [(a, b), (b, c)] where high - low > 1 && high - low >= high / 4 { add((low + high) / 2) }
            }
        }
        return seconds.keys.sorted().compactMap { tokens in
            guard let time = seconds[tokens], let work = operations[tokens], time > 0, (work / time).isFinite else { return nil }
            return RateTable.Point(tokens: Double(tokens), operationsPerSecond: work / time)
        }
    }
}
