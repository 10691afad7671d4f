import Checkpoints
import Models
import Plans

/// A share of a module before it is rounded to whole units.
struct PartDraft: Equatable {
    var share: Double
    /// Memory and device, as the hardware numbers them.
    var home: Int
    var device: Int
    /// Other devices from so many tokens in a step on, ascending.
    var later: [Shard.Computer]
    var format: TensorFormat?

    init(_ share: Double, home: Int, device: Int, later: [Shard.Computer] = [], format: TensorFormat? = nil) {
        self.share = share
        self.home = home
        self.device = device
        self.later = later
        self.format = format
    }

    var computers: [Shard.Computer] {
        var result = [Shard.Computer(device: DeviceID(device))]
        for next in later where next.device != result[result.count - 1].device { result.append(next) }
        return result
    }
}

struct LayerDraft: Equatable {
    var attention: [PartDraft]
    var feedForward: [PartDraft]
}

/// Keys and values: a share of the heads (as attention's parts are) or of the sequences.
struct KeyValueDraft {
    var share: Double
    var bySequence = false
    var memory: Int
    var device: Int
    var bulk: (fromTokens: Int, device: Int)?

    var computer: Shard.Computer? {
        bulk.flatMap { $0.device == device ? nil : Shard.Computer(fromTokens: $0.fromTokens, device: DeviceID($0.device)) }
    }
}

struct StageDraft {
    var machine: Int
    var layers: Range<Int>
    /// One for all layers, or one per layer of the stage.
    var plans: [LayerDraft]
    var output: [PartDraft]
    var embeddingHome: Int
    var keyValue: [KeyValueDraft]
    var hidden: Int
    var window = 0
    /// The first layer's attention is in the stage before; the last layer's feed-forward is in the stage after.
    var startsAtFeedForward = false
    var endsAfterAttention = false

    func layer(_ index: Int) -> LayerDraft { plans.count == 1 ? plans[0] : plans[index - layers.lowerBound] }
}

struct ReplicaDraft {
    var stages: [StageDraft]
    var block = BlockGeometry.single
    var slices: [SliceTable] = []
    /// Sequences the KV cache has room for.
    var sequences = 1
}
