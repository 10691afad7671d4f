import Plans

/// Large pools: neighbouring replicas divided anew, mutations in between.
extension PartitionSearch {
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
            for _ in 0..<mutations where !best.isEmpty && !deadline.passed {
                consider(disturbed(best[random.below(best.count)].replicas, &random))
            }
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
                // Half of the time something comes back.
                let others = groups[target].indices.filter { $0 != pool && groups[target][$0] > 0 }
                if target != a, random.below(2) == 0, !others.isEmpty {
                    let other = others[random.below(others.count)], back = 1 + random.below(groups[target][other])
                    groups[target][other] -= back
                    groups[a][other] += back
                }
            }
        }
        // What no longer holds the model joins its nearest neighbour, or is left over for an improvement to place.
        var whole = groups.filter { !solver.solve($0).choices.isEmpty }
        guard !whole.isEmpty else { return partition }
        if random.below(2) == 0 { return whole }
        for poor in groups where poor.contains(where: { $0 > 0 }) && solver.solve(poor).choices.isEmpty {
            let nearest = whole.indices.min { distance(poor, whole[$0]) < distance(poor, whole[$1]) } ?? 0
            whole[nearest] = zip(whole[nearest], poor).map(+)
        }
        return whole
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

    func near(_ pool: Int, _ freed: Counts) -> Bool {
        let kinds = freed.count { $0 > 0 }
        return kinds < 3
            && freed.indices.contains { freed[$0] > 0 && solver.distance(solver.pools[$0].machine, solver.pools[pool].machine) < 5e-3 }
    }

    /// Replicas alone, pairs and triples by distance; of many only the nearest.
    func neighbourhoods(_ partition: [Counts], width: Int) -> [[Int]] {
        var result = partition.indices.map { [$0] }
        guard width > 1 else { return result }
        var pairs: [(Double, [Int])] = []
        for a in partition.indices {
            var near: [(Double, Int)] = []
            var signs: Set<[Int]> = []
            for (distance, b) in partition.indices.filter({ $0 != a }).map({ (distance(partition[a], partition[$0]), $0) }).sorted(by: {
                $0 < $1
            }) {
                // Another of the same kind as near is the same neighbour.
                guard near.count < 8, signs.insert([solver.solve(partition[b]).shape.id, Int(min(1e12, distance * 1e9))]).inserted else {
                    continue
                }
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
}
