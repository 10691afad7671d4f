import Models
import Plans

/// A stage whose equal layers are one entry: what the cost model and the memory model look at. Searches make it of a draft without spelling
/// out a `Plan`'s layers; a plan's stage is compressed to it.
///
/// Always holds: the spans cover `layers` once and in order, and each lies within one run of equal layers of the model. Only the first may
/// lack its attention and only the last its feed-forward (`Stage+Modules.swift`); such a span is one layer.
struct StageLayout {
    /// Keys and values of a span's layers: a `KeyValueShare` without its layers.
    struct KeyValuePlace: Equatable {
        var heads: Range<Int>
        var pool: Int
        var memory: MemoryID
        var format: KeyValueFormat
        var computers: [Computer]
    }

    /// How layers are placed.
    struct Placement: Equatable {
        /// Empty where the module is in the neighbouring stage, and for what dense layers do not have.
        var attention: [Shard] = []
        var shared: [Shard] = []
        var feedForward: [Shard] = []
        var keyValue: [KeyValuePlace] = []

        /// Of all modules.
        var shards: [Shard] { attention + shared + feedForward }
    }

    struct Span {
        var layers: Range<Int>
        /// Index of the model's run of equal layers.
        var run: Int
        var placement: Placement
    }

    var machine: Int
    var layers: Range<Int>
    /// nil where the stage does not embed / compute logits.
    var embedding: [Shard]?
    var output: [Shard]?
    var spans: [Span]
    /// KV blocks by pool, as the replica's schedule has them.
    var pools: [Int]
    var hiddenStates: MemoryID
    var streams: [WeightStream]

    /// The stage's part of the model's modules, two per layer, as `Stage.modules`.
    var modules: Range<Int> {
        let first = 2 * layers.lowerBound + (spans.first?.placement.attention.isEmpty == true ? 1 : 0)
        let end = 2 * layers.upperBound - (spans.last?.placement.feedForward.isEmpty == true ? 1 : 0)
        return first..<max(first, end)
    }

    /// The stage of a plan, every layer with a placement of its own.
    var stage: Stage {
        var placements: [ModulePlacement] = []
        placements.reserveCapacity(2 + 3 * layers.count)
        if let embedding { placements.append(ModulePlacement(module: .embedding, shards: embedding)) }
        for span in spans {
            for layer in span.layers {
                let placed = span.placement
                if !placed.attention.isEmpty {
                    placements.append(ModulePlacement(module: .attention(layer: layer), shards: placed.attention))
                }
                if !placed.shared.isEmpty { placements.append(ModulePlacement(module: .shared(layer: layer), shards: placed.shared)) }
                if !placed.feedForward.isEmpty {
                    placements.append(ModulePlacement(module: .feedForward(layer: layer), shards: placed.feedForward))
                }
            }
        }
        if let output { placements.append(ModulePlacement(module: .output, shards: output)) }
        return Stage(
            machine: MachineID(machine), layers: layers, hasEmbedding: embedding != nil, hasOutput: output != nil, placements: placements,
            keyValue: keyValue, hiddenStates: hiddenStates, streams: streams)
    }

    /// Neighbouring layers whose keys and values are placed alike share their entries.
    private var keyValue: [KeyValueShare] {
        var runs: [(layers: Range<Int>, places: [KeyValuePlace])] = []
        for span in spans where !span.placement.keyValue.isEmpty {
            if let last = runs.last, last.layers.upperBound == span.layers.lowerBound, last.places == span.placement.keyValue {
                runs[runs.count - 1].layers = last.layers.lowerBound..<span.layers.upperBound
            } else {
                runs.append((span.layers, span.placement.keyValue))
            }
        }
        return runs.flatMap { run in
            run.places.map {
                KeyValueShare(
                    layers: run.layers, heads: $0.heads, pool: $0.pool, memory: $0.memory, format: $0.format, computers: $0.computers)
            }
        }
    }
}

extension StageLayout {
    /// A plan's stage, its layers compressed.
    init(_ stage: Stage, shape: ModelShape, pools: [Int]) throws(PlanProblem) {
        machine = stage.machine.rawValue
        layers = stage.layers
        self.pools = pools
        hiddenStates = stage.hiddenStates
        streams = stage.streams
        spans = []
        guard layers.lowerBound >= 0, layers.upperBound <= shape.layerCount else {
            throw PlanProblem("layers \(layers) of a model with \(shape.layerCount)")
        }
        var placed: [Int: Placement] = [:]
        for placement in stage.placements {
            guard !placement.shards.isEmpty else { throw PlanProblem("\(placement.module) has no shards") }
            switch placement.module {
            case .attention(let layer): placed[layer, default: Placement()].attention = placement.shards
            case .shared(let layer): placed[layer, default: Placement()].shared = placement.shards
            case .feedForward(let layer): placed[layer, default: Placement()].feedForward = placement.shards
            case .embedding: embedding = placement.shards
            case .output: output = placement.shards
            }
        }
        for share in stage.keyValue {
            guard pools.indices.contains(share.pool) else { throw PlanProblem("keys and values of pool \(share.pool) of \(pools.count)") }
            let place = KeyValuePlace(
                heads: share.heads, pool: share.pool, memory: share.memory, format: share.format, computers: share.computers)
            for layer in share.layers.clamped(to: layers) { placed[layer, default: Placement()].keyValue.append(place) }
        }
        var first = 0
        for (index, run) in shape.runs.enumerated() {
            for layer in layers.clamped(to: first..<first + run.count) {
                let here = placed[layer] ?? Placement()
                guard !(here.attention.isEmpty && here.feedForward.isEmpty), !here.attention.isEmpty || layer == layers.lowerBound,
                    !here.feedForward.isEmpty || layer == layers.upperBound - 1
                else { throw PlanProblem("layer \(layer) has no attention or feed-forward placement in its stage") }
                if let last = spans.last, last.run == index, last.placement == here {
                    spans[spans.count - 1].layers = last.layers.lowerBound..<layer + 1
                } else {
                    spans.append(Span(layers: layer..<layer + 1, run: index, placement: here))
                }
            }
            first += run.count
        }
    }
}
