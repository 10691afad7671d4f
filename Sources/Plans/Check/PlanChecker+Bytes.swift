import Checkpoints
import Models

/// What weights are held as: equal ones are held once.
struct WeightPlace: Hashable {
    var module: Module
    var memory: MemoryID
    var layout: WeightLayout
    var format: TensorFormat?
}

extension PlanChecker {
    /// A shard's bytes, but for what its memory holds already: of another replica, or of the embedding where the output matrix is tied to
    /// it.
    mutating func countWeights(_ shard: Shard, of module: Module) {
        // A tied output matrix is the table's rows.
        let isTable = module == .output && shape.tied
        let place = WeightPlace(module: isTable ? .embedding : module, memory: shard.home, layout: shard.layout, format: shard.format)
        var missing = [shard.range]
        for known in held[place] ?? [] { missing = missing.flatMap { $0.without(known) } }
        guard !missing.isEmpty else { return }
        held[place, default: []].append(shard.range)
        for range in missing { count(shape.bytes(of: module, units: range.count, format: shard.format), in: shard.home) }
    }

    /// Norm weights lie with every device that computes the module.
    mutating func countNorms(_ placement: ModulePlacement) {
        guard let layer = placement.module.layer else { return }
        if case .shared = placement.module { return }
        let bytes = Double(shape.layer(layer).normElements) / 2 * shape.bytesPerElement
        var seen: Set<MemoryID> = []
        for shard in placement.shards {
            for computer in shard.computers {
                guard let memory = devices[computer.device]?.memory, seen.insert(memory).inserted else { continue }
                let place = WeightPlace(module: placement.module, memory: memory, layout: .checkpoint, format: nil)
                guard held[place] == nil else { continue }
                held[place] = []
                count(bytes, in: memory)
            }
        }
    }

    mutating func countKeyValues(_ share: KeyValueShare, blocks: Int) {
        var first = 0
        for run in shape.runs {
            let layers = share.layers.clamped(to: first..<first + run.count).count
            first += run.count
            guard layers > 0 else { continue }
            let heads = share.heads.clamped(to: 0..<run.layer.attention.keyValueHeadCount).count
            count(Double(layers) * run.layer.attention.keyValueBlockBytes(heads: heads, share.format) * Double(blocks), in: share.memory)
        }
    }
}

extension Range<Int> {
    /// What of it is not in another.
    fileprivate func without(_ other: Range<Int>) -> [Range<Int>] {
        let inside = clamped(to: other)
        guard !inside.isEmpty else { return [self] }
        return [lowerBound..<inside.lowerBound, inside.upperBound..<upperBound].filter { !$0.isEmpty }
    }
}
