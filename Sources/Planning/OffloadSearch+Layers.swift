import Models
import Plans

extension OffloadSearch {
    /// The best settings where every layer has to wait for its own transfers, one for each way to place cache and output matrix.
    ///
    /// `best` lets transfers of some layers use the time of others, which takes a window as large as what they move
    /// (`StageModel.windowedSeconds`). Here each layer balances its own (HeteGen's alpha per module, with the attention's time shared), so
    /// that a window of two chunks is enough. The time of a layer is the longest of its lanes, which is convex in both shares; the sum over
    /// layers therefore too: bisection within bisection.
    func balanced() -> [OffloadSetting] {
        guard bytes.count == 2 else { return [] }
        let count = layers.counts[0]
        let hasOutput = layers.range.upperBound == problem.shape.layerCount
        var result: [OffloadSetting] = []
        for keyValueOnHost in cpu == nil ? [false] : [false, true] {
            var setting = OffloadSetting(
                gpu: gpu, cpu: cpu, kinds: grains.map { OffloadSetting.Kind(grains: $0) }, keyValueOnHost: keyValueOnHost,
                outputOnGPU: true,
                sequences: sequences, together: together, window: window)
            let costs = targets.map { $0.compactMap { OffloadCosts(problem, setting, layers, units: units, load: $0.load) } }
            guard zip(costs, targets).allSatisfy({ $0.count == $1.count }) else { continue }
            for outputOnGPU in cpu == nil || !hasOutput ? [true] : [true, false] {
                setting.outputOnGPU = outputOnGPU
                guard let room = room(setting, streams: true) else { continue }
                let loads: Loads = zip(targets, costs).map { targets, costs in
                    zip(targets, costs).map { ($1.with(problem, setting, layers, streams: true), $0.weight) }
                }
                var best: Found?
                // Numbers of resident attention modules, about two dozen of them and both ends.
                for attention in Set(stride(from: 0, through: count, by: max(1, count / 24)) + [count]).sorted(by: >) {
                    let left = room.gpu - Double(attention) * bytes[0]
                    guard left >= 0 else { continue }
                    let feedForward = bytes[1] > 0 ? Int(min(Double(count), (left / bytes[1]).rounded(.down))) : count
                    for (a, f) in disks(attention, feedForward, count, room, endsOnly: true) {
                        let state = State(resident: [attention, feedForward], disk: [a, f])
                        var value = 0.0
                        var choice: [[Int]] = []
                        for bucket in loads {
                            let (seconds, indices) = balancedShares(bucket, state, count)
                            value += seconds
                            choice.append(indices)
                        }
                        if value < best?.value ?? .infinity { best = Found(state: state, value: value, choice: choice) }
                    }
                }
                if let best { result.append(complete(setting, best)) }
            }
        }
        return result
    }

    private func balancedShares(_ bucket: [(costs: OffloadCosts, weight: Double)], _ state: State, _ count: Int) -> (Double, [Int]) {
        // Layers whose modules are placed alike, in order: shared from the host first, then from disk, then resident.
        func place(_ kind: Int, _ layer: Int) -> OffloadCosts.Home {
            let shared = count - state.resident[kind]
            return layer >= shared ? .gpu : layer >= shared - state.disk[kind] ? .disk : .host
        }
        let edges = Set([0, count] + [0, 1].flatMap { [count - state.resident[$0], count - state.resident[$0] - state.disk[$0]] }).sorted()
        let segments = zip(edges, edges.dropFirst()).filter { $0.0 < $0.1 }.map { (Double($0.1 - $0.0), place(0, $0.0), place(1, $0.0)) }
        func lanes(_ kind: OffloadCosts.Kind, _ home: OffloadCosts.Home, _ index: Int) -> Lanes {
            switch home {
            case .gpu: kind.resident
            case .host: kind.host[index]
            case .disk: kind.disk[index]
            }
        }
        func seconds(_ attention: Int, _ feedForward: Int) -> Double {
            var total = 0.0
            for (costs, weight) in bucket {
                var step = costs.fixed.max() + costs.overhead
                for (layers, a, f) in segments {
                    step += layers * (lanes(costs.kinds[0], a, attention) + lanes(costs.kinds[1], f, feedForward)).max()
                }
                total += weight * step
            }
            return total
        }
        /// The least of a function that is convex between its ends, and the ends.
        func least(_ count: Int, _ value: (Int) -> Double) -> (Double, Int) {
            var best = (value(0), 0)
            if count > 1 {
                let last = value(count - 1)
                if last < best.0 { best = (last, count - 1) }
            }
            var low = 1, high = count - 2
            while low < high {
                let middle = (low + high) / 2
                if value(middle) <= value(middle + 1) { high = middle } else { low = middle + 1 }
            }
            if count > 2 {
                let inner = value(low)
                if inner < best.0 { best = (inner, low) }
            }
            return best
        }
        let kinds = bucket[0].costs.kinds
        // Without shared modules of a kind every share is the same.
        let attentionCount = state.resident[0] == count ? 1 : kinds[0].host.count,
            feedForwardCount = state.resident[1] == count ? 1 : kinds[1].host.count
        let (value, attention) = least(attentionCount) { a in least(feedForwardCount) { seconds(a, $0) }.0 }
        return (value, [attention, least(feedForwardCount) { seconds(attention, $0) }.1])
    }
}
