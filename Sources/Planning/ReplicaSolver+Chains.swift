import Models
import Plans

/// Chains of groups for a set of devices.
extension ReplicaSolver {
    func choices(_ counts: [Int], _ used: [Int]) -> [ReplicaChoice] {
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
                            group: number, offset: zip(group.takes, strides).reduce(0) { $0 + $1.0 * $1.1 }, takes: group.takes,
                            fixed: cost.fixed,
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
        for order in orders(involved, counts) where ranked.isEmpty || !deadline.passed {
            if let choice = run(order, level: 0, bound: nil) { ranked.append((order, choice)) }
        }
        ranked.sort { $0.choice.lone < $1.choice.lone }
        found += ranked.map(\.choice)
        guard criteria.countsLoad, !ranked.isEmpty else { return ReplicaChoice.front(found, limit: 1) }
        let single = ranked[0].choice.stages.count == 1 && involved.count == 1 && ranked[0].choice.usedDevices == counts.reduce(0, +)
        for level in criteria.levels.indices {
            if level > 0 {
                for (order, _) in ranked.prefix(1) { if let choice = run(order, level: level, bound: nil) { found.append(choice) } }
            }
            guard let bound = leastWork(counts, involved, level: level) else { continue }
            for slack in single ? [1.0] : [1, 1.25, 1.6] where slack == 1 || !deadline.passed {
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
    func holdsModel(_ counts: [Int]) -> Bool {
        var bytes = 0.0
        for (pool, count) in counts.enumerated() where count > 0 {
            bytes += Double(count) * Double(problem.hardware.memories[problem.hardware.devices[pools[pool].devices[0]].memory].capacity)
        }
        return bytes >= NodeTables(problem: problem).layerBytes * Double(problem.shape.layerCount)
    }

    func link(_ a: Int, _ b: Int) -> BoundaryLink {
        let key = a * blocks.count + b
        if let found = hops[key] { return found }
        var best = BoundaryLink(link: LinkProfile(bytesPerSecond: 1, latency: 60), format: .f16)
        for x in blocks[a] {
            for y in blocks[b] {
                let (from, to) = (pools[x].devices[0], pools[y].devices.count > 1 && x == y ? pools[y].devices[1] : pools[y].devices[0])
                let link = problem.hardware.boundary(from, to)
                if link.link.seconds(bytes: StageBoundary.shortMessage) < best.link.seconds(bytes: StageBoundary.shortMessage) {
                    best = link
                }
            }
        }
        hops[key] = best
        return best
    }

    func hop(_ a: Int, _ b: Int, _ counts: [Int], _ measure: Criteria.Measure) -> Double {
        let link = link(a, b)
        return criteria.loads(measure).reduce(0) {
            $0 + $1.weight * link.seconds(elements: $1.load.tokens * Double(problem.shape.hiddenSize))
        }
    }

    /// Orders of machines: all of up to four; beyond, nearest neighbours from every start.
    func orders(_ involved: [Int], _ counts: [Int]) -> [[Int]] {
        guard involved.count > 1 else { return [involved] }
        func between(_ a: Int, _ b: Int) -> Double { hop(a, b, counts, .lone) }
        guard involved.count > (criteria.countsLoad ? 3 : 4) else { return Self.permutations(involved) }
        var result: [[Int]] = []
        // Machines alike to their neighbours start alike chains.
        var tried: Set<[Int]> = []
        // Of very many not every start: an order takes the square of their number.
        let starts = involved.prefix(max(4, 8_000_000 / (involved.count * involved.count)))
        for start in starts where result.count < 12 && (result.isEmpty || !deadline.passed) {
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
    func leastWork(_ counts: [Int], _ involved: [Int], level: Int) -> Double? {
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
    func choice(_ chain: ChainSearch.Chain, _ order: [Int], _ counts: [Int], _ used: [Int]) -> ReplicaChoice? {
        var stages: [ReplicaChoice.Stage] = []
        var links: [BoundaryLink] = []
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
