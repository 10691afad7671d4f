import Plans

/// What one layer of a group asks for.
struct LayerTime {
    var chain: Double
    /// Seconds of each device's link, then of the disk.
    var arriving: [Double]

    /// From a stage's times before and after `count` such layers were added.
    init(_ before: StageTime, _ after: StageTime, count: Double) {
        chain = (after.chain - before.chain) / count
        arriving = zip(before.receiving + [before.diskRead], after.receiving + [after.diskRead]).map { ($1 - $0) / count }
    }
}

extension StageModel {
    /// Seconds of a step whose layers differ, with transfers no further ahead than the windows.
    ///
    /// Weights arrive while layers compute: during a layer of `chain` seconds a link may bring what the layer itself still misses, and then
    /// as much of what comes next as the window holds. A layer takes
    ///
    ///     t = max(chain, arriving - ahead)        ahead' = min(window / rate, ahead + t - arriving)
    ///
    /// Steps follow one another, so the first layers find what came during the last ones: the second of two rounds counts. With a window
    /// that holds everything this is the longest of the sums; where all layers are alike it is too, whatever the window. Within a layer
    /// nothing is said about the order of its modules.
    func windowedSeconds(_ layers: [LayerTime], _ time: StageTime) -> Double {
        guard let first = layers.first else { return 0 }
        let resources = first.arriving.indices.filter { resource in layers.contains { $0.arriving[resource] > 0 } }
        guard !resources.isEmpty else { return 0 }
        let room = resources.map { resource -> Double in
            let rate =
                resource < devices.count
                ? hardware.devices[devices[resource]].profile.link?.toDevice
                : hardware.disks[machine].map { hardware.memories[$0].readBytesPerSecond }
            // What comes from disk goes on through every device's own.
            let own = resource < devices.count ? windows[resource] : 0
            return (own > 0 ? own : windows.max() ?? 0) / (rate ?? 1e9)
        }
        // The model's ends belong to no layer.
        var rest = time.chain
        for (group, layer) in zip(groups, layers) { rest -= layer.chain * Double(group.count) }
        var ahead = Array(repeating: 0.0, count: resources.count)
        var total = 0.0
        func pass(_ chain: Double, _ arriving: (Int) -> Double) {
            var seconds = chain
            for (index, resource) in resources.enumerated() { seconds = max(seconds, arriving(resource) - ahead[index]) }
            for (index, resource) in resources.enumerated() {
                ahead[index] = min(room[index], max(0, ahead[index] + seconds - arriving(resource)))
            }
            total += seconds
        }
        for _ in 0..<2 {
            total = 0
            for (group, count) in order {
                let layer = layers[group]
                var left = count
                while left > 0 {
                    let before = (ahead, total)
                    pass(layer.chain) { layer.arriving[$0] }
                    left -= 1
                    // From here on every further layer takes the same.
                    if ahead == before.0 {
                        total += Double(left) * (total - before.1)
                        break
                    }
                }
            }
            pass(max(0, rest)) { resource in
                let all = resource < devices.count ? time.receiving[resource] : time.diskRead
                return max(0, zip(groups, layers).reduce(all) { $0 - $1.1.arriving[resource] * Double($1.0.count) })
            }
        }
        return total
    }
}
