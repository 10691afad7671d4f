import Plans

@testable import Planning

/// HexGen's genetic search as published (arXiv 2311.11514, section 4.3), for comparison: from clusters of well-connected machines,
/// mutations merge two groups, split one or swap devices between two; what cannot hold the model is pruned. Scores and pipelines are ours.
struct PublishedSearch {
    let solver: ReplicaSolver
    let search: PartitionSearch
    var random: SplitMix

    init(_ problem: Problem, solver: ReplicaSolver) {
        self.solver = solver
        search = PartitionSearch(problem, solver: solver, deadline: Deadline(seconds: 600))
        random = SplitMix(seed: 7)
    }

    /// - Returns: the best score after so many partitions were considered.
    mutating func run(_ partitions: Int) -> Double {
        var population: [(score: Double, groups: [[Int]])] = []
        for latency in [0.0, 1e-3, 0.1] {
            let groups = cluster(latency)
            population.append((search.consider(groups), groups))
        }
        for _ in 0..<partitions {
            let child = mutated(population[random.below(population.count)].groups)
            let score = search.consider(child)
            guard score.isFinite else { continue }
            population.append((score, child))
            population.sort { $0.score < $1.score }
            if population.count > 12 { population.removeLast() }
        }
        return search.best.first?.score ?? .infinity
    }

    private func cluster(_ latency: Double) -> [[Int]] {
        var groups: [[Int]] = []
        for (index, pool) in solver.pools.enumerated() {
            let near = groups.firstIndex { group in
                group.indices.contains { other in
                    group[other] > 0
                        && (solver.pools[other].machine == pool.machine
                            || solver.problem.hardware.machineLink(solver.pools[other].machine, pool.machine).latency <= latency)
                }
            }
            if near == nil { groups.append(Array(repeating: 0, count: solver.pools.count)) }
            groups[near ?? groups.count - 1][index] = pool.devices.count
        }
        return groups
    }

    private mutating func mutated(_ parent: [[Int]]) -> [[Int]] {
        var groups = parent
        let a = random.below(groups.count), b = random.below(groups.count)
        switch random.below(3) {
        case 0 where a != b:
            groups[a] = zip(groups[a], groups[b]).map(+)
            groups.remove(at: b)
        case 1:
            let half = groups[a].map { $0 / 2 + ($0 % 2 == 1 ? random.below(2) : 0) }
            groups.append(half)
            groups[a] = zip(groups[a], half).map(-)
        default:
            let held = groups[a].indices.filter { groups[a][$0] > 0 }
            guard a != b, !held.isEmpty else { break }
            let pool = held[random.below(held.count)], count = 1 + random.below(groups[a][pool])
            groups[a][pool] -= count
            groups[b][pool] += count
            // And something back.
            let others = groups[b].indices.filter { groups[b][$0] > 0 && $0 != pool }
            if !others.isEmpty {
                let other = others[random.below(others.count)], back = 1 + random.below(groups[b][other])
                groups[b][other] -= back
                groups[a][other] += back
            }
        }
        return groups.filter { $0.contains { $0 > 0 } }
    }
}
