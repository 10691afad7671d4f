public import Models
public import Plans

/// Whether a plan keeps the invariant of `Plan`: stages cover all layers once and in order, shards cover each module exactly once, every range has a computing device, KV heads are
/// covered, and everything named exists.
public enum PlanCheck {
    /// What is wrong, in words; empty: nothing.
    public static func problems(_ plan: Plan, shape: ModelShape, hardware: Hardware) -> [String] {
        var found: [String] = []
        if plan.replicas.isEmpty { found.append("no replicas") }
        for (number, replica) in plan.replicas.enumerated() {
            var next = 0
            for (index, stage) in replica.stages.enumerated() {
                let name = "replica \(number), stage \(index)"
                // In modules, two per layer: a boundary may lie between a layer's attention and its feed-forward.
                let modules = stage.modules
                if modules.lowerBound != next || modules.isEmpty {
                    found.append(
                        "\(name): layers \(stage.layers) do not follow \(next % 2 == 0 ? "layer \(next / 2 - 1)" : "the attention of layer \(next / 2)")"
                    )
                }
                next = modules.upperBound
                if stage.hasEmbedding != (index == 0) { found.append("\(name): embedding belongs on the first stage") }
                if stage.hasOutput != (index == replica.stages.count - 1) { found.append("\(name): output belongs on the last stage") }
                check(stage, name, shape, hardware, &found)
            }
            if next != 2 * shape.layerCount { found.append("replica \(number): \(next / 2) of \(shape.layerCount) layers") }
        }
        return found
    }

    private static func check(_ stage: Stage, _ name: String, _ shape: ModelShape, _ hardware: Hardware, _ found: inout [String]) {
        var wanted: [Module: Int] = [:]
        let modules = stage.modules
        for layer in stage.layers where layer >= 0 && layer < shape.layerCount {
            if modules.contains(2 * layer) { wanted[.attention(layer: layer)] = shape.layer(layer).attention.keyValueHeadCount }
            if modules.contains(2 * layer + 1) { wanted[.feedForward(layer: layer)] = shape.layer(layer).feedForward.units }
        }
        if stage.hasEmbedding { wanted[.embedding] = shape.vocabularySize }
        if stage.hasOutput { wanted[.output] = shape.vocabularySize }
        for placement in stage.placements {
            guard let units = wanted.removeValue(forKey: placement.module) else {
                found.append("\(name): \(placement.module) is there twice or does not belong here")
                continue
            }
            cover(placement.shards.map(\.range), units, "\(name): \(placement.module)", &found)
            for shard in placement.shards {
                if !hardware.memories.indices.contains(shard.home.rawValue) { found.append("\(name): unknown memory \(shard.home.rawValue)") }
                if shard.computers.first?.fromTokens != 1 { found.append("\(name): a shard of \(placement.module) that nobody computes") }
                for computer in shard.computers {
                    guard hardware.devices.indices.contains(computer.device.rawValue) else {
                        found.append("\(name): unknown device \(computer.device.rawValue)")
                        continue
                    }
                    let device = hardware.devices[computer.device.rawValue]
                    if device.machine != stage.machine.rawValue { found.append("\(name): \(device.label) is in another machine") }
                    if device.excluded { found.append("\(name): \(device.label) is excluded") }
                }
            }
        }
        for module in wanted.keys { found.append("\(name): \(module) is missing") }
        let heads = shape.layer(min(stage.layers.lowerBound, shape.layerCount - 1)).attention.keyValueHeadCount
        let share = stage.keyValue.reduce(0.0) { $0 + Double($1.heads.count) * $1.sequences }
        if !stage.attentionLayers.isEmpty && abs(share - Double(heads)) > 1e-6 * Double(heads) {
            found.append("\(name): keys and values of \(share) of \(heads) heads have a place")
        }
    }

    private static func cover(_ ranges: [Range<Int>], _ units: Int, _ name: String, _ found: inout [String]) {
        var next = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound != next || range.isEmpty { found.append("\(name): shard \(range) does not follow \(next)") }
            next = range.upperBound
        }
        if next != units { found.append("\(name): \(next) of \(units) units") }
    }
}
