/// A set of devices divided into replicas whose worths add up to the most.
extension PartitionSearch {
    /// What a set is worth in a sum over replicas, in several ways.
    func values(_ counts: Counts) -> [Double] {
        let choices = solver.solve(counts).choices
        guard let fastest = choices.map(\.total).min() else { return [] }
        func most(_ index: Int) -> Double { choices.map { $0.sustained[index] }.max() ?? 0 }
        var result = [most(0), most(1), most(2), 1 / fastest, 1 / (fastest * fastest * fastest)]
        if problem.objective == .throughput { result = [most(2), 1 / fastest] }
        return result
    }

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

    func distance(_ a: Counts, _ b: Counts) -> Double {
        var least = Double.infinity
        for x in a.indices where a[x] > 0 {
            for y in b.indices where b[y] > 0 { least = min(least, solver.distance(solver.pools[x].machine, solver.pools[y].machine)) }
        }
        return least
    }
}
