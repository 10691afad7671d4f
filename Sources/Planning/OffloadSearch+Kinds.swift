import Models
import Plans

/// Several kinds of layers: local search over numbers of resident modules, and a bound that says how far it can be from the best.
extension OffloadSearch {
    func local(_ loads: Loads, _ room: Room, _ mustBeResident: Bool) -> Found? {
        let counts = bytes.indices.map { layers.counts[$0 / 2] }
        if mustBeResident {
            let state = State(resident: counts, disk: counts.map { _ in 0 })
            guard zip(counts, bytes).reduce(0, { $0 + Double($1.0) * $1.1 }) <= room.gpu else { return nil }
            let (value, choice) = shares(loads, state)
            return Found(state: state, value: value, choice: choice)
        }
        // Seconds of the chain that a resident module saves, per byte.
        let density = bytes.indices.map { kind in
            loads.reduce(0.0) { sum, bucket in
                sum
                    + bucket.reduce(0.0) { total, entry in
                        let cost = entry.costs.kinds[kind]
                        return total + entry.weight * ((cost.host.map { $0[0] }.min() ?? 0) - cost.resident[0]) / max(1, bytes[kind])
                    }
            }
        }
        let order = bytes.indices.sorted { (density[$0], -$0) > (density[$1], -$1) }
        func filled(_ resident: [Int], _ order: [Int]) -> State? {
            var resident = resident
            var left = room.gpu - zip(resident, bytes).reduce(0) { $0 + Double($1.0) * $1.1 }
            guard left >= 0 else { return nil }
            for kind in order {
                let more =
                    bytes[kind] > 0
                    ? Int(min(Double(counts[kind] - resident[kind]), (left / bytes[kind]).rounded(.down))) : counts[kind] - resident[kind]
                resident[kind] += more
                left -= Double(more) * bytes[kind]
            }
            return disked(resident, counts, room).map { State(resident: resident, disk: $0) }
        }
        guard let start = filled(counts.map { _ in 0 }, order) else { return nil }
        let (value, choice) = shares(loads, start)
        var best = Found(state: start, value: value, choice: choice)
        var seen: [State] = [start]
        for _ in 0..<8 {
            let before = best.value, from = best.state.resident
            for kind in from.indices {
                for other in from.indices where other != kind {
                    for step in [1, 2, 4, 8, 16, 64] where step <= max(1, from[kind]) {
                        var resident = from
                        resident[kind] = max(0, resident[kind] - step)
                        guard let state = filled(resident, [other] + order.filter { $0 != other && $0 != kind } + [kind]),
                            !seen.contains(state)
                        else {
                            continue
                        }
                        seen.append(state)
                        let (value, choice) = shares(loads, state)
                        if value < best.value { best = Found(state: state, value: value, choice: choice) }
                    }
                }
            }
            if best.value >= before { break }
        }
        if let bound = lowerBound(loads, room, counts), bound > 0 { best.gap = max(0, best.value / bound - 1) }
        return best
    }

    /// What the host cannot hold goes to disk, feed-forward modules first; nil where that is not enough.
    private func disked(_ resident: [Int], _ counts: [Int], _ room: Room) -> [Int]? {
        var disk = counts.map { _ in 0 }
        let needed = bytes.indices.reduce(0.0) { $0 + Double(counts[$1] - resident[$1]) * bytes[$1] }
        if needed <= room.host { return disk }
        guard room.hasDisk, room.hostBesideDisk >= 0 else { return nil }
        var over = needed - room.hostBesideDisk
        for kind in bytes.indices.sorted(by: { ($0 % 2, $0) > ($1 % 2, $1) }) where over > 0 && bytes[kind] > 0 {
            let moved = min(Double(counts[kind] - resident[kind]), (over / bytes[kind]).rounded(.up))
            disk[kind] = Int(moved)
            over -= moved * bytes[kind]
        }
        return over <= 0 ? disk : nil
    }

    /// The linear relaxation: every module is resident, or lies on host or disk and is multiplied by the processor, by the GPU, or by both
    /// in the share that balances them, in any mixture; a step takes at least its busiest resource. No setting takes less: the cost between
    /// those shares is convex, and hops are left out.
    func lowerBound(_ loads: Loads, _ room: Room, _ counts: [Int]) -> Double? {
        struct Column {
            var kind: Int
            var lanes: [Lanes]
            var gpu: Double
            var host: Double
        }
        let entries = loads.flatMap { $0 }
        var columns: [Column] = []
        for kind in bytes.indices where counts[kind] > 0 {
            columns.append(Column(kind: kind, lanes: entries.map { $0.costs.kinds[kind].resident }, gpu: bytes[kind], host: 0))
            // Every step has a share of its own: all combinations of few.
            let choices = entries.map { entry -> [Int] in
                let chain = entry.costs.kinds[kind].host.map { $0[0] }
                let lowest = chain.indices.min { chain[$0] < chain[$1] } ?? 0
                return Array(Set([0, chain.count - 1, lowest, max(0, lowest - 1), min(chain.count - 1, lowest + 1)])).sorted()
            }
            var combinations: [[Int]] = [[]]
            for choice in choices { combinations = combinations.flatMap { known in choice.map { known + [$0] } } }
            for combination in combinations {
                let host = zip(entries, combination).map { $0.costs.kinds[kind].host[$1] }
                columns.append(Column(kind: kind, lanes: host, gpu: 0, host: bytes[kind]))
                if room.hasDisk {
                    columns.append(
                        Column(kind: kind, lanes: zip(entries, combination).map { $0.costs.kinds[kind].disk[$1] }, gpu: 0, host: 0))
                }
            }
        }
        let used = bytes.indices.filter { counts[$0] > 0 }
        // In units of the greatest chain and of the memories, so that the numbers are near one.
        let scale = max(
            1e-12, entries.map { $0.costs.fixed.max() + $0.costs.kinds.reduce(0) { $0 + ($1.host.first?.max() ?? 0) } }.max() ?? 1)
        var program = LinearProgram(cost: columns.map { _ in 0 } + entries.map { $0.weight })
        for kind in used {
            let coefficients = columns.map { $0.kind == kind ? 1.0 : 0 } + entries.map { _ in 0 }
            program.rows.append(.init(coefficients: coefficients, bound: Double(counts[kind]), isEquality: true))
        }
        program.rows.append(
            .init(coefficients: columns.map { $0.gpu / max(1, room.gpu) } + entries.map { _ in 0 }, bound: room.gpu > 0 ? 1 : 0))
        program.rows.append(
            .init(coefficients: columns.map { $0.host / max(1, room.host) } + entries.map { _ in 0 }, bound: room.host > 0 ? 1 : 0))
        for (index, entry) in entries.enumerated() {
            for lane in 0..<6 where lane == 0 || columns.contains(where: { $0.lanes[index][lane] > 0 }) {
                var coefficients = columns.map { $0.lanes[index][lane] / scale } + entries.map { _ in 0 }
                coefficients[columns.count + index] = -1
                program.rows.append(.init(coefficients: coefficients, bound: -entry.costs.fixed[lane] / scale))
            }
        }
        guard let solution = ProgramSolver.solve(program) else { return nil }
        return solution.objective * scale + entries.reduce(0) { $0 + $1.weight * $1.costs.overhead }
    }
}
