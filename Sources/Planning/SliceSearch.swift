/// Cuts a prompt into slices along tokens so that a pipeline finishes soonest.
///
/// `seconds(stage, start, length)` is what a stage needs for tokens start ..< start + length (in tiles) of the prompt, `transfer(stage,
/// start, length)` what the hidden states take to the next stage. A slice starts on a stage when the stage is free and the slice has
/// arrived; transfers overlap with the sender's next slice.
struct SliceSearch {
    let stages: Int
    /// Tiles of the prompt.
    let tiles: Int
    /// Longest slice.
    let longest: Int
    let seconds: (_ stage: Int, _ start: Int, _ length: Int) -> Double
    let transfer: (_ stage: Int, _ start: Int, _ length: Int) -> Double

    init(
        stages: Int, tiles: Int, longest: Int? = nil, seconds: @escaping (_ stage: Int, _ start: Int, _ length: Int) -> Double,
        transfer: @escaping (_ stage: Int, _ start: Int, _ length: Int) -> Double
    ) {
        self.stages = stages
        self.tiles = tiles
        self.longest = max(1, min(tiles, longest ?? tiles))
        self.seconds = seconds
        self.transfer = transfer
    }

    struct Result: Equatable {
        var lengths: [Int]
        var makespan: Double
        /// false where labels were dropped to bound the search.
        var exact: Bool
        /// Evaluated (stage, slice) pairs.
        var work = 0
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
            arrival = finish[stage] + (stage + 1 < stages ? transfer(stage, start, length) : 0)
        }
    }

    /// The published form: for every bound on the slowest slice the least sum, and of those the best sum + (stages - 1) x bound. Never
    /// above the uniform cut of the same form.
    func published() -> [Int] {
        var cost: [Int: Double] = [:]
        func slowest(_ start: Int, _ length: Int) -> Double {
            let key = start * (tiles + 1) + length
            if let known = cost[key] { return known }
            var value = 0.0
            for stage in 0..<stages {
                value = max(value, seconds(stage, start, length) + (stage + 1 < stages ? transfer(stage, start, length) : 0))
            }
            cost[key] = value
            return value
        }
        var bounds: Set<Double> = []
        for start in 0..<tiles { for length in 1...min(longest, tiles - start) { bounds.insert(slowest(start, length)) } }
        var best = (Double.infinity, uniform())
        let sorted = bounds.sorted()
        for index in stride(from: 0, to: sorted.count, by: max(1, sorted.count / 64)) {
            let bound = sorted[index]
            var least = Array(repeating: Double.infinity, count: tiles + 1), last = Array(repeating: 0, count: tiles + 1)
            least[0] = 0
            for end in 1...tiles {
                for start in max(0, end - longest)..<end where least[start].isFinite {
                    let value = slowest(start, end - start)
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
        var best = (Double.infinity, Array(repeating: 1, count: tiles))
        for count in 1...tiles {
            let lengths = (0..<count).map { (($0 + 1) * tiles) / count - ($0 * tiles) / count }
            guard lengths.allSatisfy({ $0 <= longest }) else { continue }
            let value = makespan(lengths)
            if value < best.0 { best = (value, lengths) }
        }
        return best.1
    }

    /// The exact optimum: label setting over the vectors of finish times, a label dropped where another at the same position is no later on
    /// any stage, or where even perfect overlap of the rest cannot beat the best known.
    ///
    /// - Parameters:
    ///   - limit: labels kept per position; with more the search drops the latest ones and the result is no longer proven.
    ///   - known: slices to beat; nil: the best uniform and the published ones.
    func best(labels limit: Int = 400, known: [Int]? = nil) -> Result {
        var bestLengths = known ?? uniform()
        var bound = makespan(bestLengths)
        if known == nil {
            let candidate = published()
            let value = makespan(candidate)
            if value < bound { (bound, bestLengths) = (value, candidate) }
        }
        guard tiles > 1 else { return Result(lengths: bestLengths, makespan: bound, exact: true, work: 0) }
        var state = SliceLabels(self, bound: bound)
        let exact = state.run(labels: limit)
        return Result(lengths: state.bestLengths ?? bestLengths, makespan: state.bound, exact: exact, work: state.work)
    }
}

/// The labels of a slice search.
private struct SliceLabels {
    private let stages: Int
    private let tiles: Int
    private let longest: Int
    private let width: Int
    /// Seconds and transfers by [start x (tiles + 1) + length][stage].
    private var seconds: [Double]
    private var moves: [Double]
    /// Least seconds a stage still needs from a position, whatever the cut: [position][stage].
    private var rest: [Double]
    /// Of every label: finish times, the label it came from and its last slice.
    private var finish: [Double]
    private var parent: [Int] = [-1]
    private var length: [Int] = [0]
    private var optimistic: [Double] = [0]
    private var open: [[Int]]
    private(set) var bound: Double
    private(set) var bestLengths: [Int]?
    private(set) var work = 0

    init(_ search: SliceSearch, bound: Double) {
        stages = search.stages
        tiles = search.tiles
        longest = search.longest
        width = tiles + 1
        self.bound = bound
        seconds = Array(repeating: 0, count: width * width * stages)
        moves = seconds
        rest = Array(repeating: 0, count: width * stages)
        for start in stride(from: tiles - 1, through: 0, by: -1) {
            for stage in 0..<stages {
                var least = Double.infinity
                for length in 1...min(longest, tiles - start) {
                    let slot = (start * width + length) * stages + stage
                    seconds[slot] = search.seconds(stage, start, length)
                    if stage + 1 < stages { moves[slot] = search.transfer(stage, start, length) }
                    least = min(least, seconds[slot] + rest[(start + length) * stages + stage])
                }
                rest[start * stages + stage] = least
            }
        }
        finish = Array(repeating: 0, count: stages)
        open = Array(repeating: [], count: width)
        open[0] = [0]
    }

    /// - Returns: whether no label was dropped for want of room.
    mutating func run(labels limit: Int) -> Bool {
        var exact = true
        var next = Array(repeating: 0.0, count: stages)
        for position in 0..<tiles {
            var here = open[position]
            if here.count > limit {
                here.sort { optimistic[$0] < optimistic[$1] }
                here.removeLast(here.count - limit)
                exact = false
            }
            for label in here where optimistic[label] < bound * (1 - 1e-12) {
                for step in 1...min(longest, tiles - position) {
                    let end = position + step, slot = (position * width + step) * stages
                    var arrival = 0.0, hope = 0.0
                    for stage in 0..<stages {
                        next[stage] = max(finish[label * stages + stage], arrival) + seconds[slot + stage]
                        arrival = next[stage] + moves[slot + stage]
                        hope = max(hope, next[stage] + rest[end * stages + stage])
                    }
                    work += stages
                    guard hope < bound * (1 - 1e-12) else { continue }
                    if end == tiles {
                        bound = next[stages - 1]
                        var lengths = [step], walk = label
                        while parent[walk] >= 0 {
                            lengths.append(length[walk])
                            walk = parent[walk]
                        }
                        bestLengths = lengths.reversed()
                        continue
                    }
                    guard keep(next, at: end) else { continue }
                    finish += next
                    parent.append(label)
                    length.append(step)
                    optimistic.append(hope)
                    open[end].append(parent.count - 1)
                }
            }
        }
        return exact
    }

    /// Whether no label at the position is as early everywhere; those that are later everywhere go.
    private mutating func keep(_ next: [Double], at end: Int) -> Bool {
        var kept = 0
        for index in open[end].indices {
            let other = open[end][index]
            var isEarlier = true, isLater = true
            for stage in 0..<stages {
                let known = finish[other * stages + stage]
                if known > next[stage] { isEarlier = false } else if known < next[stage] { isLater = false }
            }
            work += 1
            if isEarlier { return false }
            if !isLater {
                open[end][kept] = other
                kept += 1
            }
        }
        open[end].removeLast(open[end].count - kept)
        return true
    }
}
