import Models
import Plans

/// The best pipelines of tensor-parallel groups for a set of devices.
///
/// For every order of the machines (all of few, else nearest neighbours) a dynamic programme over devices and layers (`ChainSearch`): exact in the division into groups of any degree, also over
/// unlike devices of one machine with shares by their speeds, in layer counts, and in what is left out. Sets of like devices between like links are solved once.
final class ReplicaSolver {
    let problem: Problem
    let pools: [DevicePool]
    /// Sequences a replica must have room for.
    let sequences: Double
    let criteria: Criteria
    /// Pools that are searched together: a machine's, or one alone where a machine has many kinds.
    private(set) var blocks: [[Int]] = []
    private var blockOf: [Int] = []
    private(set) var groups: [[Group]] = []
    private var poolClass: [Int] = []
    private var linkClass: [Int] = []
    private var shapes: [[Int]: ReplicaShape] = [:]
    private var located: [[Int]: LocatedShape] = [:]
    private(set) var shapeCount = 0

    /// A group with what it takes of its block's pools.
    struct Group {
        var model: TensorGroup
        var takes: [Int]
        var offset: Int
        var most: [[Int]]
        var lone: (fixed: Double, each: Double, output: Double)
        var work: (fixed: Double, each: Double, output: Double)
    }

    init(_ problem: Problem, sequences: Double) {
        self.problem = problem
        self.sequences = sequences
        pools = DevicePool.all(problem)
        criteria = Criteria(problem, sequences: sequences)
        for machine in Set(pools.map(\.machine)).sorted() {
            let own = pools.indices.filter { pools[$0].machine == machine }
            if own.reduce(1, { min(10_000, $0 * (pools[$1].devices.count + 1)) }) <= 400 { blocks.append(own) } else { blocks += own.map { [$0] } }
        }
        blockOf = Array(repeating: 0, count: pools.count)
        for (index, block) in blocks.enumerated() { for pool in block { blockOf[pool] = index } }
        classify()
        groups = blocks.map(makeGroups)
    }

    // MARK: Groups

    /// Shares by speed, whatever fits beside: proportional to how fast each device alone does a layer.
    private func speedShares(_ takes: [(pool: Int, count: Int)]) -> [Double] {
        takes.flatMap { pool, count -> [Double] in
            let alone = single(pool).seconds(criteria.workLoads[0].load).layer
            return Array(repeating: 1 / max(1e-12, alone), count: count)
        }
    }

    private func memoryShares(_ takes: [(pool: Int, count: Int)]) -> [Double] {
        takes.flatMap { pool, count in
            Array(repeating: Double(problem.hardware.memories[problem.hardware.devices[pools[pool].devices[0]].memory].capacity), count: count)
        }
    }

    private var singles: [Int: TensorGroup] = [:]
    private func single(_ pool: Int) -> TensorGroup {
        if let found = singles[poolClass[pool]] { return found }
        let made = TensorGroup(problem, pools: pools, takes: [(pool, 1)], shares: [1])
        singles[poolClass[pool]] = made
        return made
    }

    private var made: [[Int]: TensorGroup] = [:]

    private func makeGroups(_ block: [Int]) -> [Group] {
        let heads = problem.shape.runs.map(\.layer.attention.keyValueHeadCount).min() ?? 1
        let widest = min(heads, 16)
        var strides: [Int] = []
        var next = 1
        for pool in block {
            strides.append(next)
            next *= pools[pool].devices.count + 1
        }
        var result: [Group] = []
        func add(_ counts: [Int], shares: [Double]?) {
            let takes = zip(block, counts).filter { $1 > 0 }.map { (pool: $0, count: $1) }
            let size = counts.reduce(0, +)
            // Like groups of like pools are one.
            let key = takes.flatMap { [poolClass[$0.pool], $0.count] } + [shares == nil ? 0 : shares == memoryShares(takes) ? 1 : 2]
            let model =
                made[key] ?? TensorGroup(problem, pools: pools, takes: takes, shares: shares ?? Array(repeating: 1 / Double(size), count: size))
            made[key] = model
            let most = criteria.levels.map { level in TensorGroup.Ends.all.map { model.capacity(sequences: level, ends: $0) } }
            guard most[0].contains(where: { $0 > 0 }) else { return }
            result.append(
                Group(
                    model: model, takes: counts, offset: zip(counts, strides).reduce(0) { $0 + $1.0 * $1.1 }, most: most,
                    lone: criteria.cost(model, .lone), work: criteria.cost(model, .work)))
        }
        for (position, pool) in block.enumerated() {
            for degree in 1...max(1, min(widest, pools[pool].devices.count)) {
                add(block.indices.map { $0 == position ? degree : 0 }, shares: nil)
            }
        }
        func mixed(_ counts: [Int]) {
            guard counts.reduce(0, +) <= widest else { return }
            let takes = zip(block, counts).filter { $1 > 0 }.map { (pool: $0, count: $1) }
            add(counts, shares: speedShares(takes))
            add(counts, shares: memoryShares(takes))
        }
        for a in block.indices {
            for b in block.indices where b > a {
                let (most, other) = (pools[block[a]].devices.count, pools[block[b]].devices.count)
                for x in 1...most where most <= 4 || x & (x - 1) == 0 || x == most {
                    for y in 1...other where other <= 4 || y & (y - 1) == 0 || y == other {
                        mixed(block.indices.map { $0 == a ? x : $0 == b ? y : 0 })
                    }
                }
            }
        }
        if block.count > 2 { mixed(block.map { pools[$0].devices.count }) }
        return result
    }

    // MARK: Like sets

    private func classify() {
        let hardware = problem.hardware
        func alike(_ a: Int, _ b: Int) -> Bool {
            let (x, y) = (hardware.devices[pools[a].devices[0]], hardware.devices[pools[b].devices[0]])
            let (m, n) = (hardware.profile.machines[x.machine], hardware.profile.machines[y.machine])
            return x.profile == y.profile && hardware.memories[x.memory].capacity == hardware.memories[y.memory].capacity
                && m.stepOverhead == n.stepOverhead && m.memory.bytesPerSecond == n.memory.bytesPerSecond
        }
        for pool in pools.indices { poolClass.append((0..<pool).first { alike($0, pool) } ?? pool) }
        var links: [LinkProfile] = []
        for a in pools {
            for b in pools {
                guard a.machine != b.machine else {
                    linkClass.append(-1)
                    continue
                }
                let link = hardware.machineLink(a.machine, b.machine)
                if let found = links.firstIndex(of: link) {
                    linkClass.append(found)
                } else {
                    linkClass.append(links.count)
                    links.append(link)
                }
            }
        }
    }

    func distance(_ a: Int, _ b: Int) -> Double { a == b ? 0 : problem.hardware.machineLink(a, b).seconds(bytes: 65536) }

    /// - Parameter counts: devices taken of each pool.
    /// - Returns: pipelines worth having for these devices, on the trade-off between a lone request's time and what is sustained; no choices where the model does not fit.
    func solve(_ counts: [Int]) -> LocatedShape {
        if let found = located[counts] { return found }
        // Like blocks by what is taken of them, so that alike sets have one key.
        func rank(_ pool: Int) -> [Int] {
            let block = blocks[blockOf[pool]]
            return block.map { poolClass[$0] } + [-1] + block.map { counts[$0] } + [blockOf[pool], pool]
        }
        let used = counts.indices.filter { counts[$0] > 0 }.map { (rank($0), $0) }.sorted { $0.0.lexicographicallyPrecedes($1.0) }.map(\.1)
        var key: [Int] = []
        for pool in used { key += [poolClass[pool], counts[pool]] }
        for (index, a) in used.enumerated() { for b in used[(index + 1)...] { key.append(linkClass[a * pools.count + b]) } }
        let shape: ReplicaShape
        if let found = shapes[key] {
            shape = found
        } else {
            shape = ReplicaShape(id: shapeCount, choices: choices(counts, used))
            shapeCount += 1
            shapes[key] = shape
        }
        let result = LocatedShape(shape: shape, pools: used)
        located[counts] = result
        return result
    }

    // MARK: Chains

    private func choices(_ counts: [Int], _ used: [Int]) -> [ReplicaChoice] {
        guard !used.isEmpty, holdsModel(counts) else { return [] }
        let involved = Set(used.map { blockOf[$0] }).sorted()
        guard leastWork(counts, involved, level: 0) != nil else { return [] }
        var found: [ReplicaChoice] = []
        func machines(_ order: [Int], _ criterion: Criteria.Measure, level: Int, bound: Double?) -> [ChainSearch.Machine] {
            order.map { block in
                let own = blocks[block].map { counts[$0] }
                var strides: [Int] = [], next = 1
                for count in own {
                    strides.append(next)
                    next *= count + 1
                }
                var options: [ChainSearch.Option] = []
                for (number, group) in groups[block].enumerated() where zip(group.takes, own).allSatisfy({ $0 <= $1 }) {
                    var most = group.most[level]
                    if let bound {
                        let work = group.work
                        let fitting = work.each > 0 ? (bound - work.fixed) / work.each : Double(problem.shape.layerCount)
                        most = most.map { min($0, Int(max(0, min(1e6, fitting + 1e-9)))) }
                    }
                    guard most.contains(where: { $0 > 0 }) else { continue }
                    let cost = criterion == .lone ? group.lone : group.work
                    options.append(
                        ChainSearch.Option(
                            group: number, offset: zip(group.takes, strides).reduce(0) { $0 + $1.0 * $1.1 }, takes: group.takes, fixed: cost.fixed,
                            each: cost.each, output: cost.output, most: most))
                }
                return ChainSearch.Machine(counts: own, options: options, hop: hop(block, block, counts, criterion))
            }
        }
        let search = ChainSearch(layers: problem.shape.layerCount)
        func run(_ order: [Int], level: Int, bound: Double?) -> ReplicaChoice? {
            let hops = order.map { a in order.map { a == $0 ? 0 : hop(a, $0, counts, .lone) } }
            guard let chain = search.best(machines(order, .lone, level: level, bound: bound), hop: { hops[$0][$1] }) else { return nil }
            return choice(chain, order, counts, used)
        }
        // The orders by the least time of a lone request; of many only the best go on.
        var ranked: [(order: [Int], choice: ReplicaChoice)] = []
        for order in orders(involved, counts) { if let choice = run(order, level: 0, bound: nil) { ranked.append((order, choice)) } }
        ranked.sort { $0.choice.lone < $1.choice.lone }
        found += ranked.map(\.choice)
        guard criteria.countsLoad, !ranked.isEmpty else { return ReplicaChoice.front(found, limit: 1) }
        let single = ranked[0].choice.stages.count == 1 && involved.count == 1 && ranked[0].choice.usedDevices == counts.reduce(0, +)
        for level in criteria.levels.indices {
            if level > 0 { for (order, _) in ranked.prefix(1) { if let choice = run(order, level: level, bound: nil) { found.append(choice) } } }
            guard let bound = leastWork(counts, involved, level: level) else { continue }
            for slack in single ? [1.0] : [1, 1.25, 1.6] {
                for (order, _) in ranked.prefix(slack == 1 ? 2 : 1) {
                    // The model's ends take room that the bound did not count: a little more is allowed until it fits.
                    for more in [1.0, 1.03, 1.1] {
                        guard let choice = run(order, level: level, bound: bound * slack * more) else { continue }
                        found.append(choice)
                        break
                    }
                }
            }
        }
        return criteria.finished(found)
    }

    /// A quick test of bytes before anything is searched.
    private func holdsModel(_ counts: [Int]) -> Bool {
        var bytes = 0.0
        for (pool, count) in counts.enumerated() where count > 0 {
            bytes += Double(count) * Double(problem.hardware.memories[problem.hardware.devices[pools[pool].devices[0]].memory].capacity)
        }
        return bytes >= NodeTables(problem: problem).layerBytes * Double(problem.shape.layerCount)
    }

    private var hops: [Int: (link: LinkProfile, inside: Bool)] = [:]

    private func link(_ a: Int, _ b: Int) -> LinkProfile {
        let key = a * blocks.count + b
        if let found = hops[key] { return found.link }
        var best = LinkProfile(bytesPerSecond: 1, latency: 60)
        for x in blocks[a] {
            for y in blocks[b] {
                let (from, to) = (pools[x].devices[0], pools[y].devices.count > 1 && x == y ? pools[y].devices[1] : pools[y].devices[0])
                let link = from == to ? LinkProfile(bytesPerSecond: 1e12, latency: 0) : problem.hardware.link(from, to)
                if link.seconds(bytes: 16384) < best.seconds(bytes: 16384) { best = link }
            }
        }
        hops[key] = (best, a == b)
        return best
    }

    private func hop(_ a: Int, _ b: Int, _ counts: [Int], _ measure: Criteria.Measure) -> Double {
        let link = link(a, b)
        return criteria.loads(measure).reduce(0) { $0 + $1.weight * link.seconds(bytes: $1.load.tokens * Double(problem.shape.hiddenSize) * 2) }
    }

    /// Orders of machines: all of up to four; beyond, nearest neighbours from every start.
    private func orders(_ involved: [Int], _ counts: [Int]) -> [[Int]] {
        guard involved.count > 1 else { return [involved] }
        func between(_ a: Int, _ b: Int) -> Double { hop(a, b, counts, .lone) }
        guard involved.count > (criteria.countsLoad ? 3 : 4) else { return Self.permutations(involved) }
        var result: [[Int]] = []
        // Machines alike to their neighbours start alike chains.
        var tried: Set<[Int]> = []
        for start in involved where result.count < 12 {
            var order = [start], rest = involved.filter { $0 != start }
            while !rest.isEmpty {
                let from = order[order.count - 1]
                let next = rest.min { (between(from, $0), $0) < (between(from, $1), $1) } ?? rest[0]
                order.append(next)
                rest.removeAll { $0 == next }
            }
            let sign = order.map { blocks[$0].reduce(0) { $0 * 1009 + poolClass[$1] * 17 + counts[$1] } }
            if tried.insert(sign).inserted { result.append(order) }
        }
        return result
    }

    static func permutations(_ items: [Int]) -> [[Int]] {
        guard items.count > 1 else { return [items] }
        return items.indices.flatMap { index -> [[Int]] in
            var rest = items
            let first = rest.remove(at: index)
            return permutations(rest).map { [first] + $0 }
        }
    }

    /// The least work of the busiest stage with which all layers have a place: by bisection over a knapsack of groups in each machine.
    private func leastWork(_ counts: [Int], _ involved: [Int], level: Int) -> Double? {
        let layers = problem.shape.layerCount
        struct Item {
            var offset: Int
            var takes: [Int]
            var most: Int
            var fixed: Double
            var each: Double
        }
        var items: [(counts: [Int], items: [Item])] = []
        var high = 0.0
        for block in involved {
            let own = blocks[block].map { counts[$0] }
            var strides: [Int] = [], next = 1
            for count in own {
                strides.append(next)
                next *= count + 1
            }
            var list: [Item] = []
            for group in groups[block] where zip(group.takes, own).allSatisfy({ $0 <= $1 }) && group.most[level][0] > 0 {
                let work = group.work
                list.append(
                    Item(
                        offset: zip(group.takes, strides).reduce(0) { $0 + $1.0 * $1.1 }, takes: group.takes, most: group.most[level][0],
                        fixed: work.fixed, each: work.each))
                high = max(high, work.fixed + Double(group.most[level][0]) * work.each)
            }
            items.append((own, list))
        }
        func fits(_ bound: Double) -> Bool {
            var total = 0
            for (own, list) in items {
                let states = own.reduce(1) { $0 * ($1 + 1) }
                var most = Array(repeating: 0, count: states)
                let held = list.map { $0.each > 0 ? min($0.most, Int(max(0, min(1e6, (bound - $0.fixed) / $0.each + 1e-9)))) : $0.most }
                for state in 1..<max(1, states) {
                    var rest = state
                    let used = own.map { count -> Int in
                        defer { rest /= count + 1 }
                        return rest % (count + 1)
                    }
                    for (item, held) in zip(list, held) where held > 0 && zip(item.takes, used).allSatisfy({ $0 <= $1 }) {
                        most[state] = max(most[state], most[state - item.offset] + held)
                    }
                }
                total += most[states - 1]
                if total >= layers { return true }
            }
            return total >= layers
        }
        guard fits(high) else { return nil }
        var low = 0.0
        for _ in 0..<12 {
            let middle = (low + high) / 2
            if fits(middle) { high = middle } else { low = middle }
        }
        return high
    }

    /// A chain as a choice, in terms of positions in `used`.
    private func choice(_ chain: ChainSearch.Chain, _ order: [Int], _ counts: [Int], _ used: [Int]) -> ReplicaChoice? {
        var stages: [ReplicaChoice.Stage] = []
        var links: [LinkProfile] = []
        for (index, part) in chain.links.enumerated() {
            let block = order[part.machine]
            let group = groups[block][part.group]
            let takes = zip(blocks[block], group.takes).filter { $1 > 0 }.map { (position: used.firstIndex(of: $0) ?? 0, count: $1) }
            var ends: TensorGroup.Ends = []
            if index == 0 { ends.insert(.first) }
            if index == chain.links.count - 1 { ends.insert(.last) }
            stages.append(ReplicaChoice.Stage(group: group.model, takes: takes, layers: part.layers, ends: ends))
            if index > 0 { links.append(link(order[chain.links[index - 1].machine], block)) }
        }
        return ReplicaChoice(stages: stages, links: links, problem: problem, lone: chain.cost)
    }
}
