/// Small pools: every partition.
extension PartitionSearch {
    /// Enumerates all partitions into sets that hold the model, each set's devices in descending order of the list; false where there are
    /// too many.
    func enumerate() -> Bool {
        guard total.reduce(1.0, { $0 * Double($1 + 1) }) <= 700 else { return false }
        var sets: [Counts] = []
        var counts = Array(repeating: 0, count: total.count)
        while true {
            var index = 0
            while index < counts.count {
                counts[index] += 1
                if counts[index] <= total[index] { break }
                counts[index] = 0
                index += 1
            }
            guard index < counts.count else { break }
            if deadline.passed { return false }
            if !solver.solve(counts).choices.isEmpty { sets.append(counts) }
        }
        // A set that leaves devices to spare in every choice is no more than the smaller one.
        sets.removeAll { counts in
            let located = solver.solve(counts)
            return located.choices.indices.allSatisfy { located.used($0, pools: total.count) != counts }
        }
        var found: [[Counts]] = []
        func extend(_ partition: [Counts], _ left: Counts, from first: Int) -> Bool {
            var whole = true
            for index in first..<max(first, sets.count) where zip(sets[index], left).allSatisfy({ $0 <= $1 }) {
                if problem.objective == .cost { found.append(partition + [sets[index]]) }
                whole = false
                guard extend(partition + [sets[index]], zip(left, sets[index]).map { $0 - $1 }, from: index), found.count <= most else {
                    return false
                }
            }
            // Only what nothing can be added to: another replica never harms, but for its price.
            if whole, !partition.isEmpty, !sets.contains(where: { zip($0, left).allSatisfy { $0 <= $1 } }) { found.append(partition) }
            return found.count <= most
        }
        guard extend([], total, from: 0) else { return false }
        for partition in found {
            if deadline.passed { return false }
            consider(partition)
        }
        exhaustive = true
        return true
    }
}
