import Plans

/// Which devices form which replica: partitions of a pool, devices left out allowed, scored by requests.
///
/// Small pools are searched exactly, every partition into sets that hold the model. Larger ones by re-partitioning: the devices of one, two
/// or three neighbouring replicas and what is left over near them are freed and divided anew, best by several additive values of a replica
/// at once (a dynamic programme over sets), each candidate scored as a whole; until nothing improves. Deterministic.
final class PartitionSearch {
    typealias Counts = [Int]

    /// Replicas as devices by pool, with the score and the choice made for each.
    struct Candidate {
        var replicas: [Counts]
        var picks: [Int]
        var score: Double
    }

    let problem: Problem
    let solver: ReplicaSolver
    let deadline: Deadline
    let total: Counts
    private(set) var best: [Candidate] = []
    /// Kept whatever their score.
    private(set) var standing: [Candidate] = []
    /// Partitions whose requests were played.
    private(set) var scored = 0
    /// Whether every partition was considered.
    var exhaustive = false
    private var known: [[Int]: Double] = [:]
    /// Divisions of sets of devices found before.
    var divided: [Counts: [[Counts]]] = [:]
    /// Most partitions that are enumerated.
    var most = 1500
    /// Partitions tried by mutation each time that nothing improves: few where every request is in time anyway.
    var mutations: Int { isSaturated ? 20 : min(240, 6 * total.reduce(0, +)) }
    /// Whether every request is in time with something to spare, so that only seconds are left to gain.
    var isSaturated: Bool {
        if case .slo = problem.objective { return (best.first?.score ?? 1) < 1e-3 }
        return false
    }
    /// Most sets that a re-partitioning considers.
    var width = 120
    static let kept = 12
    /// How choices are made for all replicas alike: the fastest; what sustains most, in several senses, under any cap on sequences, under
    /// none, and under the tight one.
    static let measures: [(measure: Int, isOpen: @Sendable (Double?) -> Bool)] = [
        (-1, { _ in true }), (0, { _ in true }), (1, { $0 == nil }), (2, { $0 == nil }), (0, { $0 == nil }), (0, { $0 != 1 && $0 != nil }),
    ]
    /// How much attainment counts at what share of the limits.
    static let margins = [(0.6, 1.0), (0.25, 0.85), (0.15, 0.7)]

    init(_ problem: Problem, solver: ReplicaSolver, deadline: Deadline) {
        self.problem = problem
        self.solver = solver
        self.deadline = deadline
        total = solver.pools.map(\.devices.count)
    }

    // MARK: Scores

    /// Scores a partition under the choices that are fastest, sustain most, and a few between; keeps it if it is among the best.
    @discardableResult
    func consider(_ partition: [Counts]) -> Double {
        let located = partition.map { ($0, solver.solve($0)) }.filter { !$0.1.choices.isEmpty }
        guard !located.isEmpty else { return .infinity }
        // Like replicas are one entry: a partition is known by its shapes; prices are of machines, so those are part of it where they
        // count.
        var key = located.map(\.1.shape.id).sorted()
        if problem.objective == .cost { key += [-1] + machines(located.map(\.0)) }
        if let found = known[key], found >= (best.last?.score ?? .infinity) || best.contains(where: { $0.score == found }) { return found }
        let options = located.map(\.1.choices)
        var result = (score: Double.infinity, picks: [Int]())
        var tried: Set<[Int]> = []
        for (measure, isOpen) in Self.measures {
            let picks = options.map { choices -> Int in
                guard measure >= 0 else { return 0 }
                let open = choices.indices.filter { isOpen(choices[$0].cap) }
                return open.max {
                    (choices[$0].sustained[measure], -choices[$0].total) < (choices[$1].sustained[measure], -choices[$1].total)
                } ?? 0
            }
            guard tried.insert(picks).inserted else { continue }
            let value = score(zip(options, picks).map { $0[$1] }, located.map(\.0))
            if value < result.score { result = (value, picks) }
        }
        known[key] = result.score
        note(Candidate(replicas: located.map(\.0), picks: result.picks, score: result.score))
        return result.score
    }

    /// Keeps a partition with all its picks beside the best.
    func stand(_ partition: [Counts]) {
        let located = partition.map { ($0, solver.solve($0)) }.filter { !$0.1.choices.isEmpty }
        guard !located.isEmpty else { return }
        for (measure, isOpen) in Self.measures where measure == 0 {
            let picks = located.map { _, found -> Int in
                found.choices.indices.filter { isOpen(found.choices[$0].cap) }.max {
                    found.choices[$0].sustained[0] < found.choices[$1].sustained[0]
                }
                    ?? 0
            }
            guard !standing.contains(where: { $0.picks == picks }) else { continue }
            let value = score(zip(located, picks).map { $0.1.choices[$1] }, located.map(\.0))
            if value.isFinite { standing.append(Candidate(replicas: located.map(\.0), picks: picks, score: value)) }
        }
    }

    func note(_ candidate: Candidate) {
        guard candidate.score.isFinite, candidate.score < (best.count < Self.kept ? .infinity : best[best.count - 1].score) else { return }
        guard !best.contains(where: { $0.score == candidate.score }) else { return }
        best.append(candidate)
        best.sort { $0.score < $1.score }
        if best.count > Self.kept { best.removeLast() }
    }

    func machines(_ replicas: [Counts]) -> [Int] {
        var used: Set<Int> = []
        for counts in replicas { for (pool, count) in counts.enumerated() where count > 0 { used.insert(solver.pools[pool].machine) } }
        return used.sorted()
    }

    /// What an hour of the machines and devices costs; nil where nothing has a price.
    func price(_ chosen: [ReplicaChoice], _ replicas: [Counts]) -> Double? {
        var prices: [Double] = []
        for machine in machines(replicas) {
            if let price = problem.hardware.profile.machines[machine].pricePerHour { prices.append(price) }
        }
        for counts in replicas {
            for (pool, count) in counts.enumerated() where count > 0 {
                if let price = problem.hardware.devices[solver.pools[pool].devices[0]].profile.pricePerHour {
                    prices.append(price * Double(count))
                }
            }
        }
        return prices.isEmpty ? nil : prices.reduce(0, +)
    }

    /// The objective as `Problem.evaluate` counts it; for service levels with a margin.
    func score(_ chosen: [ReplicaChoice], _ replicas: [Counts]) -> Double {
        let servers = chosen.compactMap(\.server)
        guard servers.count == chosen.count else { return .infinity }
        scored += 1
        if case .slo = problem.objective {
            let worst = best.count < Self.kept ? 1 : best[best.count - 1].score
            let misses = Int((min(1, worst) * Double(problem.requests.count)).rounded(.up)) + 1
            let outcome = QueueModel.run(servers, problem.requests, patience: (problem.limits, misses))
            // Steps are less smooth than the queue model: being in time with something to spare counts as well.
            var late = 0.0
            for (share, scale) in Self.margins { late += share * (1 - outcome.attainment(problem.limits.scaled(scale))) }
            return late + min(1, outcome.meanTotal * 1e-6)
        }
        var value: Double
        if let batch = problem.workload.batch {
            // Every replica runs its share of the batch, as far as it has room.
            let output = problem.workload.meanOutput, prompt = problem.workload.meanPrompt
            var rate = 0.0, sequences = 0.0, longest = 0.0
            for server in servers {
                let count = max(1, min(server.mostSequences, Int((Double(batch) / Double(servers.count)).rounded(.up))))
                let time =
                    server.occupancyAlone * prompt * Double(count) + server.firstTokenPerToken * prompt + max(0, output - 1)
                    * server.round(count)
                rate += Double(count) * output / time
                sequences += Double(count)
                longest = max(longest, time)
            }
            if sequences > Double(batch) { rate = min(rate, Double(batch) * output / longest) }
            value = 1 / rate
        } else {
            let outcome = QueueModel.run(servers, problem.requests)
            value = outcome.secondsPerToken
        }
        if problem.objective == .cost, let price = price(chosen, replicas) { value *= price / 3600 }
        return value
    }

    // MARK: Choices

    /// For the best few: each replica's choice in turn, by the score of the whole.
    func polish(_ count: Int) {
        for candidate in best.prefix(count) {
            var own = candidate
            let options = own.replicas.map { solver.solve($0).choices }
            guard options.count <= 40 else { continue }
            for index in own.replicas.indices where options[index].count > 1 {
                for pick in options[index].indices where pick != own.picks[index] {
                    if deadline.passed { return }
                    var picks = own.picks
                    picks[index] = pick
                    let value = score(zip(options, picks).map { $0[$1] }, own.replicas)
                    if value < own.score { (own.picks, own.score) = (picks, value) }
                }
            }
            note(own)
        }
    }

    /// For prices: replicas left out one after another where that is cheaper.
    func prune() {
        for candidate in best.prefix(3) {
            var replicas = candidate.replicas
            var value = candidate.score
            var improved = true
            while improved, replicas.count > 1, !deadline.passed {
                improved = false
                for index in replicas.indices.reversed() {
                    var fewer = replicas
                    fewer.remove(at: index)
                    let next = consider(fewer)
                    if next < value { (replicas, value, improved) = (fewer, next, true); break }
                }
            }
        }
    }
}
