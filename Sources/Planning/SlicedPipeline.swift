import Plans

/// A prompt through a pipeline of single devices: which devices in which order, which modules on each, which slices; all chosen together,
/// by the exact makespan.
///
/// HPipe (NAACL 2024 industry track) chooses layers first and slices after that; here a pipeline is one value (`Candidate`) and local moves
/// change its boundaries and its slices in turn. `SlicedPipeline+Bounds.swift` says how far from the best a candidate can be.
///
/// A slice starts on a stage when the stage is free and the slice has arrived; transfers overlap with the sender's next slice. With several
/// groups the batch's sequences go in so many parts, one behind another, each in the same slices.
final class SlicedPipeline {
    struct Candidate: Equatable {
        /// Classes of `PipelineCosts`, in pipeline order.
        var order: [Int]
        /// First module of each stage, and the number of modules.
        var bounds: [Int]
        /// Lengths in tiles.
        var slices: [Int]
        var seconds: Double
    }

    let costs: PipelineCosts
    /// Parts of the batch.
    let groups: Int
    let sequences: Double
    let prompt: Int
    /// Tokens of a tile: slices are whole tiles but for the last, as long as the prompt leaves it.
    let tile: Int
    let tiles: Int
    /// Longest slice, in tiles: a step has at most 2048 tokens of a prompt.
    let longest: Int
    let rooms: [PipelineCosts.Room]
    /// Seconds of each coefficient: [class][start x (tiles + 1) + length][coefficient].
    let chain: [Double]
    let host: [Double]
    /// Evaluated (stage, slice) pairs so far: the search's measure of work, so that results do not depend on the machine's speed.
    var work = 0

    /// - Parameter mostTiles: coarseness of slices; tiles are whole kernel tiles.
    init(costs: PipelineCosts, groups: Int, prompt: Int, mostTiles: Int) {
        let problem = costs.problem
        self.costs = costs
        self.groups = groups
        self.prompt = prompt
        sequences = Double(problem.togetherSequences) / Double(groups)
        let kernel = ReplicaSchedule.tileTokens
        tile = kernel * max(1, (prompt + kernel * mostTiles - 1) / (kernel * mostTiles))
        tiles = max(1, (prompt + tile - 1) / tile)
        longest = max(1, min(tiles, Int(ReplicaModel.longestStep) / tile))
        let size = Int((Double(problem.togetherSequences) / Double(groups)).rounded(.up))
        rooms = costs.classes.indices.map { costs.room($0, size: size, batches: groups) }
        let slots = tiles * (tiles + 1) + 1, width = costs.width
        var chain = Array(repeating: 0.0, count: costs.classes.count * slots * width), host = chain
        for index in costs.classes.indices {
            for length in 1...longest {
                for start in 0...(tiles - length) {
                    let load = Self.load(sequences: sequences, prompt: prompt, tile: tile, start: start, length: length)
                    let base = (index * slots + start * (tiles + 1) + length) * width
                    for kind in 0..<costs.kindCount {
                        (chain[base + 2 * kind], host[base + 2 * kind]) = costs.attentionSeconds(index, kind: kind, load)
                        // Feed-forward does not depend on what came before, but for the last slice's odd length.
                        if start > 0, (start + length) * tile <= prompt {
                            let first = (index * slots + length) * width + 2 * kind + 1
                            (chain[base + 2 * kind + 1], host[base + 2 * kind + 1]) = (chain[first], host[first])
                        } else {
                            (chain[base + 2 * kind + 1], host[base + 2 * kind + 1]) = costs.feedForwardSeconds(index, kind: kind, load)
                        }
                    }
                    if start + length == tiles { (chain[base + width - 1], host[base + width - 1]) = costs.outputSeconds(index, load) }
                }
            }
        }
        self.chain = chain
        self.host = host
    }

    static func load(sequences: Double, prompt: Int, tile: Int, start: Int, length: Int) -> StepLoad {
        let end = min(prompt, (start + length) * tile)
        return .prefill(sequences: sequences, tokens: Double(end - start * tile), after: Double(start * tile), wantsLogits: end == prompt)
    }

    /// Tokens of all sequences of a group in a slice.
    func tokens(_ start: Int, _ length: Int) -> Double { sequences * Double(min(prompt, (start + length) * tile) - start * tile) }

    /// Seconds of modules first ..< end on a class for a slice.
    @inline(__always)
    func seconds(_ index: Int, _ first: Int, _ end: Int, _ start: Int, _ length: Int) -> Double {
        let width = costs.width, columns = costs.moduleCount + 1
        let base = (index * (tiles * (tiles + 1) + 1) + start * (tiles + 1) + length) * width
        var sum = 0.0
        for k in 0..<width { sum += (costs.before[k * columns + end] - costs.before[k * columns + first]) * chain[base + k] }
        if costs.classes[index].countsHostMemory {
            var other = 0.0
            for k in 0..<width { other += (costs.before[k * columns + end] - costs.before[k * columns + first]) * host[base + k] }
            sum = max(sum, other)
        }
        return sum + costs.classes[index].overhead
    }

    /// The recurrence, exactly; infinite where it is certainly not below `limit`.
    func makespan(_ order: [Int], _ bounds: [Int], _ slices: [Int], below limit: Double = .infinity) -> Double {
        let stages = order.count, count = slices.count
        work += stages * count
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: (2 * count + 1) * stages) { scratch in
            let times = UnsafeMutableBufferPointer(rebasing: scratch[..<(stages * count)])
            let moves = UnsafeMutableBufferPointer(rebasing: scratch[(stages * count)..<(2 * stages * count)])
            let finish = UnsafeMutableBufferPointer(rebasing: scratch[(2 * stages * count)...])
            var start = 0
            for (number, length) in slices.enumerated() {
                let tokens = tokens(start, length)
                for stage in 0..<stages {
                    times[number * stages + stage] = seconds(order[stage], bounds[stage], bounds[stage + 1], start, length)
                    moves[number * stages + stage] = stage + 1 < stages ? costs.move(order[stage], order[stage + 1], tokens: tokens) : 0
                }
                start += length
            }
            // The first slice up to a stage, everything on that stage, the last slice from there on.
            if limit.isFinite {
                var after = 0.0
                for stage in 0..<stages { after += times[(count - 1) * stages + stage] + moves[(count - 1) * stages + stage] }
                var before = 0.0
                for stage in 0..<stages {
                    after -= times[(count - 1) * stages + stage]
                    var own = 0.0
                    for number in 0..<count { own += times[number * stages + stage] }
                    if (before + Double(groups) * own + after) * (1 - 1e-9) >= limit { return .infinity }
                    before += times[stage] + moves[stage]
                    after -= moves[(count - 1) * stages + stage]
                }
            }
            for stage in 0..<stages { finish[stage] = 0 }
            for _ in 0..<groups {
                for number in 0..<count {
                    var arrival = 0.0
                    for stage in 0..<stages {
                        finish[stage] = max(finish[stage], arrival) + times[number * stages + stage]
                        arrival = finish[stage] + moves[number * stages + stage]
                    }
                }
            }
            return finish[stages - 1]
        }
    }

    func fits(_ order: [Int], _ bounds: [Int]) -> Bool {
        order.indices.allSatisfy { bounds[$0] < bounds[$0 + 1] && costs.fits(rooms[order[$0]], bounds[$0], bounds[$0 + 1]) }
    }

    /// Equal slices, as many as are best, at most `most`.
    func uniform(_ order: [Int], _ bounds: [Int], most: Int = 64) -> Candidate? {
        var best: Candidate?
        for count in 1...tiles where count <= most || count == tiles {
            let slices = (0..<count).map { (($0 + 1) * tiles) / count - ($0 * tiles) / count }
            guard slices.allSatisfy({ $0 <= longest }) else { continue }
            let value = makespan(order, bounds, slices, below: best?.seconds ?? .infinity)
            if value < best?.seconds ?? .infinity { best = Candidate(order: order, bounds: bounds, slices: slices, seconds: value) }
        }
        return best
    }

    // MARK: Local moves

    /// Moves single boundaries of stages and of slices, and modules from any stage to any other, for as long as something gains.
    func improved(_ start: Candidate, limit: Int) -> Candidate {
        var best = start
        let end = work + limit
        var gained = true
        while gained && work < end {
            gained = moveBoundaries(&best)
            if tiles > 1, moveSlices(&best) { gained = true }
        }
        return best
    }

    private func take(_ bounds: [Int], _ slices: [Int], _ best: inout Candidate) -> Bool {
        let value = makespan(best.order, bounds, slices, below: best.seconds)
        guard value < best.seconds * (1 - 1e-12) else { return false }
        (best.bounds, best.slices, best.seconds) = (bounds, slices, value)
        return true
    }

    private func moveBoundaries(_ best: inout Candidate) -> Bool {
        let stages = best.order.count
        guard stages > 1 else { return false }
        var gained = false
        // Modules from stage to stage: all boundaries between the two shift.
        for first in 1..<stages {
            for last in first..<stages {
                for step in [1, -1, 2, -2, 4, -4] {
                    while true {
                        var bounds = best.bounds
                        for index in first...last { bounds[index] += step }
                        guard bounds[first - 1] < bounds[first], bounds[last] < bounds[last + 1],
                            costs.fits(rooms[best.order[first - 1]], bounds[first - 1], bounds[first]),
                            costs.fits(rooms[best.order[last]], bounds[last], bounds[last + 1]), fits(best.order, bounds),
                            take(bounds, best.slices, &best)
                        else { break }
                        gained = true
                    }
                }
            }
        }
        return gained
    }

    private func moveSlices(_ best: inout Candidate) -> Bool {
        var gained = false
        func attempt(_ slices: [Int]) -> Bool {
            guard slices.allSatisfy({ $0 > 0 && $0 <= longest }), take(best.bounds, slices, &best) else { return false }
            gained = true
            return true
        }
        // Another number of equal slices.
        for count in [best.slices.count - 1, best.slices.count + 1] where count >= 1 && count <= tiles {
            _ = attempt((0..<count).map { (($0 + 1) * tiles) / count - ($0 * tiles) / count })
        }
        var index = 0
        while index < best.slices.count {
            let length = best.slices[index]
            if index + 1 < best.slices.count {
                for step in [1, -1, 2, -2] {
                    var slices = best.slices
                    slices[index] += step
                    slices[index + 1] -= step
                    if attempt(slices) { break }
                }
            }
            if index + 1 < best.slices.count {
                var slices = best.slices
                slices[index] += slices.remove(at: index + 1)
                _ = attempt(slices)
            }
            if best.slices.indices.contains(index), best.slices[index] == length, length > 1 {
                for part in Set([1, length / 2, length - 1]).sorted() {
                    var slices = best.slices
                    slices[index] = part
                    slices.insert(length - part, at: index + 1)
                    if attempt(slices) { break }
                }
            }
            index += 1
        }
        return gained
    }

    /// The best slices for a candidate's stages: exactly where labels suffice (one group), by every composition where tiles are few.
    ///
    /// - Returns: the candidate with its slices, and whether nothing better exists for these stages.
    func sliced(_ candidate: Candidate, labels: Int) -> (candidate: Candidate, exact: Bool) {
        var best = candidate
        if tiles == 1 { return (best, true) }
        if groups == 1 {
            let stages = candidate.order.count
            let search = SliceSearch(
                stages: stages, tiles: tiles, longest: longest,
                seconds: { [self] stage, start, length in
                    seconds(candidate.order[stage], candidate.bounds[stage], candidate.bounds[stage + 1], start, length)
                },
                transfer: { [self] stage, start, length in
                    costs.move(candidate.order[stage], candidate.order[stage + 1], tokens: tokens(start, length))
                })
            let found = search.best(labels: labels, known: candidate.slices)
            work += found.work
            if found.makespan < best.seconds { (best.slices, best.seconds) = (found.lengths, found.makespan) }
            return (best, found.exact)
        }
        guard tiles <= 12 else { return (best, false) }
        for mask in 0..<(1 << (tiles - 1)) {
            var slices: [Int] = [], run = 1
            for bit in 0..<(tiles - 1) {
                if mask >> bit & 1 == 1 {
                    slices.append(run)
                    run = 1
                } else {
                    run += 1
                }
            }
            slices.append(run)
            guard slices.allSatisfy({ $0 <= longest }) else { continue }
            _ = take(best.bounds, slices, &best)
        }
        return (best, true)
    }
}
