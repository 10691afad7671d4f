import Models
import Plans

/// How a stage is offloaded to one GPU and the processor beside it (HeteGen): which modules stay on the GPU, which lie on disk, and the
/// share of every other one that the GPU multiplies, by token count.
struct OffloadSetting: Equatable {
    /// One kind of module: attention or feed-forward of one kind of layer.
    struct Kind: Equatable {
        /// The last so many of the kind's free layers stay on the GPU.
        var resident = 0
        /// The last so many of the others lie on disk.
        var disk = 0
        /// Grains (of `grains`) that the GPU multiplies of each module that is not resident, from so many tokens of a micro-batch on;
        /// ascending, the first from 1.
        var buckets: [Bucket] = []
        var grains = 1

        func share(_ bucket: Int) -> Double { Double(buckets[bucket].units) / Double(max(1, grains)) }
    }

    struct Bucket: Equatable {
        var fromTokens: Int
        var units: Int
    }

    var gpu: Int
    var cpu: Int?
    /// Attention and feed-forward of the first kind of layer, of the second, and so on.
    var kinds: [Kind]
    var keyValueOnHost: Bool
    var outputOnGPU: Bool
    /// Sequences it was made for.
    var sequences: Int
    /// Of them in one decoding step.
    var together: Int
    /// Bytes of the staging window of each device that streams.
    var window = OffloadSetting.window
    /// How far it may be from the best under the cost model: 0 where it is proven best, else (value - bound) / bound.
    var gap = 0.0

    /// The same with steps longer than a decoding one left to the GPU alone; nil where that is so already.
    var promptsOnGPU: OffloadSetting? {
        guard cpu != nil else { return nil }
        var result = self
        for index in kinds.indices {
            result.kinds[index].buckets = [kinds[index].buckets[0], .init(fromTokens: together + 1, units: kinds[index].grains)]
        }
        return result == self ? nil : result
    }

    /// The usual window: four slabs of 16 MiB. Streaming in slabs and not in whole modules leaves the memory to resident modules.
    static let window = 64 << 20
}

/// The layers of an offloaded stage by kind, pins apart.
struct OffloadLayers {
    enum Place { case free, gpu, cpu }

    struct Layer {
        /// Index of the kind of layer; `kinds` holds its attention at 2 x this and its feed-forward behind.
        var type: Int
        /// Its number among the free layers of its kind.
        var number: Int
        var place: Place
    }

    let range: Range<Int>
    var shapes: [LayerShape] = []
    var layers: [Layer] = []
    /// Free layers of each kind.
    var counts: [Int] = []

    /// nil where a pin names a device that is neither.
    ///
    /// - Parameter spread: numbers the layers of a kind so that any last so many of them lie evenly among the others, and not behind them:
    ///   transfers can then use the time of resident layers with a window for a few layers.
    init?(_ problem: Problem, range: Range<Int>, gpu: Int, cpu: Int?, spread: Bool = false) {
        self.range = range
        var first = 0
        for run in problem.shape.runs {
            for layer in range.clamped(to: first..<first + run.count) {
                let type: Int
                if let known = shapes.firstIndex(of: run.layer) {
                    type = known
                } else {
                    type = shapes.count
                    shapes.append(run.layer)
                    counts.append(0)
                }
                var place = Place.free
                if let device = problem.pinnedDevice(layer) {
                    if device == gpu { place = .gpu } else if device == cpu { place = .cpu } else { return nil }
                }
                layers.append(Layer(type: type, number: counts[type], place: place))
                if place == .free { counts[type] += 1 }
            }
            first += run.count
        }
        guard spread else { return }
        let ranks = counts.map(Self.evenRanks)
        for index in layers.indices where layers[index].place == .free {
            layers[index].number = ranks[layers[index].type][layers[index].number]
        }
    }

    /// A permutation of 0 ..< count whose every upper part lies evenly: ranks by the number read backwards in base two (van der Corput).
    static func evenRanks(_ count: Int) -> [Int] {
        func reversed(_ value: Int) -> UInt32 {
            var result: UInt32 = 0, rest = UInt32(truncatingIfNeeded: value)
            for _ in 0..<32 {
                result = result << 1 | rest & 1
                rest >>= 1
            }
            return result
        }
        var ranks = Array(repeating: 0, count: count)
        for (rank, position) in (0..<count).sorted(by: { reversed($0) < reversed($1) }).enumerated() { ranks[position] = rank }
        return ranks
    }
}

extension Problem {
    /// The stage as a draft.
    func offloaded(_ setting: OffloadSetting, _ layers: OffloadLayers) -> StageDraft {
        let machine = hardware.devices[setting.gpu].machine
        let own = hardware.devices[setting.gpu].memory, host = hardware.hosts[machine], disk = hardware.disks[machine] ?? host
        let resident = [PartDraft(1, home: own, device: setting.gpu)]
        let processor = [PartDraft(1, home: host, device: setting.cpu ?? setting.gpu)]
        let shared = setting.kinds.map { kind in [host, disk].map { sharedParts(kind, setting, home: $0) } }
        func parts(_ index: Int, _ layer: OffloadLayers.Layer) -> [PartDraft] {
            switch layer.place {
            case .gpu: return resident
            case .cpu: return processor
            case .free:
                let kind = setting.kinds[index], left = layers.counts[layer.type] - kind.resident
                if layer.number >= left { return resident }
                return shared[index][layer.number >= left - kind.disk ? 1 : 0]
            }
        }
        let plans = layers.layers.map {
            LayerDraft(attention: parts(2 * $0.type, $0), feedForward: parts(2 * $0.type + 1, $0))
        }
        let output =
            setting.outputOnGPU
            ? PartDraft(1, home: own, device: setting.gpu) : PartDraft(1, home: host, device: setting.cpu ?? setting.gpu)
        return StageDraft(
            machine: machine, layers: layers.range, plans: plans, output: [output], embeddingHome: host,
            keyValue: [offloadedKeyValue(setting)], hidden: own, window: setting.window)
    }

    func offloadedKeyValue(_ setting: OffloadSetting) -> KeyValueDraft {
        guard setting.keyValueOnHost else {
            return KeyValueDraft(share: 1, memory: hardware.devices[setting.gpu].memory, device: setting.gpu)
        }
        return KeyValueDraft(
            share: 1, memory: hardware.hosts[hardware.devices[setting.gpu].machine], device: setting.cpu ?? setting.gpu,
            later: (max(32, setting.sequences + 1), setting.gpu))
    }

    /// A module's parts: between two neighbours of the units that any bucket gives the GPU, one part that moves to and fro with the token
    /// count.
    private func sharedParts(_ kind: OffloadSetting.Kind, _ setting: OffloadSetting, home: Int) -> [PartDraft] {
        guard let cpu = setting.cpu else { return [PartDraft(1, home: home, device: setting.gpu)] }
        var result: [PartDraft] = []
        var previous = 0
        for end in Set(kind.buckets.map(\.units) + [kind.grains]).sorted() where end > previous {
            let computers = kind.buckets.map {
                Computer(fromTokens: $0.fromTokens, device: DeviceID($0.units >= end ? setting.gpu : cpu))
            }
            result.append(
                PartDraft(
                    Double(end - previous) / Double(kind.grains), home: home, device: computers.first?.device.rawValue ?? cpu,
                    later: Array(computers.dropFirst())))
            previous = end
        }
        return result
    }
}
