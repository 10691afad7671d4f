import Plans

/// Which devices form which replica: partitions of a pool, devices left out allowed, scored by requests.
///
/// Small pools are searched exactly, every partition into sets that hold the model. Larger ones by re-partitioning: the devices of one, two or three neighbouring replicas and what is left over near
/// them are freed and divided anew, best by several additive values of a replica at once (a dynamic programme over sets), each candidate scored as a whole; until nothing improves. Deterministic.
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
    /// Partitions whose requests were played.
    private(set) var scored = 0
    /// Whether every partition was considered.
    private(set) var exhaustive = false
    private var known: [[Int]: (score: Double, picks: [[Int]: Int])] = [:]
    /// Most partitions that are enumerated.
    var most = 1500
    /// Partitions tried by mutation each time that nothing improves: few where every request is in time anyway.
    var mutations: Int { isSaturated ? 20 : min(240, 6 * total.reduce(0, +)) }
    /// Whether every request is in time with something to spare, so that only seconds are left to gain.
    private var isSaturated: Bool {
        if case .slo = problem.objective { return (best.first?.score ?? 1) < 1e-3 }
        return false
    }
    /// Most sets that a re-partitioning considers.
    var width = 120
    static let kept = 12
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
        // Like replicas are one entry: a partition is known by its shapes; prices are of machines, so those are part of it where they count.
        var key = located.map(\.1.shape.id).sorted()
        if problem.objective == .cost { key += [-1] + machines(located.map(\.0)) }
        if let found = known[key], found.score >= (best.last?.score ?? .infinity) || best.contains(where: { $0.score == found.score }) {
            return found.score
        }
        let options = located.map(\.1.choices)
        var result = (score: Double.infinity, picks: [Int]())
        var tried: Set<[Int]> = []
        for measure in [-1, 0, 1, 2, 3] {
            // The last: what sustains most without a cap on sequences.
            let picks = options.map { choices -> Int in
                guard measure >= 0 else { return 0 }
                let open = choices.indices.filter { measure != 3 || !choices[$0].isCapped }, index = measure % 3
                return open.max { (choices[$0].sustained[index], -choices[$0].total) < (choices[$1].sustained[index], -choices[$1].total) } ?? 0
            }
            guard tried.insert(picks).inserted else { continue }
            let value = score(zip(options, picks).map { $0[$1] }, located.map(\.0))
            if value < result.score { result = (value, picks) }
        }
        known[key] = (result.score, [:])
        note(Candidate(replicas: located.map(\.0), picks: result.picks, score: result.score))
        return result.score
    }

    private func note(_ candidate: Candidate) {
        guard candidate.score.isFinite, candidate.score < (best.count < Self.kept ? .infinity : best[best.count - 1].score) else { return }
        guard !best.contains(where: { $0.score == candidate.score }) else { return }
        best.append(candidate)
        best.sort { $0.score < $1.score }
        if best.count > Self.kept { best.removeLast() }
    }

    private func machines(_ replicas: [Counts]) -> [Int] {
        var used: Set<Int> = []
        for counts in replicas { for (pool, count) in counts.enumerated() where count > 0 { used.insert(solver.pools[pool].machine) } }
        return used.sorted()
    }

    /// What an hour of the machines and devices costs; nil where nothing has a price.
    private func price(_ chosen: [ReplicaChoice], _ replicas: [Counts]) -> Double? {
        var prices: [Double] = []
        for machine in machines(replicas) { if let price = problem.hardware.profile.machines[machine].pricePerHour { prices.append(price) } }
        for counts in replicas {
            for (pool, count) in counts.enumerated() where count > 0 {
                if let price = problem.hardware.devices[solver.pools[pool].devices[0]].profile.pricePerHour { prices.append(price * Double(count)) }
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
                    server.occupancyAlone * prompt * Double(count) + server.firstTokenPerToken * prompt + max(0, output - 1) * server.round(count)
                rate += Double(count) * output / time
                sequences += Double(count)
                longest = max(longest, time)
            }
            if sequences > Double(batch) { rate = min(rate, Double(batch) * output / longest) }
            value = 1 / rate
        } else {
            let outcome = QueueModel.run(servers, problem.requests)
            value = outcome.duration / max(1, outcome.tokens)
        }
        if problem.objective == .cost, let price = price(chosen, replicas) { value *= price / 3600 }
        return value
    }

    // MARK: Every partition

    /// Enumerates all partitions into sets that hold the model, each set's devices in descending order of the list; false where there are too many.
    func enumerate() -> Bool {
        guard total.reduce(1.0, { $0 * Double($1 + 1) }) <= 700 else { return false }
        var sets: [Counts] = []
        var counts = Array(repeating: 0, count: total.count)
        while true {
            var index = 0
            while index < counts.count {
                counts[index] += 1
                if counts[index] <= total[index] { break }
                counts[index] = 0
                index += 1
            }
            guard index < counts.count else { break }
            if deadline.passed { return false }
            if !solver.solve(counts).choices.isEmpty { sets.append(counts) }
        }
        // A set that leaves devices to spare in every choice is no more than the smaller one.
        sets.removeAll { counts in
            let located = solver.solve(counts)
            return located.choices.indices.allSatisfy { located.used($0, pools: total.count) != counts }
        }
        var found: [[Counts]] = []
        func extend(_ partition: [Counts], _ left: Counts, from first: Int) -> Bool {
            var whole = true
            for index in first..<max(first, sets.count) where zip(sets[index], left).allSatisfy({ $0 <= $1 }) {
                if problem.objective == .cost { found.append(partition + [sets[index]]) }
                whole = false
                guard extend(partition + [sets[index]], zip(left, sets[index]).map { $0 - $1 }, from: index), found.count <= most else {
                    return false
                }
            }
            // Only what nothing can be added to: another replica never harms, but for its price.
            if whole, !partition.isEmpty, !sets.contains(where: { zip($0, left).allSatisfy { $0 <= $1 } }) { found.append(partition) }
            return found.count <= most
        }
        guard extend([], total, from: 0) else { return false }
        for partition in found {
            if deadline.passed { return false }
            consider(partition)
        }
        exhaustive = true
        return true
    }

    // MARK: Re-partitioning

    /// What a set is worth in a sum over replicas, in several ways.
    private func values(_ counts: Counts) -> [Double] {
        let choices = solver.solve(counts).choices
        guard let fastest = choices.map(\.total).min() else { return [] }
        func most(_ index: Int) -> Double { choices.map { $0.sustained[index] }.max() ?? 0 }
        var result = [most(0), most(1), most(2), 1 / fastest, 1 / (fastest * fastest * fastest)]
        if problem.objective == .throughput { result = [most(2), 1 / fastest] }
        return result
    }

    private var divided: [Counts: [[Counts]]] = [:]

    /// Divisions of a set of devices that are best by one of the values, and the one that keeps it whole.
    func divisions(of freed: Counts) -> [[Counts]] {
        if let found = divided[freed] { return found }
        let used = freed.indices.filter { freed[$0] > 0 }
        guard used.reduce(1.0, { $0 * Double(freed[$1] + 1) }) <= 20_000 else { return [[freed]] }
        // Subsets to consider: all of few devices, else even and halved counts.
        var levels = used.map { Array(0...freed[$0]) }
        var thin = 0
        while levels.reduce(1.0, { $0 * Double($1.count) }) > Double(width), thin < 40,
            let widest = levels.indices.max(by: { levels[$0].count < levels[$1].count }),
            levels[widest].count > 2
        {
            let most = freed[used[widest]]
            levels[widest] =
                levels[widest].count > most / 2 + 2
                ? levels[widest].filter { $0 % 2 == 0 || $0 == most } : levels[widest].count > 3 ? [0, most / 2, most] : [0, most]
            levels[widest] = Array(Set(levels[widest])).sorted()
            thin += 1
        }
        var strides: [Int] = [], next = 1
        for pool in used {
            strides.append(next)
            next *= freed[pool] + 1
        }
        guard levels.reduce(1.0, { $0 * Double($1.count) }) <= 2000 else { return [[freed]] }
        var sets: [(offset: Int, counts: [Int], values: [Double])] = []
        var pick = Array(repeating: 0, count: used.count)
        while true {
            var index = 0
            while index < pick.count {
                pick[index] += 1
                if pick[index] < levels[index].count { break }
                pick[index] = 0
                index += 1
            }
            guard index < pick.count else { break }
            var counts = Array(repeating: 0, count: freed.count)
            for (position, pool) in used.enumerated() { counts[pool] = levels[position][pick[position]] }
            let worth = values(counts)
            guard !worth.isEmpty else { continue }
            sets.append((zip(strides, used).reduce(0) { $0 + $1.0 * counts[$1.1] }, used.map { counts[$0] }, worth))
        }
        var result: [[Counts]] = [[freed]]
        for measure in 0..<(sets.first?.values.count ?? 0) {
            var value = Array(repeating: 0.0, count: next), choice = Array(repeating: -1, count: next)
            for state in 1..<max(1, next) {
                var rest = state
                let have = used.map { pool -> Int in
                    defer { rest /= freed[pool] + 1 }
                    return rest % (freed[pool] + 1)
                }
                for (index, set) in sets.enumerated() where set.values[measure] > 0 {
                    guard zip(set.counts, have).allSatisfy({ $0 <= $1 }) else { continue }
                    let worth = set.values[measure] + value[state - set.offset]
                    if worth > value[state] * (1 + 1e-12) { (value[state], choice[state]) = (worth, index) }
                }
            }
            var division: [Counts] = [], state = next - 1
            while state > 0, choice[state] >= 0 {
                let set = sets[choice[state]]
                var counts = Array(repeating: 0, count: freed.count)
                for (position, pool) in used.enumerated() { counts[pool] = set.counts[position] }
                division.append(counts)
                state -= set.offset
            }
            if !division.isEmpty, !result.contains(division) { result.append(division) }
        }
        divided[freed] = result
        return result
    }

    private func distance(_ a: Counts, _ b: Counts) -> Double {
        var least = Double.infinity
        for x in a.indices where a[x] > 0 {
            for y in b.indices where b[y] > 0 { least = min(least, solver.distance(solver.pools[x].machine, solver.pools[y].machine)) }
        }
        return least
    }

    /// The whole search.
    ///
    /// - Parameters:
    ///   - starts: partitions to begin with.
    ///   - kicks: how often the best partition is disturbed and improved again.
    func explore(_ starts: [[Counts]], kicks: Int) {
        for start in starts where !deadline.passed { consider(start) }
        var tried: Set<[Counts]> = []
        let devices = total.reduce(0, +)
        for candidate in best.prefix(isSaturated || devices > 100 ? 1 : 3) where tried.insert(candidate.replicas).inserted {
            _ = improve(candidate.replicas, rounds: devices > 100 ? 15 : 40)
        }
        var random = SplitMix(seed: problem.seed)
        for kick in 0..<kicks where !deadline.passed && (kick == 0 || !isSaturated && devices <= 100) {
            // Published mutations of the best, then neighbours again.
            for _ in 0..<mutations where !best.isEmpty && !deadline.passed { consider(disturbed(best[random.below(best.count)].replicas, &random)) }
            guard let base = best.isEmpty ? nil : best[kick % min(2, best.count)] else { break }
            _ = improve(tried.insert(base.replicas).inserted ? base.replicas : disturbed(base.replicas, &random), rounds: 12, width: 2)
        }
    }

    /// Two replicas made one, one made two, or some devices moved: the published mutations.
    func disturbed(_ partition: [Counts], _ random: inout SplitMix) -> [Counts] {
        var groups = partition
        for _ in 0..<1 + random.below(2) where !groups.isEmpty {
            let a = random.below(groups.count)
            switch random.below(3) {
            case 0 where groups.count > 1:
                var b = random.below(groups.count)
                for _ in 0..<3 {
                    let other = random.below(groups.count)
                    if other != a, b == a || distance(groups[a], groups[other]) < distance(groups[a], groups[b]) { b = other }
                }
                guard a != b else { continue }
                groups[a] = zip(groups[a], groups[b]).map(+)
                groups.remove(at: b)
            case 1:
                let half = groups[a].map { $0 == 0 ? 0 : random.below($0 + 1) }
                groups.append(half)
                groups[a] = zip(groups[a], half).map { $0 - $1 }
            default:
                let held = groups[a].indices.filter { groups[a][$0] > 0 }
                guard !held.isEmpty else { continue }
                let pool = held[random.below(held.count)], amount = 1 + random.below(groups[a][pool]), target = random.below(groups.count)
                groups[a][pool] -= amount
                groups[target][pool] += amount
            }
        }
        // What no longer holds the model is left over, for the improvement to place.
        let whole = groups.filter { !solver.solve($0).choices.isEmpty }
        return whole.isEmpty ? partition : whole
    }

    /// Divides the devices of neighbouring replicas anew until nothing gets better.
    ///
    /// - Parameter touching: only neighbourhoods with one of these replicas.
    func improve(_ start: [Counts], rounds: Int, width: Int = 3, touching: Set<Int>? = nil) -> [Counts] {
        var current = start, value = consider(start)
        for _ in 0..<rounds {
            var improved = false
            var signs: Set<[Int]> = []
            for group in neighbourhoods(current, width: width) {
                if let touching, touching.isDisjoint(with: group) { continue }
                if deadline.passed { return current }
                let kept = current.indices.filter { !group.contains($0) }.map { current[$0] }
                let used = current.reduce(Array(repeating: 0, count: total.count)) { zip($0, $1).map(+) }
                let left = zip(total, used).map { $0 - $1 }
                var freed = group.reduce(Array(repeating: 0, count: total.count)) { zip($0, current[$1]).map(+) }
                // Left over devices of the pools concerned, or where only they are to be placed: all near.
                for pool in left.indices where left[pool] > 0 && (freed[pool] > 0 || near(pool, freed)) { freed[pool] += left[pool] }
                // Like neighbourhoods give like results.
                let sign = [solver.solve(freed).shape.id] + group.map { solver.solve(current[$0]).shape.id }.sorted()
                guard signs.insert(sign).inserted else { continue }
                for division in divisions(of: freed) {
                    let candidate = kept + division
                    let next = consider(candidate)
                    if next < value - 1e-12 {
                        (current, value, improved) = (candidate, next, true)
                        break
                    }
                }
                if improved { break }
            }
            if !improved { break }
        }
        return current
    }

    private func near(_ pool: Int, _ freed: Counts) -> Bool {
        let kinds = freed.count { $0 > 0 }
        return kinds < 3 && freed.indices.contains { freed[$0] > 0 && solver.distance(solver.pools[$0].machine, solver.pools[pool].machine) < 5e-3 }
    }

    /// Replicas alone, pairs and triples by distance; of many only the nearest.
    private func neighbourhoods(_ partition: [Counts], width: Int) -> [[Int]] {
        var result = partition.indices.map { [$0] }
        guard width > 1 else { return result }
        var pairs: [(Double, [Int])] = []
        for a in partition.indices {
            var near: [(Double, Int)] = []
            var signs: Set<[Int]> = []
            for (distance, b) in partition.indices.filter({ $0 != a }).map({ (distance(partition[a], partition[$0]), $0) }).sorted(by: { $0 < $1 }) {
                // Another of the same kind as near is the same neighbour.
                guard near.count < 8, signs.insert([solver.solve(partition[b]).shape.id, Int(min(1e12, distance * 1e9))]).inserted else { continue }
                near.append((distance, b))
            }
            for (distance, b) in near { pairs.append((distance, [min(a, b), max(a, b)])) }
        }
        var listed: Set<[Int]> = []
        pairs = pairs.filter { listed.insert($0.1).inserted }
        pairs.sort { $0.0 == $1.0 ? $0.1.lexicographicallyPrecedes($1.1) : $0.0 < $1.0 }
        result += pairs.map(\.1)
        guard width > 2, partition.count <= 12 else { return result }
        for (_, pair) in pairs.prefix(20) {
            guard
                let third = partition.indices.filter({ !pair.contains($0) }).min(by: {
                    (distance(partition[pair[0]], partition[$0]), $0) < (distance(partition[pair[0]], partition[$1]), $1)
                })
            else { continue }
            result.append(pair + [third])
        }
        return result
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
