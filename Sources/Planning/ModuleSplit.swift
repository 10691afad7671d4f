/// Distributes modules over the stages of an order, for one step's loads: HPipe's dynamic programme with two numbers kept instead of one,
/// at the granularity of modules.
///
/// For every bound on the busiest stage the least sum over stages. Where the objective is the larger of the two (a decode round),
/// `leastRound` is exact.
struct ModuleSplit {
    /// A stage's time of a load by modules before: chain and host memory, and what every stage adds.
    struct Prefix {
        var chain: [Double]
        var host: [Double]
        var overhead: Double

        @inline(__always)
        func seconds(_ first: Int, _ end: Int) -> Double { max(chain[end] - chain[first], host[end] - host[first]) + overhead }
    }

    struct Split: Equatable {
        var bounds: [Int]
        var sum: Double
        var bottleneck: Double
        /// What a round takes: the busiest stage or boundary, or one micro-batch through all stages.
        var round: Double { max(sum, bottleneck) }
    }

    let costs: PipelineCosts
    /// By class: the load that all stages are busy with, and the one that passes through them.
    let busy: [Prefix]
    let passing: [Prefix]
    let rooms: [PipelineCosts.Room]
    let busyTokens: Double
    let passingTokens: Double

    init(costs: PipelineCosts, busy: StepLoad, passing: StepLoad, rooms: [PipelineCosts.Room]) {
        self.costs = costs
        self.rooms = rooms
        func prefixes(_ load: StepLoad) -> [Prefix] {
            costs.classes.indices.map { index in
                let found = costs.prefix(index, load)
                return Prefix(
                    chain: found.chain, host: found.host, overhead: costs.classes[index].overhead * Double(max(1, load.microBatches)))
            }
        }
        self.busy = prefixes(busy)
        self.passing = busy == passing ? self.busy : prefixes(passing)
        busyTokens = busy.tokens
        passingTokens = passing.tokens
    }

    /// From a stage on, by its first module: the least sum and the least bottleneck, each for itself.
    struct Suffix {
        var device: Int
        var sum: [Double]
        var bottleneck: [Double]
    }

    func suffix(_ device: Int, before next: Suffix?) -> Suffix {
        let modules = costs.moduleCount, room = rooms[device]
        var result = Suffix(
            device: device, sum: Array(repeating: .infinity, count: modules + 1),
            bottleneck: Array(repeating: .infinity, count: modules + 1))
        guard let next else {
            for first in 0..<modules where costs.fits(room, first, modules) {
                result.sum[first] = passing[device].seconds(first, modules)
                result.bottleneck[first] = busy[device].seconds(first, modules)
            }
            return result
        }
        let move = costs.move(device, next.device, tokens: passingTokens), hop = costs.move(device, next.device, tokens: busyTokens)
        let (busy, passing) = (busy[device], passing[device])
        // The last end that fits goes up with the first module.
        var most = 0
        for first in 0..<(modules - 1) {
            most = max(most, first)
            while most + 1 < modules, costs.fits(room, first, most + 1) { most += 1 }
            guard most > first else { continue }
            var sum = Double.infinity, bottleneck = Double.infinity
            for end in (first + 1)...most {
                sum = min(sum, passing.seconds(first, end) + next.sum[end])
                let seconds = busy.seconds(first, end)
                bottleneck = min(bottleneck, max(seconds, next.bottleneck[end]))
                // Longer stages take longer still.
                if seconds >= bottleneck, passing.seconds(first, end) >= sum { break }
            }
            (result.sum[first], result.bottleneck[first]) = (sum + move, max(bottleneck, hop))
        }
        return result
    }

    /// Least sum with no stage and no boundary busy for longer than `bound`; nil where the modules do not fit. O(stages x modules^2).
    func leastSum(_ order: [Int], bound: Double = .infinity) -> Split? {
        let modules = costs.moduleCount, stages = order.count
        guard stages > 0, stages <= modules else { return nil }
        var best = Array(repeating: Double.infinity, count: modules + 1)
        best[0] = 0
        var choice: [[Int]] = []
        var moves = 0.0, longestHop = 0.0
        for stage in 0..<stages {
            let device = order[stage], room = rooms[device], isLast = stage == stages - 1
            var next = Array(repeating: Double.infinity, count: modules + 1), chosen = Array(repeating: 0, count: modules + 1)
            for first in stage..<modules where best[first].isFinite {
                for end in isLast ? modules..<modules + 1 : (first + 1)..<max(first + 1, modules) {
                    guard costs.fits(room, first, end), busy[device].seconds(first, end) <= bound else { break }
                    let value = best[first] + passing[device].seconds(first, end)
                    if value < next[end] { (next[end], chosen[end]) = (value, first) }
                }
            }
            if !isLast {
                moves += costs.move(device, order[stage + 1], tokens: passingTokens)
                longestHop = max(longestHop, costs.move(device, order[stage + 1], tokens: busyTokens))
            }
            best = next
            choice.append(chosen)
        }
        guard best[modules].isFinite, longestHop <= bound else { return nil }
        var bounds = [modules]
        for stage in stride(from: stages - 1, through: 0, by: -1) { bounds.insert(choice[stage][bounds[0]], at: 0) }
        var bottleneck = longestHop
        for stage in 0..<stages { bottleneck = max(bottleneck, busy[order[stage]].seconds(bounds[stage], bounds[stage + 1])) }
        return Split(bounds: bounds, sum: best[modules] + moves, bottleneck: bottleneck)
    }

    /// The least bottleneck of an order.
    func leastBottleneck(_ order: [Int]) -> Double {
        var suffix: Suffix?
        for device in order.reversed() { suffix = self.suffix(device, before: suffix) }
        return suffix?.bottleneck[0] ?? .infinity
    }

    /// Least max(sum, bottleneck): the sum falls as the bound is relaxed, so the bound at which they meet is found by halving.
    func leastRound(_ order: [Int]) -> Split? {
        guard let relaxed = leastSum(order) else { return nil }
        var best = relaxed
        guard relaxed.bottleneck > relaxed.sum else { return best }
        var low = leastBottleneck(order), high = relaxed.bottleneck
        if let tight = leastSum(order, bound: low), tight.round < best.round { best = tight }
        for _ in 0..<30 where high - low > 1e-9 * high {
            let middle = (low + high) / 2
            guard let found = leastSum(order, bound: middle) else {
                low = middle
                continue
            }
            if found.round < best.round { best = found }
            if found.sum > found.bottleneck { low = middle } else { high = min(middle, found.bottleneck * (1 - 1e-12)) }
        }
        return best
    }

    /// The trade-off between bottleneck and sum, from the least bottleneck to the least sum, at most `limit` of it.
    func tradeOff(_ order: [Int], limit: Int) -> [Split] {
        guard let relaxed = leastSum(order) else { return [] }
        let least = leastBottleneck(order)
        var found = [relaxed]
        for index in 0..<max(1, limit - 1) {
            let share = Double(index) / Double(max(1, limit - 1))
            let bound = (least + (relaxed.bottleneck - least) * share) * (1 + 1e-12)
            guard bound < relaxed.bottleneck, let split = leastSum(order, bound: bound),
                !found.contains(where: { $0.bounds == split.bounds })
            else {
                continue
            }
            found.append(split)
        }
        return found
    }
}
