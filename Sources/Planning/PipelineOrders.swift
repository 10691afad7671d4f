import Plans

/// Orders of devices for pipelines: every sequence of distinct devices, devices of one class taken for one another, any of them left out.
enum PipelineOrders {
    /// How many such sequences there are, at most `limit` + 1.
    static func count(_ sizes: [Int], limit: Int) -> Int {
        var left = sizes, found = 0
        func visit() {
            for index in left.indices where left[index] > 0 && found <= limit {
                found += 1
                left[index] -= 1
                visit()
                left[index] += 1
            }
        }
        visit()
        return found
    }

    /// Visits every sequence, built from its last stage to its first; `extend` makes the state of a longer suffix, and nil cuts it off with
    /// everything longer.
    static func suffixes<State>(_ sizes: [Int], longest: Int, _ extend: (_ state: State?, _ device: Int, _ order: [Int]) -> State?) {
        var left = sizes
        func visit(_ state: State?, _ order: [Int]) {
            guard order.count < longest else { return }
            for index in left.indices where left[index] > 0 {
                let longer = [index] + order
                guard let next = extend(state, index, longer) else { continue }
                left[index] -= 1
                visit(next, longer)
                left[index] += 1
            }
        }
        visit(nil, [])
    }

    /// Where there are too many: classes by machine in a few orders of machines, fast ones first or last, and the same without the slowest.
    static func sample(_ costs: PipelineCosts) -> [[Int]] {
        let hardware = costs.problem.hardware
        let machines = Dictionary(grouping: costs.classes.indices) { hardware.devices[costs.classes[$0].devices[0]].machine }
        func speed(_ index: Int) -> Double { hardware.devices[costs.classes[index].devices[0]].profile.readBytesPerSecond }
        func strength(_ machine: Int) -> Double {
            (machines[machine] ?? []).reduce(0) { $0 + speed($1) * Double(costs.classes[$1].devices.count) }
        }
        let bySpeed = machines.keys.sorted { (strength($0), -$0) > (strength($1), -$1) }
        var result: [[Int]] = []
        for order in machineOrders(bySpeed) {
            for fastFirst in [true, false] {
                let whole = order.flatMap { machine in
                    (machines[machine] ?? []).sorted { a, b in
                        let (x, y) = (speed(a), speed(b))
                        return x == y ? a < b : (fastFirst ? x > y : x < y)
                    }.flatMap { Array(repeating: $0, count: costs.classes[$0].devices.count) }
                }
                // Without the slowest devices, one at a time down to one device.
                var part = whole
                while !part.isEmpty {
                    if !result.contains(part) { result.append(part) }
                    guard part.count > 1, let slowest = part.indices.min(by: { (speed(part[$0]), $0) < (speed(part[$1]), $1) }) else {
                        break
                    }
                    let step = part.count > 16 ? part.count / 8 : 1
                    part.remove(at: slowest)
                    for _ in 1..<max(1, step) where part.count > 1 {
                        part.remove(at: part.indices.min { (speed(part[$0]), $0) < (speed(part[$1]), $1) } ?? 0)
                    }
                }
            }
        }
        return result
    }

    /// Every order of up to four machines; of more, by strength, the other way round, and each of the four strongest last.
    private static func machineOrders(_ machines: [Int]) -> [[Int]] {
        guard machines.count > 1 else { return [machines] }
        guard machines.count > 4 else {
            return machines.indices.flatMap { index -> [[Int]] in
                var rest = machines
                let first = rest.remove(at: index)
                return machineOrders(rest).map { [first] + $0 }
            }
        }
        return [machines, machines.reversed()] + machines.prefix(4).map { last in machines.filter { $0 != last } + [last] }
    }
}
