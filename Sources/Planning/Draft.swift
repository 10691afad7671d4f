import Checkpoints
import Models
import Plans

/// A share of a module before it is rounded to whole units.
struct PartDraft: Equatable {
    var share: Double
    /// Memory and device, as the hardware numbers them.
    var home: Int
    var device: Int
    /// Other devices from so many tokens of a micro-batch on, ascending.
    var later: [Computer]
    var format: TensorFormat?

    init(_ share: Double, home: Int, device: Int, later: [Computer] = [], format: TensorFormat? = nil) {
        self.share = share
        self.home = home
        self.device = device
        self.later = later
        self.format = format
    }

    var computers: [Computer] {
        var result = [Computer(device: DeviceID(device))]
        for next in later where next.device != result[result.count - 1].device { result.append(next) }
        return result
    }
}

struct LayerDraft: Equatable {
    var attention: [PartDraft]
    var feedForward: [PartDraft]
    /// What experts share; nil: with attention's first part, or with the first experts where attention is in the stage before.
    var shared: PartDraft?
}

/// Keys and values: a share of the heads (as attention's parts are) or of the sequences.
struct KeyValueDraft {
    var share: Double
    var bySequence = false
    var memory: Int
    var device: Int
    /// Another device that attends from so many tokens of a micro-batch on: a long prompt's, before its keys and values leave the GPU.
    var later: (fromTokens: Int, device: Int)?

    var computers: [Computer] {
        let first = Computer(device: DeviceID(device))
        guard let later, later.device != device, later.fromTokens > 1 else { return [first] }
        return [first, Computer(fromTokens: later.fromTokens, device: DeviceID(later.device))]
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
    /// Bytes of staging memory of each device that multiplies weights which are elsewhere.
    var window = OffloadSetting.window
    /// The first layer's attention is in the stage before; the last layer's feed-forward is in the stage after.
    var startsAtFeedForward = false
    var endsAfterAttention = false

    /// Formats that some of its weights are converted to.
    var converted: [TensorFormat] {
        var found: [TensorFormat] = []
        func note(_ parts: [PartDraft]) {
            for part in parts { if let format = part.format, !found.contains(format) { found.append(format) } }
        }
        for plan in plans {
            note(plan.attention)
            note(plan.feedForward)
        }
        note(output)
        return found
    }

    func layer(_ index: Int) -> LayerDraft { plans.count == 1 ? plans[0] : plans[index - layers.lowerBound] }
}

struct ReplicaDraft {
    var stages: [StageDraft]
    var block = BlockGeometry.single
    var slices: [SliceTable] = []
    /// Sequences the KV cache has room for.
    var sequences = 1
}
