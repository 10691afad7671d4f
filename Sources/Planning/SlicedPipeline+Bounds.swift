import Plans

/// Lower bounds of the makespan, and the proof that nothing is better where it is cheap.
///
/// Every makespan is the longest path through (slice, stage). The paths used here: the first slice up to a stage, everything on that stage,
/// the last slice from there on.
extension SlicedPipeline {
    /// Prefix sums over modules of what a class takes at least: for the whole prompt, for a first and for a last slice; and their
    /// constants.
    struct Least {
        var whole: [Double]
        var first: [Double]
        var last: [Double]
        /// Seconds of overhead in `whole`.
        var overhead: Double
    }

    func least() -> [Least] {
        let width = costs.width, columns = costs.moduleCount + 1, slots = tiles * (tiles + 1) + 1
        return costs.classes.indices.map { index in
            func value(_ k: Int, _ start: Int, _ length: Int) -> Double {
                chain[(index * slots + start * (tiles + 1) + length) * width + k]
            }
            var whole = Array(repeating: 0.0, count: columns), first = whole, last = whole
            for k in 0..<width {
                // The least sum over all cuts, of this coefficient alone.
                var rest = Array(repeating: Double.infinity, count: tiles + 1)
                rest[tiles] = 0
                for start in stride(from: tiles - 1, through: 0, by: -1) {
                    for length in 1...min(longest, tiles - start) {
                        rest[start] = min(rest[start], value(k, start, length) + rest[start + length])
                    }
                }
                let begin = (1...longest).reduce(Double.infinity) { min($0, value(k, 0, $1)) }
                let end = (1...longest).reduce(Double.infinity) { min($0, value(k, tiles - $1, $1)) }
                for module in 0..<columns {
                    let count = costs.before[k * columns + module]
                    whole[module] += count * rest[0] * Double(groups)
                    first[module] += count * begin
                    last[module] += count * end
                }
            }
            let cuts = (tiles + longest - 1) / longest
            return Least(whole: whole, first: first, last: last, overhead: costs.classes[index].overhead * Double(groups * cuts))
        }
    }

    /// Of the stages from one on, by the first module of them: the least time from the first slice's arrival to the end, and of the last
    /// slice alone.
    struct Suffix {
        var device: Int
        var bound: [Double]
        var tail: [Double]
        /// End of the first of these stages where the bound is least.
        var end: [Int]
    }

    /// A stage before a suffix (or the last stage, before none). O(modules^2).
    func suffix(_ device: Int, before next: Suffix?, _ least: [Least]) -> Suffix {
        let modules = costs.moduleCount, room = rooms[device], each = least[device], overhead = costs.classes[device].overhead
        var result = Suffix(
            device: device, bound: Array(repeating: .infinity, count: modules + 1), tail: Array(repeating: .infinity, count: modules + 1),
            end: Array(repeating: 0, count: modules + 1))
        guard let next else {
            for first in 0..<modules where costs.fits(room, first, modules) {
                result.bound[first] = each.whole[modules] - each.whole[first] + each.overhead
                result.tail[first] = each.last[modules] - each.last[first] + overhead
                result.end[first] = modules
            }
            return result
        }
        let opening = (1...longest).reduce(Double.infinity) { min($0, costs.move(device, next.device, tokens: tokens(0, $1))) }
        let closing = (1...longest).reduce(Double.infinity) { min($0, costs.move(device, next.device, tokens: tokens(tiles - $1, $1))) }
        for first in 0..<(modules - 1) {
            var bound = Double.infinity, tail = Double.infinity, chosen = 0
            for end in (first + 1)..<modules {
                guard costs.fits(room, first, end) else { break }
                let after = closing + next.tail[end]
                tail = min(tail, each.last[end] - each.last[first] + after)
                let through = each.whole[end] - each.whole[first] + each.overhead + after
                // Whole times grow with the stage.
                if through >= bound { continue }
                let value = max(through, each.first[end] - each.first[first] + overhead + opening + next.bound[end])
                if value < bound { (bound, chosen) = (value, end) }
            }
            (result.bound[first], result.tail[first], result.end[first]) = (bound, tail + overhead, chosen)
        }
        return result
    }

    /// The bound of an order with a distribution of modules that attains it; nil where nothing fits.
    func bound(_ order: [Int], _ least: [Least]) -> (seconds: Double, bounds: [Int])? {
        let suffixes = suffixes(order, least)
        guard let all = suffixes.first, all.bound[0].isFinite else { return nil }
        var bounds = [0]
        for suffix in suffixes { bounds.append(suffix.end[bounds[bounds.count - 1]]) }
        return (all.bound[0], bounds)
    }

    func suffixes(_ order: [Int], _ least: [Least]) -> [Suffix] {
        var result: [Suffix] = []
        for device in order.reversed() { result.append(suffix(device, before: result.last, least)) }
        return result.reversed()
    }

    /// The bound of a distribution of modules: for each stage the cheapest cut of head, stage and tail together. O(stages x tiles^2).
    func bound(_ order: [Int], _ bounds: [Int]) -> Double {
        let stages = order.count
        var longestPath = 0.0
        var best = Array(repeating: 0.0, count: tiles + 1)
        for stage in 0..<stages {
            var head = Array(repeating: 0.0, count: longest + 1), tail = head
            for length in 1...longest {
                for other in 0..<stage {
                    head[length] += seconds(order[other], bounds[other], bounds[other + 1], 0, length)
                    head[length] += costs.move(order[other], order[other + 1], tokens: tokens(0, length))
                }
                for other in stage + 1..<max(stage + 1, stages) {
                    tail[length] += seconds(order[other], bounds[other], bounds[other + 1], tiles - length, length)
                    tail[length] += costs.move(order[other - 1], order[other], tokens: tokens(tiles - length, length))
                }
            }
            for end in 1...tiles {
                best[end] = .infinity
                for length in 1...min(longest, end) {
                    let start = end - length
                    var value = best[start] + Double(groups) * seconds(order[stage], bounds[stage], bounds[stage + 1], start, length)
                    if start == 0 { value += head[length] }
                    if end == tiles { value += tail[length] }
                    best[end] = min(best[end], value)
                }
            }
            longestPath = max(longestPath, best[tiles])
        }
        work += stages * stages * longest + stages * tiles * tiles / 2
        return longestPath
    }

    /// Goes through every distribution of modules of an order whose bound is below the best known, and replaces it where one is better.
    ///
    /// - Returns: what nothing unresolved in the order can be below; infinity where nothing better is left in it.
    func finish(_ order: [Int], _ least: [Least], best: inout Candidate, limit: Int) -> Double {
        let suffixes = suffixes(order, least), stages = order.count
        let end = work + limit
        var floor = Double.infinity
        var bounds = Array(repeating: 0, count: stages + 1)
        func visit(_ stage: Int, _ head: Double) {
            guard work < end else {
                floor = min(floor, suffixes[0].bound[0])
                return
            }
            work += 1
            let first = bounds[stage], device = order[stage]
            if stage == stages - 1 {
                bounds[stages] = costs.moduleCount
                guard costs.fits(rooms[device], first, costs.moduleCount) else { return }
                let least = bound(order, bounds)
                guard least < best.seconds * (1 - 1e-12), let start = uniform(order, bounds, most: 8) else { return }
                let (found, isExact) = sliced(start, labels: 1200)
                if !isExact { floor = min(floor, least) }
                if found.seconds < best.seconds * (1 - 1e-12) { best = found }
                return
            }
            let next = suffixes[stage + 1]
            for split in (first + 1)..<costs.moduleCount {
                guard costs.fits(rooms[device], first, split) else { break }
                work += 1
                let through =
                    head + least[device].whole[split] - least[device].whole[first] + least[device].overhead + next.tail[split]
                if through >= best.seconds { break }
                let passed =
                    head + least[device].first[split] - least[device].first[first] + costs.classes[device].overhead
                    + costs.move(device, next.device, tokens: tokens(0, 1))
                if passed + next.bound[split] >= best.seconds { continue }
                bounds[stage + 1] = split
                visit(stage + 1, passed)
            }
        }
        visit(0, 0)
        return floor
    }
}
