/// Cuts a prompt into slices along tokens so that a pipeline finishes soonest.
///
/// `seconds(stage, start, length)` is what a stage needs for tokens start ..< start + length (in tiles) of the prompt, `transfer(length)` what the hidden states take to the next stage.
/// A slice starts on a stage when the stage is free and the slice has arrived; transfers overlap with the sender's next slice.
struct SliceSearch {
    let stages: Int
    /// Tiles of the prompt.
    let tiles: Int
    let seconds: (_ stage: Int, _ start: Int, _ length: Int) -> Double
    let transfer: (_ stage: Int, _ length: Int) -> Double

    struct Result: Equatable {
        var lengths: [Int]
        var makespan: Double
        /// false where labels were dropped to bound the search.
        var exact: Bool
    }

    /// Finish time on the last stage for given slices: the recurrence, exactly.
    func makespan(_ lengths: [Int]) -> Double {
        var finish = Array(repeating: 0.0, count: stages)
        var start = 0
        for length in lengths {
            advance(&finish, start: start, length: length)
            start += length
        }
        return finish.last ?? 0
    }

    private func advance(_ finish: inout [Double], start: Int, length: Int) {
        var arrival = 0.0
        for stage in 0..<stages {
            finish[stage] = max(finish[stage], arrival) + seconds(stage, start, length)
            arrival = finish[stage] + (stage + 1 < stages ? transfer(stage, length) : 0)
        }
    }

    /// The published form: for every bound on the slowest slice the least sum, and of those the best sum + (stages - 1) x bound. Never above the uniform cut of the same form.
    func published() -> [Int] {
        var cost: [Int: Double] = [:]
        func longest(_ start: Int, _ length: Int) -> Double {
            let key = start * (tiles + 1) + length
            if let known = cost[key] { return known }
            var value = 0.0
            for stage in 0..<stages { value = max(value, seconds(stage, start, length) + (stage + 1 < stages ? transfer(stage, length) : 0)) }
            cost[key] = value
            return value
        }
        var bounds: Set<Double> = []
        for start in 0..<tiles { for length in 1...(tiles - start) { bounds.insert(longest(start, length)) } }
        var best = (Double.infinity, [tiles])
        let sorted = bounds.sorted()
        for index in stride(from: 0, to: sorted.count, by: max(1, sorted.count / 64)) {
            let bound = sorted[index]
            var least = Array(repeating: Double.infinity, count: tiles + 1), last = Array(repeating: 0, count: tiles + 1)
            least[0] = 0
            for end in 1...tiles {
                for start in 0..<end where least[start].isFinite {
                    let value = longest(start, end - start)
                    if value <= bound, least[start] + value < least[end] { (least[end], last[end]) = (least[start] + value, end - start) }
                }
            }
            guard least[tiles].isFinite, least[tiles] + Double(stages - 1) * bound < best.0 else { continue }
            var lengths: [Int] = []
            var end = tiles
            while end > 0 {
                lengths.insert(last[end], at: 0)
                end -= last[end]
            }
            best = (least[tiles] + Double(stages - 1) * bound, lengths)
        }
        return best.1
    }

    /// Equal slices, for every count: the best.
    func uniform() -> [Int] {
        var best = (Double.infinity, [tiles])
        for count in 1...tiles {
            let lengths = (0..<count).map { (($0 + 1) * tiles) / count - ($0 * tiles) / count }
            let value = makespan(lengths)
            if value < best.0 { best = (value, lengths) }
        }
        return best.1
    }

    /// The exact optimum: label setting over the vectors of finish times, a label dropped where another at the same position is no later on any stage, or where even
    /// perfect overlap of the rest cannot beat the best known.
    ///
    /// - Parameter labels: labels kept per position; with more the search drops the latest ones and the result is no longer proven.
    func best(labels limit: Int = 400) -> Result {
        var bestLengths = uniform()
        var bound = makespan(bestLengths)
        let candidate = published()
        let value = makespan(candidate)
        if value < bound { (bound, bestLengths) = (value, candidate) }
        guard stages > 1, tiles > 1 else { return Result(lengths: [tiles], makespan: makespan([tiles]), exact: true) }

        // Seconds by stage, start and length, computed once.
        let width = tiles + 1
        var table = Array(repeating: Array(repeating: 0.0, count: width * width), count: stages)
        for stage in 0..<stages {
            for start in 0..<tiles { for length in 1...(tiles - start) { table[stage][start * width + length] = seconds(stage, start, length) } }
        }
        var moves = Array(repeating: Array(repeating: 0.0, count: width), count: stages)
        for stage in 0..<max(0, stages - 1) { for length in 1...tiles { moves[stage][length] = transfer(stage, length) } }
        // Least seconds a stage still needs from a position, whatever the cut.
        var rest = Array(repeating: Array(repeating: 0.0, count: width), count: stages)
        for stage in 0..<stages {
            for start in stride(from: tiles - 1, through: 0, by: -1) {
                var least = Double.infinity
                for length in 1...(tiles - start) { least = min(least, table[stage][start * width + length] + rest[stage][start + length]) }
                rest[stage][start] = least
            }
        }
        struct Label {
            var finish: [Double]
            var parent: Int
            var length: Int
            var optimistic: Double
        }
        var store: [Label] = [Label(finish: Array(repeating: 0, count: stages), parent: -1, length: 0, optimistic: 0)]
        var open: [[Int]] = Array(repeating: [], count: width)
        open[0] = [0]
        var exact = true
        for position in 0..<tiles {
            var here = open[position]
            if here.count > limit {
                here.sort { store[$0].optimistic < store[$1].optimistic }
                here.removeLast(here.count - limit)
                exact = false
            }
            for index in here {
                guard store[index].optimistic < bound - 1e-12 else { continue }
                for length in 1...(tiles - position) {
                    var finish = store[index].finish
                    var arrival = 0.0
                    for stage in 0..<stages {
                        finish[stage] = max(finish[stage], arrival) + table[stage][position * width + length]
                        arrival = finish[stage] + moves[stage][length]
                    }
                    let end = position + length
                    var optimistic = 0.0
                    for stage in 0..<stages { optimistic = max(optimistic, finish[stage] + rest[stage][end]) }
                    guard optimistic < bound - 1e-12 else { continue }
                    if end == tiles {
                        bound = finish[stages - 1]
                        var lengths = [length]
                        var walk = index
                        while store[walk].parent >= 0 {
                            lengths.insert(store[walk].length, at: 0)
                            walk = store[walk].parent
                        }
                        bestLengths = lengths
                        continue
                    }
                    let dominated = open[end].contains { other in
                        let known = store[other].finish
                        return (0..<stages).allSatisfy { known[$0] <= finish[$0] }
                    }
                    if dominated { continue }
                    open[end].removeAll { other in
                        let known = store[other].finish
                        return (0..<stages).allSatisfy { finish[$0] <= known[$0] }
                    }
                    store.append(Label(finish: finish, parent: index, length: length, optimistic: optimistic))
                    open[end].append(store.count - 1)
                }
            }
        }
        return Result(lengths: bestLengths, makespan: bound, exact: exact)
    }
}
