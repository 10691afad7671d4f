import Models
import Plans

/// A stage whose equal layers are one entry: what the cost model and the memory model look at. Searches make it of a draft without spelling out a `Plan`'s layers; a plan's stage is
/// compressed to it.
///
/// Always holds: the spans cover `layers` once and in order, and each lies within one run of equal layers of the model. Only the first may lack its attention and only the last its
/// feed-forward (`Stage+Modules.swift`); such a span is one layer.
struct StageLayout {
    struct Span {
        var layers: Range<Int>
        /// Index of the model's run of equal layers.
        var run: Int
        var attention: [Shard]
        var feedForward: [Shard]
    }

    var machine: Int
    var layers: Range<Int>
    /// nil where the stage does not embed / compute logits.
    var embedding: [Shard]?
    var output: [Shard]?
    var spans: [Span]
    var keyValue: [KeyValueShare]
    var hiddenStates: MemoryID
    var streamingWindow: Int

    /// The stage's part of the model's modules, two per layer, as `Stage.modules`.
    var modules: Range<Int> {
        let first = 2 * layers.lowerBound + (spans.first?.attention.isEmpty == true ? 1 : 0)
        let end = 2 * layers.upperBound - (spans.last?.feedForward.isEmpty == true ? 1 : 0)
        return first..<max(first, end)
    }

    /// Whether any of its layers attends here.
    var attends: Bool { spans.contains { !$0.attention.isEmpty } }

    /// The stage of a plan, every layer with a placement of its own.
    var stage: Stage {
        var placements: [ModulePlacement] = []
        placements.reserveCapacity(2 + 2 * layers.count)
        if let embedding { placements.append(ModulePlacement(module: .embedding, shards: embedding)) }
        for span in spans {
            for layer in span.layers {
                if !span.attention.isEmpty { placements.append(ModulePlacement(module: .attention(layer: layer), shards: span.attention)) }
                if !span.feedForward.isEmpty { placements.append(ModulePlacement(module: .feedForward(layer: layer), shards: span.feedForward)) }
            }
        }
        if let output { placements.append(ModulePlacement(module: .output, shards: output)) }
        return Stage(
            machine: MachineID(machine), layers: layers, hasEmbedding: embedding != nil, hasOutput: output != nil, placements: placements,
            keyValue: keyValue, hiddenStates: hiddenStates, streamingWindow: streamingWindow)
    }
}

extension StageLayout {
    /// A plan's stage, its layers compressed.
    init(_ stage: Stage, shape: ModelShape) throws(PlanProblem) {
        machine = stage.machine.rawValue
        layers = stage.layers
        keyValue = stage.keyValue
        hiddenStates = stage.hiddenStates
        streamingWindow = stage.streamingWindow
        spans = []
        var attention: [Int: [Shard]] = [:], feedForward: [Int: [Shard]] = [:]
        for placement in stage.placements {
            guard !placement.shards.isEmpty else { throw PlanProblem("\(placement.module) has no shards") }
            switch placement.module {
            case .attention(let layer): attention[layer] = placement.shards
            case .feedForward(let layer): feedForward[layer] = placement.shards
            case .embedding: embedding = placement.shards
            case .output: output = placement.shards
            }
        }
        var first = 0
        for (index, run) in shape.runs.enumerated() {
            for layer in layers.clamped(to: first..<first + run.count) {
                let a = attention[layer] ?? [], f = feedForward[layer] ?? []
                guard !(a.isEmpty && f.isEmpty), !a.isEmpty || layer == layers.lowerBound, !f.isEmpty || layer == layers.upperBound - 1 else {
                    throw PlanProblem("layer \(layer) has no attention or feed-forward placement in its stage")
                }
                if let last = spans.last, last.run == index, last.attention == a, last.feedForward == f {
                    spans[spans.count - 1].layers = last.layers.lowerBound..<layer + 1
                } else {
                    spans.append(Span(layers: layer..<layer + 1, run: index, attention: a, feedForward: f))
                }
            }
            first += run.count
        }
        guard layers.upperBound <= first else { throw PlanProblem("layers \(layers) of a model with \(first)") }
    }
}

/// A replica in the same form.
struct ReplicaLayout {
    var stages: [StageLayout]
    var block: BlockGeometry
    var sliceTables: [SliceTable]

    init(stages: [StageLayout], block: BlockGeometry, sliceTables: [SliceTable]) {
        self.stages = stages
        self.block = block
        self.sliceTables = sliceTables
    }

    init(_ replica: Replica, shape: ModelShape) throws(PlanProblem) {
        var stages: [StageLayout] = []
        for stage in replica.stages { stages.append(try StageLayout(stage, shape: shape)) }
        self.init(stages: stages, block: replica.block, sliceTables: replica.sliceTables)
    }

    var replica: Replica { Replica(stages: stages.map(\.stage), block: block, sliceTables: sliceTables) }
}
