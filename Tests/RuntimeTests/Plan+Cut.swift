import Plans

extension Plan {
    /// A plan of one stage in several, cut before the given modules (two per layer: attention, feed-forward).
    func cut(before cuts: [Int]) -> Plan {
        var plan = self
        let whole = replicas[0].stages[0], device = devices[0].id
        let edges = [0] + cuts + [2 * whole.layers.count]
        plan.replicas[0].stages = zip(edges, edges.dropFirst()).map { first, end in
            var stage = whole
            stage.layers = first / 2..<(end + 1) / 2
            stage.hasEmbedding = first == 0
            stage.hasOutput = end == 2 * whole.layers.count
            stage.placements = whole.placements.filter { placement in
                switch placement.module {
                case .embedding: stage.hasEmbedding
                case .output: stage.hasOutput
                case .attention(let layer): (first..<end).contains(2 * layer)
                case .feedForward(let layer), .shared(let layer): (first..<end).contains(2 * layer + 1)
                }
            }
            stage.keyValue = whole.keyValue.compactMap { share in
                var share = share
                share.layers = share.layers.clamped(to: (first + 1) / 2..<(end + 1) / 2)
                return share.layers.isEmpty ? nil : share
            }
            return stage
        }
        plan.replicas[0].boundaries = cuts.map { _ in Boundary(sender: device, receiver: device, format: .f32) }
        return plan
    }

    /// The same with the modules that `choose` names cut into shards at multiples of their grain: into as many as there are, `most` at
    /// most.
    func sharded(most: Int, grain: (Module) -> Int) -> Plan {
        var plan = self
        for stage in plan.replicas[0].stages.indices {
            for index in plan.replicas[0].stages[stage].placements.indices {
                let placement = plan.replicas[0].stages[stage].placements[index]
                guard placement.module != .embedding, let whole = placement.shards.first else { continue }
                let grain = max(1, grain(placement.module)), count = (whole.range.count + grain - 1) / grain
                let parts = max(1, min(most, count))
                // Uneven on purpose: the first shards are as small as may be.
                plan.replicas[0].stages[stage].placements[index].shards = (0..<parts).map { part in
                    var shard = whole
                    shard.range = part * grain..<(part == parts - 1 ? whole.range.count : (part + 1) * grain)
                    return shard
                }
            }
        }
        return plan
    }
}
