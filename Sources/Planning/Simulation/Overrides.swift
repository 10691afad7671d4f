extension Workload {
    /// The same lengths at another rate: Poisson arrivals, or a trace's with the time between them stretched or shrunk. A trace that comes
    /// all at once is drawn from instead.
    public func arriving(rate: Double) -> Workload {
        var result = self
        guard case .trace(let requests) = demand else {
            result.demand = .rate(rate)
            return result
        }
        guard let first = requests.first?.arrival, let last = requests.last?.arrival, last > first else {
            return Workload(
                prompt: .values(requests.map(\.promptTokens)), output: .values(requests.map(\.outputTokens)), demand: .rate(rate),
                contextLimit: contextTokens)
        }
        let factor = Double(requests.count - 1) / (last - first) / rate
        result.demand = .trace(
            requests.map {
                Request(arrival: first + ($0.arrival - first) * factor, promptTokens: $0.promptTokens, outputTokens: $0.outputTokens)
            })
        return result
    }
}

extension Objective {
    /// A service level made looser or stricter: the scale of a scaled one is replaced, deadlines and limits are multiplied. Other
    /// objectives stay.
    public func scaled(by factor: Double) -> Objective {
        guard case .slo(let level) = self else { return self }
        switch level {
        case .deadline(let seconds): return .slo(.deadline(seconds * factor))
        case .scaled(_, let device, let count): return .slo(.scaled(factor, device: device, count: count))
        case .limits(let first, let each):
            return .slo(.limits(timeToFirstToken: first.map { $0 * factor }, timePerOutputToken: each.map { $0 * factor }))
        }
    }
}
