import Models
import Plans

/// Replicas of unequal tensor-parallel groups in unequal stages: a search over partitions of the pool into replicas around a dynamic
/// programme per replica (HexGen).
///
/// Beyond the paper: exact over partitions of small pools, groups of any degree and of unlike devices, true tensor shapes and memory,
/// continuous batching in the score, devices that do not help left out, and deterministic: the number of steps is fixed by the problem, the
/// deadline only a safety.
final class HexGenStrategy {
    let problem: Problem
    let deadline: Deadline
    private let solver: ReplicaSolver

    init(problem: Problem, deadline: Deadline) {
        self.problem = problem
        self.deadline = deadline
        solver = ReplicaSolver(problem, sequences: Self.sequences(problem), deadline: deadline)
    }

    /// Sequences a replica must at least have room for.
    static func sequences(_ problem: Problem) -> Double {
        switch problem.objective {
        case .latency, .timeToFirstToken: return Double(problem.togetherSequences)
        default: return Double(min(problem.workload.batch ?? 8, 8, problem.mostSequences))
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

    /// A lone batch: the best chain over all devices, over each machine, over each pair of near machines, and over parts of each pool.
    private func single() -> [Evaluation] {
        var subsets: [[Int]] = [], seen: Set<Int> = []
        let all = solver.pools.map(\.devices.count)
        func add(_ counts: [Int]) { subsets.append(counts) }
        add(all)
        let machines = Set(solver.pools.map(\.machine)).sorted()
        for a in machines {
            add(solver.pools.indices.map { solver.pools[$0].machine == a ? all[$0] : 0 })
            for b in machines.prefix(12) where b > a {
                add(solver.pools.indices.map { [a, b].contains(solver.pools[$0].machine) ? all[$0] : 0 })
            }
        }
        for index in all.indices.prefix(64) {
            var count = all[index]
            while count >= 1 {
                add(all.indices.map { $0 == index ? count : 0 })
                count /= 2
            }
        }
        var found: [(choice: ReplicaChoice, placed: Placed)] = []
        for subset in subsets where !deadline.passed {
            let located = solver.solve(subset)
            guard seen.insert(located.shape.id).inserted else { continue }
            for index in located.choices.indices { found.append((located.choices[index], Placed(located, index))) }
        }
        found.sort { $0.choice.lone < $1.choice.lone }
        return found.prefix(8).compactMap { problem.finish(stages([$0.placed]), strategy: .hexgen, note: note([$0.placed])) }
    }

    // MARK: Several replicas

    /// - Parameter enumerating: whether every partition is tried where they are few.
    func partition(warm: Evaluation? = nil, enumerating: Bool = true) -> PartitionSearch {
        let search = PartitionSearch(problem, solver: solver, deadline: deadline)
        if let warm {
            let (start, changed) = repaired(warm)
            search.width = 40
            _ = search.improve(start, rounds: 3, width: 2, touching: changed)
        } else if !enumerating || !search.enumerate() {
            search.explore(starts(), kicks: 4)
            search.stand(mergedUntilFitting(clusters { solver.pools[$0].machine }))
        }
        return search
    }

    private func many(_ warm: Evaluation?) -> [Evaluation] {
        let search = partition(warm: warm)
        if problem.objective == .cost { search.prune() }
        search.polish(3)
        var found: [Evaluation] = []
        // The best, and machines by themselves whatever the queue model thinks of them.
        var candidates = Array(search.best.prefix(6))
        if warm == nil { candidates += search.standing }
        for (rank, candidate) in candidates.enumerated() {
            let placed = zip(candidate.replicas, candidate.picks).map { Placed(solver.solve($0), $1) }
            let (drafts, note) = (stages(placed), note(placed))
            let most = placed.map { $0.choice.server?.mostSequences ?? problem.mostSequences }
            if let evaluation = problem.finish(drafts, most: most, strategy: .hexgen, note: note) { found.append(evaluation) }
            // All the room there is, in case.
            if rank < 2, most.contains(where: { $0 < problem.mostSequences }),
                let evaluation = problem.finish(drafts, strategy: .hexgen, note: note)
            {
                found.append(evaluation)
            }
        }
        return found
    }

    /// Partitions to start from: machines, regions, everything, each with sets that cannot hold the model joined to their neighbours.
    private func starts() -> [[[Int]]] {
        let pools = solver.pools
        var result = [clusters { pools[$0].machine }, clusters { region($0) }, [pools.map(\.devices.count)]].map(mergedUntilFitting)
        // Machines, divided as their devices are worth most.
        let search = PartitionSearch(problem, solver: solver, deadline: deadline)
        let machines = clusters { pools[$0].machine }
        for measure in 0..<4 {
            var partition: [[Int]] = []
            for machine in machines {
                let divisions = search.divisions(of: machine)
                partition += divisions[min(measure, divisions.count - 1)]
            }
            result.append(mergedUntilFitting(partition))
        }
        return result
    }

    private func region(_ pool: Int) -> Int {
        // The first machine within a millisecond.
        let machine = solver.pools[pool].machine
        return solver.pools.map(\.machine).first { $0 == machine || problem.hardware.machineLink($0, machine).latency <= 1e-3 } ?? machine
    }

    private func clusters(by key: (Int) -> Int) -> [[Int]] {
        let keys = solver.pools.indices.map(key)
        return Set(keys).sorted().map { wanted in solver.pools.indices.map { keys[$0] == wanted ? solver.pools[$0].devices.count : 0 } }
    }

    /// Groups that cannot hold the model join their nearest neighbour.
    private func mergedUntilFitting(_ partition: [[Int]]) -> [[Int]] {
        var groups = partition.filter { $0.contains { $0 > 0 } }
        while groups.count > 1, !deadline.passed, let poor = groups.firstIndex(where: { solver.solve($0).choices.isEmpty }) {
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

    /// A warm start: the old plan's replicas without the devices that are gone, and which of them lost some; those that no longer hold the
    /// model join their nearest neighbour.
    private func repaired(_ old: Evaluation) -> (partition: [[Int]], changed: Set<Int>) {
        let poolOf = Dictionary(uniqueKeysWithValues: solver.pools.enumerated().flatMap { index, pool in pool.devices.map { ($0, index) } })
        var whole: [[Int]] = [], broken: [[Int]] = []
        var left = solver.pools.map(\.devices.count)
        for replica in old.plan.replicas {
            var counts = Array(repeating: 0, count: left.count)
            var lost = false
            for device in Set(replica.stages.flatMap { $0.keyValue.flatMap(\.computers).map(\.device.rawValue) }) {
                guard let pool = poolOf[device], left[pool] > 0 else {
                    lost = true
                    continue
                }
                counts[pool] += 1
                left[pool] -= 1
            }
            guard counts.contains(where: { $0 > 0 }) else { continue }
            if lost { broken.append(counts) } else { whole.append(counts) }
        }
        let partition = mergedUntilFitting(whole + broken)
        guard partition != [] else { return ([left], [0]) }
        return (partition, Set(partition.indices.filter { !whole.contains(partition[$0]) }))
    }

    // MARK: Plans

    /// A pipeline with the pools its positions stand for.
    struct Placed {
        var choice: ReplicaChoice
        var pools: [Int]

        init(_ choice: ReplicaChoice, _ pools: [Int]) {
            self.choice = choice
            self.pools = pools
        }

        init(_ located: LocatedShape, _ index: Int) {
            choice = located.choices[index]
            pools = located.pools
        }
    }

    /// Stages on devices of their own: those of a pool are interchangeable, so each takes the next free ones.
    func stages(_ placed: [Placed]) -> [[StageDraft]] {
        var taken = Array(repeating: 0, count: solver.pools.count)
        return placed.map { replica in
            var next = 0
            return replica.choice.stages.map { stage in
                var devices: [Int] = []
                for take in stage.takes {
                    let pool = replica.pools[take.position]
                    devices += solver.pools[pool].devices[taken[pool]..<taken[pool] + take.count]
                    taken[pool] += take.count
                }
                next += stage.layers
                return problem.residentStage(devices, shares: stage.group.shares, layers: next - stage.layers..<next)
            }
        }
    }

    private func note(_ placed: [Placed]) -> String {
        let parts = placed.map { replica in
            replica.choice.stages.map { String($0.takes.reduce(0) { $0 + $1.count }) }.joined(separator: "+") + " devices with "
                + replica.choice.stages.map { String($0.layers) }.joined(separator: "/") + " layers"
        }
        var counted: [(String, Int)] = []
        for part in parts {
            if let index = counted.firstIndex(where: { $0.0 == part }) { counted[index].1 += 1 } else { counted.append((part, 1)) }
        }
        return "\(placed.count) replica\(placed.count == 1 ? "" : "s"): "
            + counted.map { $0.1 > 1 ? "\($0.1) x (\($0.0))" : $0.0 }.joined(separator: ", ") + leftOut(placed)
    }

    /// Devices that no replica uses, and why.
    private func leftOut(_ placed: [Placed]) -> String {
        var left = solver.pools.map(\.devices.count)
        for replica in placed {
            for stage in replica.choice.stages { for take in stage.takes { left[replica.pools[take.position]] -= take.count } }
        }
        let unused = left.indices.filter { left[$0] > 0 }
        guard !unused.isEmpty else { return "" }
        let hardware = problem.hardware
        let names = unused.prefix(6).map { pool -> String in
            let device = hardware.devices[solver.pools[pool].devices[0]]
            var name = "\(left[pool]) x \(device.profile.name)"
            if hardware.profile.machines.count > 1 { name += " of \(hardware.profile.machines[device.machine].name)" }
            return name
        }
        let fits = !solver.solve(left).choices.isEmpty
        let reason =
            !problem.objective.countsReplicas
            ? "a lone step is slower with them"
            : fits
                ? problem.objective == .cost ? "they cost more than they bring" : "another replica of them gains nothing"
                : "too small to hold the model, and no replica gains by them"
        return "; left out: " + names.joined(separator: ", ") + (unused.count > 6 ? " and more" : "") + " (\(reason))"
    }
}

extension Objective {
    /// Whether several replicas share the work.
    var countsReplicas: Bool {
        switch self {
        case .latency, .timeToFirstToken: false
        case .throughput, .cost, .slo: true
        }
    }
}
