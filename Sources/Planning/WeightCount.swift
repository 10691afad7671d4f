import Checkpoints
import Models
import Plans

/// Bytes of weights by memory. Norms lie with every device that computes their module; a tied output matrix is the embedding's rows where
/// these lie in the same memory in the same layout and format; equal shards of several replicas are held once.
struct WeightCount {
    private struct Place: Hashable {
        var module: Module
        var range: Range<Int>
        var home: MemoryID
        var layout: WeightLayout
        var format: TensorFormat?
    }

    let shape: ModelShape
    /// Whether replicas have weights in common memories; otherwise nothing need be looked up.
    let sharesPlaces: Bool
    private(set) var bytes: [Int: Double] = [:]
    private var held: Set<Place> = []

    init(shape: ModelShape, sharesPlaces: Bool) {
        self.shape = shape
        self.sharesPlaces = sharesPlaces
    }

    mutating func count(_ stage: StageLayout, _ hardware: Hardware) {
        add(stage.embedding ?? [], of: .embedding)
        for span in stage.spans {
            let first = span.layers.lowerBound, placed = span.placement
            let modules: [(Module, [Shard])] = [
                (.attention(layer: first), placed.attention), (.shared(layer: first), placed.shared),
                (.feedForward(layer: first), placed.feedForward),
            ]
            for (module, shards) in modules {
                add(shards, of: module, layers: span.layers)
                if case .shared = module { continue }
                addNorms(shards, of: module, layers: span.layers, hardware)
            }
        }
        for shard in stage.output ?? [] {
            let isHeld =
                shape.tied
                && (stage.embedding ?? []).contains {
                    $0.home == shard.home && $0.layout == shard.layout && $0.format == shard.format && $0.range.contains(shard.range)
                }
            if !isHeld { add([shard], of: .output) }
        }
    }

    private mutating func add(_ shards: [Shard], of module: Module, layers: Range<Int> = 0..<1) {
        for shard in shards {
            var count = layers.count
            if sharesPlaces {
                count = 0
                for layer in layers where isNew(shard, module.moved(to: layer)) { count += 1 }
            }
            bytes[shard.home.rawValue, default: 0] +=
                Double(count) * shape.bytes(of: module, units: shard.range.count, format: shard.format)
        }
    }

    private mutating func isNew(_ shard: Shard, _ module: Module) -> Bool {
        held.insert(Place(module: module, range: shard.range, home: shard.home, layout: shard.layout, format: shard.format)).inserted
    }

    private mutating func addNorms(_ shards: [Shard], of module: Module, layers: Range<Int>, _ hardware: Hardware) {
        guard let layer = module.layer, !shards.isEmpty else { return }
        let each = Double(shape.layer(layer).normElements) / 2 * shape.bytesPerElement
        var seen: [Int] = []
        for shard in shards {
            for computer in shard.computers where hardware.devices.indices.contains(computer.device.rawValue) {
                let memory = hardware.devices[computer.device.rawValue].memory
                guard !seen.contains(memory) else { continue }
                seen.append(memory)
                bytes[memory, default: 0] += Double(layers.count) * each
            }
        }
    }
}

extension Module {
    /// The same module of another layer.
    fileprivate func moved(to layer: Int) -> Module {
        switch self {
        case .attention: .attention(layer: layer)
        case .shared: .shared(layer: layer)
        case .feedForward: .feedForward(layer: layer)
        case .embedding, .output: self
        }
    }
}
