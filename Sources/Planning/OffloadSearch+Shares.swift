import Models
import Plans

extension OffloadSearch {
    typealias Loads = [[(costs: OffloadCosts, weight: Double)]]

    /// Seconds of a step by the units that each kind gives the GPU, for one state.
    struct Step {
        var weight: Double
        /// By kind and index into its units; with one kind of layer `lanes[0]` holds the rest of the step too.
        var lanes: [[Lanes]]
        var overhead: Double
        /// Seconds of hops by the sites of shared attention and shared feed-forward modules.
        var hops: [Double]

        func seconds(_ sum: Lanes, _ hop: Double) -> Double {
            var lanes = sum
            lanes[0] += hop
            return weight * (lanes.max() + overhead)
        }
    }

    /// The best shares of a state and what they take, every bucket by itself.
    func shares(_ loads: Loads, _ state: State, below limit: Double = .infinity) -> (value: Double, choice: [[Int]]) {
        var value = 0.0
        var choice: [[Int]] = []
        for bucket in loads {
            let steps = bucket.map { step($0.costs, $0.weight, state) }
            let (time, indices) =
                bytes.count == 2 ? pair(steps, bucket[0].costs, below: limit - value) : descent(steps, bucket[0].costs, state)
            value += time
            choice.append(indices)
            if value >= limit { return (.infinity, choice) }
        }
        return (value, choice)
    }

    private func step(_ costs: OffloadCosts, _ weight: Double, _ state: State) -> Step {
        var lanes: [[Lanes]] = []
        for (index, kind) in costs.kinds.enumerated() {
            let count = layers.counts[index / 2]
            let disk = Double(state.disk[index]), host = Double(count - state.resident[index] - state.disk[index])
            let base = kind.resident * Double(state.resident[index]) + (index == 0 ? costs.fixed : Lanes())
            // Without shared modules every share is the same.
            if host + disk == 0 {
                lanes.append([base])
            } else if disk == 0 {
                lanes.append(kind.host.map { base + $0 * host })
            } else {
                lanes.append(zip(kind.host, kind.disk).map { base + $0 * host + $1 * disk })
            }
        }
        return Step(weight: weight, lanes: lanes, overhead: costs.overhead, hops: hops(costs, state))
    }

    /// The site of shared modules by the index of their share.
    func site(_ costs: OffloadCosts, _ kind: Int, _ index: Int) -> OffloadCosts.Site {
        if cpu == nil { return .gpu }
        let units = costs.kinds[kind].units[index].grains
        return units == 0 ? .cpu : units == grains[kind] ? .gpu : .both
    }

    /// Hops of hidden states through the layers in order, for each pair of sites of shared attention and feed-forward modules (the same in
    /// all kinds of layers).
    private func hops(_ costs: OffloadCosts, _ state: State) -> [Double] {
        guard cpu != nil else { return Array(repeating: 0, count: 9) }
        // How often a module follows another: 0 on the GPU, 1 on the processor, 2 shared attention, 3 shared feed-forward.
        var follows = Array(repeating: 0.0, count: 16), previous = -1
        for layer in layers.layers {
            for half in 0..<2 {
                let place: Int
                switch layer.place {
                case .gpu: place = 0
                case .cpu: place = 1
                case .free: place = layer.number >= layers.counts[layer.type] - state.resident[2 * layer.type + half] ? 0 : 2 + half
                }
                if previous >= 0 { follows[4 * previous + place] += 1 }
                previous = place
            }
        }
        var result: [Double] = []
        for attention in 0..<3 {
            for feedForward in 0..<3 {
                func site(_ place: Int) -> Int { place < 2 ? place : place == 2 ? attention : feedForward }
                var total = 0.0
                for from in 0..<4 {
                    for to in 0..<4 where follows[4 * from + to] > 0 {
                        total += follows[4 * from + to] * costs.hops[3 * site(from) + site(to)]
                    }
                }
                result.append(total)
            }
        }
        return result
    }

    func hopSeconds(_ costs: OffloadCosts, _ state: State, shared: (Int) -> Int) -> Double {
        var total = 0.0, previous = -1
        for layer in layers.layers {
            for kind in [2 * layer.type, 2 * layer.type + 1] {
                let site: Int
                switch layer.place {
                case .gpu: site = OffloadCosts.Site.gpu.rawValue
                case .cpu: site = OffloadCosts.Site.cpu.rawValue
                case .free:
                    let isResident = layer.number >= layers.counts[layer.type] - state.resident[kind]
                    site = isResident ? OffloadCosts.Site.gpu.rawValue : shared(kind)
                }
                if previous >= 0 { total += costs.hops[3 * previous + site] }
                previous = site
            }
        }
        return total
    }

    // MARK: Attention and feed-forward of one kind of layer

    /// All of attention's shares; for each, feed-forward's ends and the bottom of the convex course between them.
    private func pair(_ steps: [Step], _ costs: OffloadCosts, below limit: Double) -> (Double, [Int]) {
        var best = limit, choice = [0, 0]
        let last = steps[0].lanes[1].count - 1
        // What feed-forward takes at least of each resource.
        let floors = steps.map { step in step.lanes[1].dropFirst().reduce(step.lanes[1][0]) { pointwiseMin($0, $1) } }
        for attention in steps[0].lanes[0].indices {
            var least = 0.0
            for (step, floor) in zip(steps, floors) { least += step.seconds(step.lanes[0][attention] + floor, 0) }
            if least >= best { continue }
            let attentionSite = site(costs, 0, attention).rawValue
            func time(_ feedForward: Int) -> Double {
                let hop = 3 * attentionSite + site(costs, 1, feedForward).rawValue
                var total = 0.0
                for step in steps { total += step.seconds(step.lanes[0][attention] + step.lanes[1][feedForward], step.hops[hop]) }
                return total
            }
            func consider(_ feedForward: Int) {
                let value = time(feedForward)
                if value < best { (best, choice) = (value, [attention, feedForward]) }
            }
            consider(0)
            if last > 0 { consider(last) }
            guard last > 1 else { continue }
            var low = 1, high = last - 1
            while low < high {
                let middle = (low + high) / 2
                if time(middle) <= time(middle + 1) { high = middle } else { low = middle + 1 }
            }
            consider(low)
        }
        return best < limit ? (best, choice) : (.infinity, choice)
    }

    /// Several kinds of layers: one kind's share after the other, until none gets better.
    private func descent(_ steps: [Step], _ costs: OffloadCosts, _ state: State) -> (Double, [Int]) {
        var choice = steps[0].lanes.map { $0.count / 3 }
        func time(_ choice: [Int]) -> Double {
            let sites = choice.indices.map { site(costs, $0, choice[$0]).rawValue }
            let hop = cpu == nil ? 0 : hopSeconds(costs, state) { sites[$0] }
            var total = 0.0
            for step in steps { total += step.seconds(zip(step.lanes, choice).reduce(Lanes()) { $0 + $1.0[$1.1] }, hop) }
            return total
        }
        var best = time(choice)
        for _ in 0..<4 {
            let before = best
            for kind in choice.indices where steps[0].lanes[kind].count > 1 {
                let count = steps[0].lanes[kind].count
                var other = choice
                // Ends, and what lies between them in ever smaller steps.
                var tried = [0, count - 1]
                var width = max(1, count / 4)
                while true {
                    tried += [choice[kind] - width, choice[kind] + width]
                    if width == 1 { break }
                    width /= 2
                }
                for index in tried where index >= 0 && index < count {
                    other[kind] = index
                    let value = time(other)
                    if value < best { (best, choice) = (value, other) }
                }
            }
            if best >= before * (1 - 1e-9) { break }
        }
        return (best, choice)
    }

    // MARK: Token buckets

    /// The setting with its shares, also for token counts that the workload does not ask for but a run may: from the decoding step on every
    /// bucket has its own.
    func complete(_ setting: OffloadSetting, _ found: Found) -> OffloadSetting {
        // Without streaming every choice is the first: nothing to the GPU.

        var result = setting
        result.gap = found.gap
        for kind in result.kinds.indices {
            result.kinds[kind].resident = found.state.resident[kind]
            result.kinds[kind].disk = found.state.disk[kind]
            let chosen = cpu == nil ? grains[kind] : units[kind][found.choice[0][kind]].grains
            result.kinds[kind].buckets = [.init(fromTokens: 1, units: chosen)]
        }
        guard cpu != nil, found.streams else { return result }
        let decodeTokens = Double(together)
        let promptTokens = prompt.load.tokens
        var edges = [16.0, 64, 256, 1024].filter { $0 > decodeTokens }
        if found.choice.count > 1, edges.first.map({ $0 > promptTokens }) ?? true { edges.insert(decodeTokens + 1, at: 0) }
        for (index, edge) in edges.enumerated() {
            let next = index + 1 < edges.count ? edges[index + 1] : .infinity
            var choice: [Int]
            if found.choice.count > 1, promptTokens >= edge, promptTokens < next {
                choice = found.choice[1]
            } else {
                let tokens = next.isFinite ? (edge * next).squareRoot() : 2 * edge
                guard let costs = OffloadCosts(problem, setting, layers, units: units, load: .prefill(sequences: 1, tokens: tokens)) else {
                    continue
                }
                choice = shares([[(costs, 1)]], found.state).choice[0]
            }
            for kind in result.kinds.indices {
                let units = units[kind][choice[kind]].grains
                if result.kinds[kind].buckets.last?.units != units {
                    result.kinds[kind].buckets.append(.init(fromTokens: Int(min(1e8, edge)), units: units))
                }
            }
        }
        return result
    }
}
