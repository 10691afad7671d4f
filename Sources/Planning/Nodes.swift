import Plans

/// A candidate stage of a pipeline before its layers are known: seconds of a step by number of layers, and the stage itself for any number.
struct PipelineNode {
    var devices: [Int]
    /// Seconds with n layers, n = 0 ... all; 0 for none, infinite where they do not fit.
    var seconds: [Double]
    /// The stage for a range of layers.
    var stage: (Range<Int>) -> StageDraft
}

/// Distributes layers over nodes in a fixed order.
///
/// HPipe's dynamic programme with two numbers kept instead of one: for every bound on the busiest stage, the least sum over stages. The
/// bounds' solutions are the trade-off between latency (sum) and throughput (bound), and the best makespan of a sliced prompt is among them
/// or next to them.
enum LayerSplit {
    struct Split: Equatable {
        var counts: [Int]
        var sum: Double
        var bottleneck: Double
    }

    /// Least sum of seconds with no node above `bound`; nil where the layers do not fit. O(nodes x layers^2).
    static func leastSum(_ nodes: [[Double]], layers: Int, bound: Double) -> Split? {
        guard !nodes.isEmpty else { return nil }
        var best = Array(repeating: Double.infinity, count: layers + 1)
        best[0] = 0
        var choice: [[Int]] = []
        for seconds in nodes {
            var next = Array(repeating: Double.infinity, count: layers + 1)
            var chosen = Array(repeating: 0, count: layers + 1)
            for count in 0...min(layers, seconds.count - 1) where seconds[count] <= bound {
                for before in 0...(layers - count) where best[before] + seconds[count] < next[before + count] {
                    next[before + count] = best[before] + seconds[count]
                    chosen[before + count] = count
                }
            }
            best = next
            choice.append(chosen)
        }
        guard best[layers].isFinite else { return nil }
        var counts = Array(repeating: 0, count: nodes.count)
        var rest = layers, bottleneck = 0.0
        for index in nodes.indices.reversed() {
            counts[index] = choice[index][rest]
            bottleneck = max(bottleneck, nodes[index][counts[index]])
            rest -= counts[index]
        }
        return Split(counts: counts, sum: best[layers], bottleneck: bottleneck)
    }

    /// Smallest bound for which the layers fit: binary search over the nodes' values. O(log x nodes x layers).
    static func leastBottleneck(_ nodes: [[Double]], layers: Int) -> Double? {
        func fits(_ bound: Double) -> Bool {
            // Any count up to the largest within the bound is within it too where seconds grow with layers.
            nodes.reduce(0) { $0 + ($1.lastIndex { $0 <= bound } ?? 0) } >= layers
        }
        let values = nodes.flatMap { $0.filter(\.isFinite) }.sorted()
        guard let last = values.last, fits(last) else { return nil }
        var low = 0, high = values.count - 1
        while low < high {
            let middle = (low + high) / 2
            if fits(values[middle]) { high = middle } else { low = middle + 1 }
        }
        return values[low]
    }

    /// The trade-off between bound and sum, from the least bottleneck to the least sum, at most `limit` of it.
    static func tradeOff(_ nodes: [[Double]], layers: Int, limit: Int) -> [Split] {
        guard let least = leastBottleneck(nodes, layers: layers),
            let relaxed = leastSum(nodes, layers: layers, bound: .greatestFiniteMagnitude)
        else { return [] }
        var found = [relaxed]
        let bounds = Set(nodes.flatMap { $0.filter { $0.isFinite && $0 >= least && $0 < relaxed.bottleneck } }).sorted()
        let step = max(1, bounds.count / max(1, limit))
        for index in stride(from: 0, to: bounds.count, by: step) {
            if let split = leastSum(nodes, layers: layers, bound: bounds[index]), !found.contains(where: { $0.counts == split.counts }) {
                found.append(split)
            }
        }
        return found
    }
}
