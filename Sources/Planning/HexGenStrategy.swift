import Models
import Plans

/// Replicas of unequal tensor-parallel groups in unequal stages: a search over partitions of the pool into replicas around a dynamic programme per replica (HexGen).
///
/// Beyond the paper: exact over partitions of whole pools where there are few, true tensor shapes and memory, continuous batching in the score, devices that do not help left
/// out, and deterministic: the number of steps is fixed by the problem, the deadline only a safety.
final class HexGenStrategy {
    let problem: Problem
    let deadline: Deadline
    private let solver: ReplicaSolver
    private var servers: [[Int]: (choices: [(solution: ReplicaSolver.Solution, server: QueueModel.Server, rate: Double)], Bool)] = [:]

    /// A partition: for every replica the number of devices it takes of each pool.
    typealias Partition = [[Int]]

    init(problem: Problem, deadline: Deadline) {
        self.problem = problem
        self.deadline = deadline
        solver = ReplicaSolver(problem, sequences: Self.sequences(problem))
    }

    /// Sequences a replica must at least have room for.
    private static func sequences(_ problem: Problem) -> Double {
        switch problem.objective {
        case .latency, .timeToFirstToken: return Double(problem.togetherSequences)
        default: return Double(min(problem.workload.batch ?? 8, 8))
        }
    }

    func search(warm: Evaluation? = nil) -> [Evaluation] {
        guard !solver.pools.isEmpty else { return [] }
        switch problem.objective {
        case .latency, .timeToFirstToken: return single()
        case .throughput, .cost, .slo: return many(warm)
        }
    }

    // MARK: One replica

    /// A lone batch: the best chain over all devices, over each machine, and over each pair of machines.
    private func single() -> [Evaluation] {
        var subsets: Set<[Int]> = []
        let all = solver.pools.map(\.devices.count)
        subsets.insert(all)
        let machines = Set(solver.pools.map(\.machine)).sorted()
        for a in machines.prefix(64) {
            subsets.insert(solver.pools.indices.map { solver.pools[$0].machine == a ? all[$0] : 0 })
            for b in machines.prefix(12) where b > a {
                subsets.insert(solver.pools.indices.map { [a, b].contains(solver.pools[$0].machine) ? all[$0] : 0 })
            }
        }
        for index in all.indices.prefix(64) {
            var count = all[index]
            while count >= 1 {
                subsets.insert(all.indices.map { $0 == index ? count : 0 })
                count /= 2
            }
        }
        var solutions: [ReplicaSolver.Solution] = []
        for subset in subsets.sorted(by: { $0.lexicographicallyPrecedes($1) }) where !deadline.passed { solutions += solver.solve(subset) }
        solutions.sort { ($0.decode, $0.bottleneck) < ($1.decode, $1.bottleneck) }
        return solutions.prefix(12).compactMap { problem.finish([solver.stages($0)], strategy: .hexgen, note: note([$0])) }
    }

    // MARK: Several replicas

    /// What a set of devices gives as a replica, under each of its solutions.
    private func choices(_ counts: [Int]) -> [(solution: ReplicaSolver.Solution, server: QueueModel.Server, rate: Double)] {
        if let found = servers[counts] { return found.0 }
        var result: [(solution: ReplicaSolver.Solution, server: QueueModel.Server, rate: Double)] = []
        let prompt = problem.workload.meanPrompt, output = problem.workload.meanOutput
        for solution in solver.solve(counts) {
            let stages = solver.stages(solution)
            let room = min(problem.workload.batch ?? 256, 256, solver.room(solution))
            guard room >= 1 else { continue }
            let plan = problem.realiser.plan([
                ReplicaDraft(stages: stages, block: problem.block(sequences: room, stages: stages.count), sequences: room)
            ])
            guard let model = try? ReplicaModel(plan.replicas[0], hardware: problem.hardware, shape: problem.shape) else { continue }
            let server = QueueModel.Server(model, prompt: prompt, output: output, mostSequences: room)
            let most = Double(room)
            result.append((solution, server, most * output / (server.occupancyPerToken * prompt * most + output * server.round(room))))
        }
        servers[counts] = (result, true)
        return result
    }

    /// For each replica the choice of solution: the fastest for a lone request, or the one with the highest rate, whichever scores better over all replicas.
    private func score(_ partition: Partition) -> (Double, [ReplicaSolver.Solution]) {
        let options = partition.map(choices)
        guard !options.isEmpty, !options.contains(where: { $0.isEmpty }) else { return (.infinity, []) }
        var best: (Double, [ReplicaSolver.Solution]) = (.infinity, [])
        let fastest = options.map { choices in choices.indices.min { choices[$0].solution.decode < choices[$1].solution.decode } ?? 0 }
        let widest = options.indices.map { number in options[number].indices.max { options[number][$0].rate < options[number][$1].rate } ?? 0 }
        for pick in fastest == widest ? [fastest] : [fastest, widest] {
            let chosen = zip(options, pick).map { $0[$1] }
            let value: Double
            if case .slo = problem.objective {
                let outcome = QueueModel.run(chosen.map(\.server), problem.requests)
                value = 1 - outcome.attainment(problem.limits) + min(1, outcome.meanTotal * 1e-4)
            } else if problem.workload.batch == nil {
                let outcome = QueueModel.run(chosen.map(\.server), problem.requests)
                value = outcome.duration / max(1, outcome.tokens) + outcome.meanTotal * 1e-9
            } else {
                value = 1 / chosen.reduce(0) { $0 + $1.rate }
            }
            if value < best.0 { best = (value, chosen.map(\.solution)) }
        }
        return best
    }

    private func many(_ warm: Evaluation?) -> [Evaluation] {
        let pools = solver.pools
        var starts: [Partition] = []
        if let warm { starts.append(repaired(warm)) }
        starts.append(clusters(by: { pools[$0].machine }))
        starts.append(clusters(by: { region($0) }))
        starts.append([pools.map(\.devices.count)])
        if pools.count <= 6 {
            starts += setPartitions(pools.count).map { blocks in
                blocks.map { block in pools.indices.map { block.contains($0) ? pools[$0].devices.count : 0 } }
            }
        }

        var best: [(Double, Partition, [ReplicaSolver.Solution])] = []
        var seen: [Partition: Double] = [:]
        func consider(_ partition: Partition) -> Double {
            let sorted = partition.filter { $0.contains { $0 > 0 } }.sorted { $0.lexicographicallyPrecedes($1) }
            if let known = seen[sorted] { return known }
            let (value, solutions) = score(sorted)
            seen[sorted] = value
            if value.isFinite {
                best.append((value, sorted, solutions))
                best.sort { $0.0 < $1.0 }
                if best.count > 12 { best.removeLast() }
            }
            return value
        }
        for start in starts where !deadline.passed { _ = consider(mergedUntilFitting(start)) }

        var random = SplitMix(seed: problem.seed)
        let devices = pools.reduce(0) { $0 + $1.devices.count }
        let steps = warm == nil ? min(1500, 60 + 20 * devices) : min(300, 40 + 4 * devices)
        var current = best.first?.1 ?? []
        var value = best.first?.0 ?? .infinity
        var idle = 0
        for step in 0..<steps where devices > 1 && idle < 240 && !deadline.passed {
            // From time to time go on from one of the best.
            if step % 50 == 49, !best.isEmpty { (value, current, _) = best[random.below(min(4, best.count))] }
            let candidate = mutated(current, &random)
            let least = best.first?.0 ?? .infinity
            let next = consider(candidate)
            idle = next < least ? 0 : idle + 1
            let heat = 0.02 * (1 - Double(step) / Double(steps))
            if next < value || (next.isFinite && random.unit() < heat) { (current, value) = (candidate, next) }
        }
        var found: [Evaluation] = []
        for (_, _, solutions) in best.prefix(4) {
            if let evaluation = problem.finish(solver.disjoint(solutions).map(solver.stages), strategy: .hexgen, note: note(solutions)) {
                found.append(evaluation)
            }
        }
        return found
    }

    private func region(_ pool: Int) -> Int {
        // The first machine within a millisecond.
        let machine = solver.pools[pool].machine
        return solver.pools.map(\.machine).first { $0 == machine || problem.hardware.machineLink($0, machine).latency <= 1e-3 } ?? machine
    }

    private func clusters(by key: (Int) -> Int) -> Partition {
        let keys = solver.pools.indices.map(key)
        return Set(keys).sorted().map { wanted in solver.pools.indices.map { keys[$0] == wanted ? solver.pools[$0].devices.count : 0 } }
    }

    /// Groups that cannot hold the model join their nearest neighbour.
    private func mergedUntilFitting(_ partition: Partition) -> Partition {
        var groups = partition
        while groups.count > 1, let poor = groups.firstIndex(where: { solver.solve($0).isEmpty }) {
            let group = groups.remove(at: poor)
            let nearest = groups.indices.min { distance(group, groups[$0]) < distance(group, groups[$1]) } ?? 0
            groups[nearest] = zip(groups[nearest], group).map(+)
        }
        return groups
    }

    private func distance(_ a: [Int], _ b: [Int]) -> Double {
        var least = Double.infinity
        for x in a.indices where a[x] > 0 {
            for y in b.indices where b[y] > 0 { least = min(least, solver.distance(solver.pools[x].machine, solver.pools[y].machine)) }
        }
        return least
    }

    /// A warm start: the old plan's replicas without the devices that are gone; new devices form replicas with their neighbours.
    private func repaired(_ old: Evaluation) -> Partition {
        let poolOf = Dictionary(uniqueKeysWithValues: solver.pools.enumerated().flatMap { index, pool in pool.devices.map { ($0, index) } })
        var partition: Partition = []
        var left = solver.pools.map(\.devices.count)
        for replica in old.plan.replicas {
            var counts = Array(repeating: 0, count: left.count)
            for device in Set(replica.stages.flatMap { $0.keyValue.map(\.device.rawValue) }) {
                guard let pool = poolOf[device], left[pool] > 0 else { continue }
                counts[pool] += 1
                left[pool] -= 1
            }
            if counts.contains(where: { $0 > 0 }) { partition.append(counts) }
        }
        if left.contains(where: { $0 > 0 }) { partition.append(left) }
        return partition
    }

    /// Merge two groups, split one, move some devices, or exchange.
    private func mutated(_ partition: Partition, _ random: inout SplitMix) -> Partition {
        var groups = partition
        guard !groups.isEmpty else { return [solver.pools.map(\.devices.count)] }
        let a = random.below(groups.count)
        switch random.below(4) {
        case 0 where groups.count > 1:
            // With the nearest of three.
            var b = random.below(groups.count)
            for _ in 0..<3 {
                let other = random.below(groups.count)
                if other != a, b == a || distance(groups[a], groups[other]) < distance(groups[a], groups[b]) { b = other }
            }
            guard a != b else { return groups }
            groups[a] = zip(groups[a], groups[b]).map(+)
            groups.remove(at: b)
        case 1:
            var half = groups[a].map { count in count == 0 ? 0 : random.below(3) == 0 ? random.below(count + 1) : random.below(2) * count }
            if half.allSatisfy({ $0 == 0 }) || half == groups[a] { half = groups[a].map { $0 / 2 } }
            groups[a] = zip(groups[a], half).map { $0 - $1 }
            groups.append(half)
        default:
            let held = groups[a].indices.filter { groups[a][$0] > 0 }
            guard !held.isEmpty else { return groups }
            let pool = held[random.below(held.count)]
            let amount = random.below(2) == 0 ? groups[a][pool] : 1 + random.below(groups[a][pool])
            groups[a][pool] -= amount
            let target = random.below(groups.count + 1)
            if target == groups.count {
                var new = Array(repeating: 0, count: solver.pools.count)
                new[pool] = amount
                groups.append(new)
            } else {
                groups[target][pool] += amount
            }
        }
        groups.removeAll { $0.allSatisfy { $0 == 0 } }
        return mergedUntilFitting(groups)
    }

    /// All partitions of 0 ..< count into blocks.
    private func setPartitions(_ count: Int) -> [[[Int]]] {
        guard count > 0 else { return [[]] }
        return setPartitions(count - 1).flatMap { blocks -> [[[Int]]] in
            var result = blocks.indices.map { index in
                var copy = blocks
                copy[index].append(count - 1)
                return copy
            }
            result.append(blocks + [[count - 1]])
            return result
        }
    }

    private func note(_ solutions: [ReplicaSolver.Solution]) -> String {
        let parts = solutions.map { solution in
            let stages = zip(solution.groups, solution.counts).filter { $1 > 0 }
            return stages.map { String($0.0.count) }.joined(separator: "+") + " devices with " + stages.map { String($0.1) }.joined(separator: "/")
                + " layers"
        }
        var counted: [(String, Int)] = []
        for part in parts { if let index = counted.firstIndex(where: { $0.0 == part }) { counted[index].1 += 1 } else { counted.append((part, 1)) } }
        return "\(solutions.count) replica\(solutions.count == 1 ? "" : "s"): "
            + counted.map { $0.1 > 1 ? "\($0.1) x (\($0.0))" : $0.0 }.joined(separator: ", ")
    }
}
