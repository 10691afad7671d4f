import Models
import Plans

/// Pipelines that keep the user's pins: pinned ranges stay on their devices, what lies between is distributed over all devices within what
/// memory is left.
struct PinnedPipelines {
    let problem: Problem

    /// Layers by weight: each device's share of all layers less what is pinned to it, handed out in order.
    func weighted(_ devices: [Int], _ weights: [Double]) -> [StageDraft] {
        let wanted = Realiser.apportion(weights, units: problem.shape.layerCount, grain: 1)
        var left = Dictionary(uniqueKeysWithValues: zip(devices, wanted))
        let segments = problem.segments()
        for segment in segments { if let device = segment.device { left[device, default: 0] -= segment.layers.count } }
        let free = segments.reduce(0) { $0 + ($1.device == nil ? $1.layers.count : 0) }
        let counts = Realiser.apportion(devices.map { Double(max(0, left[$0] ?? 0)) }, units: free, grain: 1)
        var queue = zip(devices, counts).filter { $0.1 > 0 }.map { (device: $0.0, count: $0.1) }[...]
        var parts: [(device: Int, layers: Range<Int>)] = []
        for segment in segments {
            if let device = segment.device {
                parts.append((device, segment.layers))
                continue
            }
            var next = segment.layers.lowerBound
            while next < segment.layers.upperBound, let first = queue.first {
                let count = min(first.count, segment.layers.upperBound - next)
                parts.append((first.device, next..<next + count))
                next += count
                queue[queue.startIndex].count -= count
                if first.count == count { queue.removeFirst() }
            }
        }
        return problem.residentStages(parts)
    }

    /// Every segment between pins by the least sum of seconds within the memory that is left; nil where the layers do not fit.
    func leastSum(_ order: [Int]) -> [StageDraft]? {
        let tables = NodeTables(problem: problem)
        let sequences = Double(problem.togetherSequences)
        var room: [Int: Int] = [:]
        let segments = problem.segments()
        for device in Set(order + segments.compactMap(\.device)) {
            room[device] = tables.layerCapacity([device], sequences: sequences, ends: tables.outputBytes + tables.embeddingBytes)
        }
        for segment in segments { if let device = segment.device { room[device, default: 0] -= segment.layers.count } }
        let nodes = tables.nodes(order.map { [$0] }, load: problem.decisiveLoad(), sequences: sequences, ends: false)
        var parts: [(device: Int, layers: Range<Int>)] = []
        for segment in segments {
            if let device = segment.device {
                parts.append((device, segment.layers))
                continue
            }
            let seconds = zip(order, nodes).map { device, node in
                node.seconds.enumerated().map { $0 <= max(0, room[device] ?? 0) ? $1 : .infinity }
            }
            guard let split = LayerSplit.leastSum(seconds, layers: segment.layers.count, bound: .greatestFiniteMagnitude) else {
                return nil
            }
            var first = segment.layers.lowerBound
            for (device, count) in zip(order, split.counts) where count > 0 {
                parts.append((device, first..<first + count))
                first += count
                room[device, default: 0] -= count
            }
        }
        return problem.residentStages(parts)
    }

    /// Over the strategy's orders of devices.
    func search(_ strategy: Strategy, orders: [[Int]]) -> [Evaluation] {
        var found: [Evaluation] = []
        for order in orders {
            guard let stages = leastSum(order) else { continue }
            if let evaluation = problem.finish([stages], strategy: strategy, note: "with pins: " + HPipeStrategy.note(problem, stages)) {
                found.append(evaluation)
            }
        }
        return found
    }
}
