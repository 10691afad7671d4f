import Models

/// Which groups each machine's devices can form.
extension ReplicaSolver {
    /// Shares by speed, whatever fits beside: proportional to how fast each device alone does a layer.
    func speedShares(_ takes: [(pool: Int, count: Int)]) -> [Double] {
        takes.flatMap { pool, count -> [Double] in
            let alone = single(pool).seconds(criteria.workLoads[0].load).layer
            return Array(repeating: 1 / max(1e-12, alone), count: count)
        }
    }

    func memoryShares(_ takes: [(pool: Int, count: Int)]) -> [Double] {
        takes.flatMap { pool, count in
            Array(
                repeating: Double(problem.hardware.memories[problem.hardware.devices[pools[pool].devices[0]].memory].capacity), count: count
            )
        }
    }

    func single(_ pool: Int) -> TensorGroup {
        if let found = singles[poolClass[pool]] { return found }
        let made = TensorGroup(problem, pools: pools, takes: [(pool, 1)], shares: [1])
        singles[poolClass[pool]] = made
        return made
    }

    func makeGroups(_ block: [Int]) -> [Group] {
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
                made[key]
                ?? TensorGroup(problem, pools: pools, takes: takes, shares: shares ?? Array(repeating: 1 / Double(size), count: size))
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
}
