import Models
import Plans

/// Devices of one kind in one machine: interchangeable, and the only ones a tensor-parallel group is made of.
struct DevicePool: Sendable {
    var machine: Int
    var devices: [Int]
}

/// The best pipelines of tensor-parallel groups for a set of devices: per pool the ways to divide its devices into groups, layers by dynamic programming over the groups in order, groups
/// that do not help left out. Results are kept by the set, so that a search over partitions asks cheaply.
final class ReplicaSolver {
    struct Solution {
        /// Groups with their layer counts, in pipeline order.
        var groups: [[Int]]
        var counts: [Int]
        /// Estimates from the tables: seconds of a lone request's token and prompt, seconds of the busiest stage.
        var decode: Double
        var bottleneck: Double

        var used: [Int] { zip(groups, counts).flatMap { $1 > 0 ? $0 : [] } }
    }

    let problem: Problem
    let pools: [DevicePool]
    private let tables: NodeTables
    private var known: [[Int]: [Solution]] = [:]
    private var seconds: [Int: (decode: Double, busy: Double, capacity: [Int])] = [:]
    /// Sequences a replica must have room for.
    let sequences: Double
    private let decode: StepLoad
    private let busy: StepLoad

    init(_ problem: Problem, sequences: Double) {
        self.problem = problem
        self.sequences = sequences
        tables = NodeTables(problem: problem)
        let hardware = problem.hardware
        var pools: [DevicePool] = []
        for device in problem.mainDevices {
            let found = pools.firstIndex { pool in
                pool.machine == hardware.devices[device].machine && hardware.devices[pool.devices[0]].profile == hardware.devices[device].profile
            }
            if let found {
                pools[found].devices.append(device)
            } else {
                pools.append(DevicePool(machine: hardware.devices[device].machine, devices: [device]))
            }
        }
        self.pools = pools
        let context = problem.workload.meanPrompt + problem.workload.meanOutput / 2
        decode =
            problem.objective == .timeToFirstToken ? problem.decisiveLoad() : .decode(sequences: Double(problem.togetherSequences), context: context)
        busy = .decode(sequences: max(1, min(16, sequences)), context: context)
    }

    /// Seconds per layer of a group of `degree` devices of a pool, alone and under load, and the layers it holds by where the model's ends lie (neither, first, last, both).
    private func group(_ pool: Int, _ degree: Int) -> (decode: Double, busy: Double, capacity: [Int]) {
        let key = pool * 1024 + degree
        if let found = seconds[key] { return found }
        let devices = Array(pools[pool].devices.prefix(degree))
        let draft = problem.residentStage(devices, layers: 0..<1)
        let ends = [0, tables.embeddingBytes, tables.outputBytes, tables.embeddingBytes + tables.outputBytes]
        let value = (
            tables.layerSeconds(draft, decode), tables.layerSeconds(draft, busy),
            ends.map { tables.layerCapacity(devices, sequences: sequences, ends: $0) }
        )
        seconds[key] = value
        return value
    }

    /// Ways to divide n equal devices into tensor-parallel groups: powers of two, all of them used, few large groups first; beside them the whole and single devices.
    func divisions(_ count: Int) -> [[Int]] {
        let heads = problem.shape.runs[0].layer.attention.keyValueHeadCount
        var result: [[Int]] = []
        func divide(_ rest: Int, _ most: Int, _ so: [Int]) {
            if rest == 0 {
                result.append(so)
                return
            }
            var degree = most
            while degree >= 1 {
                if degree <= rest && degree <= heads { divide(rest - degree, degree, so + [degree]) }
                degree /= 2
            }
        }
        divide(count, 16, [])
        if count > 2, count <= heads, count & (count - 1) != 0 { result.append([count]) }
        if result.count > 12 {
            // Uniform ones, and the mixed ones with the largest groups.
            let uniform = result.filter { Set($0).count == 1 }
            result = Array(result.prefix(6)) + uniform.filter { !result.prefix(6).contains($0) }
        }
        return result
    }

    /// - Parameter counts: devices taken of each pool.
    /// - Returns: up to four solutions on the trade-off between a lone request's time and the busiest stage; none where the model does not fit.
    func solve(_ counts: [Int]) -> [Solution] {
        if let found = known[counts] { return found }
        let used = counts.indices.filter { counts[$0] > 0 }
        var choices: [[[Int]]] = used.map { divisions(counts[$0]) }
        // Keep the product of choices bounded: fewer kinds of division per pool where there are many pools.
        while choices.reduce(1.0, { $0 * Double($1.count) }) > 200, let largest = choices.indices.max(by: { choices[$0].count < choices[$1].count }),
            choices[largest].count > 1
        {
            choices[largest].removeLast(max(1, choices[largest].count / 3))
        }
        var solutions: [Solution] = []
        for order in orders(used) {
            let positions = order.map { pool in used.firstIndex(of: pool) ?? 0 }
            var pick = Array(repeating: 0, count: used.count)
            combinations: while true {
                var groups: [(pool: Int, degree: Int)] = []
                for position in positions { for degree in choices[position][pick[position]] { groups.append((used[position], degree)) } }
                solutions += layers(groups)
                var index = 0
                while index < pick.count {
                    pick[index] += 1
                    if pick[index] < choices[index].count { continue combinations }
                    pick[index] = 0
                    index += 1
                }
                break
            }
        }
        let kept = Self.paretoFront(solutions, limit: 4)
        known[counts] = kept
        return kept
    }

    static func paretoFront(_ solutions: [Solution], limit: Int) -> [Solution] {
        var front: [Solution] = []
        var least = Double.infinity
        for solution in solutions.sorted(by: { ($0.decode, $0.bottleneck) < ($1.decode, $1.bottleneck) })
        where solution.bottleneck < least * (1 - 1e-9) {
            front.append(solution)
            least = solution.bottleneck
        }
        guard front.count > limit else { return front }
        return (0..<limit).map { front[$0 * (front.count - 1) / (limit - 1)] }
    }

    /// Chains of pools that keep slow links few: nearest neighbours from every start (few pools) or from the first.
    private func orders(_ used: [Int]) -> [[Int]] {
        guard used.count > 1 else { return [used] }
        var result: [[Int]] = []
        for start in used.prefix(used.count <= 3 ? 3 : 1) {
            var order = [start], rest = used.filter { $0 != start }
            while !rest.isEmpty {
                let from = pools[order[order.count - 1]]
                let next =
                    rest.min { a, b in
                        let (x, y) = (distance(from.machine, pools[a].machine), distance(from.machine, pools[b].machine))
                        return x == y ? a < b : x < y
                    } ?? rest[0]
                order.append(next)
                rest.removeAll { $0 == next }
            }
            result.append(order)
        }
        return result
    }

    func distance(_ a: Int, _ b: Int) -> Double { a == b ? 0 : problem.hardware.machineLink(a, b).seconds(bytes: 65536) }

    private func layers(_ groups: [(pool: Int, degree: Int)]) -> [Solution] {
        let count = problem.shape.layerCount
        guard groups.count <= 4 * count else { return [] }
        var taken = Array(repeating: 0, count: pools.count)
        var devices: [[Int]] = [], alone: [[Double]] = [], loaded: [[Double]] = []
        for (index, (pool, degree)) in groups.enumerated() {
            let figures = group(pool, degree)
            devices.append(Array(pools[pool].devices[taken[pool]..<taken[pool] + degree]))
            taken[pool] += degree
            let end = (index == 0 ? 1 : 0) + (index == groups.count - 1 ? 2 : 0)
            let overhead = problem.hardware.profile.machines[pools[pool].machine].stepOverhead
            var hop = 0.0
            if index > 0 {
                let from = pools[groups[index - 1].pool].machine
                hop =
                    from == pools[pool].machine
                    ? tables.boundary(devices[index - 1], devices[index], decode)
                    : problem.hardware.machineLink(from, pools[pool].machine).seconds(bytes: decode.tokens * Double(problem.shape.hiddenSize) * 2)
            }
            let most = figures.capacity[end]
            alone.append((0...count).map { $0 == 0 ? 0 : $0 <= most ? overhead + hop + Double($0) * figures.decode : .infinity })
            loaded.append((0...count).map { $0 == 0 ? 0 : $0 <= most ? overhead + Double($0) * figures.busy : .infinity })
        }
        var result: [Solution] = []
        func note(_ split: LayerSplit.Split?) {
            guard let split else { return }
            let bottleneck = zip(loaded, split.counts).map { $0[$1] }.max() ?? .infinity
            result.append(Solution(groups: devices, counts: split.counts, decode: split.sum, bottleneck: bottleneck))
        }
        note(LayerSplit.leastSum(alone, layers: count, bound: .greatestFiniteMagnitude))
        if groups.count > 1, let bound = LayerSplit.leastBottleneck(loaded, layers: count) {
            for slack in [1.0, 1.25] {
                // Bounds are on the loaded step; sums on the lone one.
                let bounded = zip(alone, loaded).map { sums, times in zip(sums, times).map { $1 <= bound * slack ? $0 : .infinity } }
                note(LayerSplit.leastSum(bounded, layers: count, bound: .greatestFiniteMagnitude))
            }
        }
        return result
    }

    /// Sequences whose KV cache fits beside a solution's weights: the tightest device's.
    func room(_ solution: Solution) -> Int {
        let used = zip(solution.groups, solution.counts).filter { $1 > 0 }
        var room = 1 << 20
        for (index, (devices, count)) in used.enumerated() {
            var ends = index == 0 ? tables.embeddingBytes : 0
            if index == used.count - 1 { ends += problem.shape.tied && index == 0 ? 0 : tables.outputBytes }
            room = min(room, tables.sequenceCapacity(devices, layers: Double(count), ends: ends))
        }
        return room
    }

    /// The same solutions on devices of their own: devices of a pool are interchangeable, so each solution takes the next free ones.
    func disjoint(_ solutions: [Solution]) -> [Solution] {
        var poolOf: [Int: Int] = [:]
        for (index, pool) in pools.enumerated() { for device in pool.devices { poolOf[device] = index } }
        var taken = Array(repeating: 0, count: pools.count)
        return solutions.map { solution in
            var own = solution
            for (index, devices) in solution.groups.enumerated() where solution.counts[index] > 0 {
                guard let pool = devices.first.flatMap({ poolOf[$0] }), taken[pool] + devices.count <= pools[pool].devices.count else { continue }
                own.groups[index] = Array(pools[pool].devices[taken[pool]..<taken[pool] + devices.count])
                taken[pool] += devices.count
            }
            return own
        }
    }

    /// The stages of a solution.
    func stages(_ solution: Solution) -> [StageDraft] {
        var next = 0
        var stages: [StageDraft] = []
        for (devices, count) in zip(solution.groups, solution.counts) where count > 0 {
            stages.append(problem.residentStage(devices, layers: next..<next + count))
            next += count
        }
        return stages
    }
}
