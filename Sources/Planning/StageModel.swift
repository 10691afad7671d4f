import Checkpoints
import Models
public import Plans

/// A stage of a plan, compiled for asking how long steps take: layers placed alike are one group with a count.
struct StageModel: Sendable {
    /// A share of a module on one device.
    struct Part: Sendable, Hashable {
        /// Index into `devices` of the stage.
        var device: Int
        /// Of the module's units.
        var share: Double
        var format: TensorFormat
        var bytesPerElement: Double
        var source: Source
    }

    /// Where a part's weights come from when they are used.
    enum Source: Sendable, Hashable {
        case resident
        /// Over the device's link from host memory.
        case host
        /// From disk into host memory, and on over the link if the device is no CPU.
        case disk
        /// From another device's memory; the index is into `devices`, or -1 where that device does not compute in this stage.
        case peer(Int)
    }

    /// The parts of a module for steps from so many tokens on.
    struct Variant: Sendable, Hashable {
        var fromTokens: Double
        var parts: [Part]
        /// Devices that compute, ascending.
        var site: [Int]
    }

    struct KeyValuePart: Sendable {
        var device: Int
        var share: Double
        var format: KeyValueFormat
        var bytesPerElement: Double
        var source: Source
        /// Who attends in steps of so many tokens on.
        var bulk: (fromTokens: Double, device: Int, source: Source)?
    }

    /// Layers alike. At a stage's ends one of the two modules may be in the neighbouring stage: then it has no variants.
    struct Group: Sendable {
        var count: Int
        var layer: LayerShape
        var attention: [Variant]
        var feedForward: [Variant]
    }

    let hardware: Hardware
    let shape: ModelShape
    let machine: Int
    /// Hardware's indices.
    var devices: [Int] = []
    var groups: [Group] = []
    /// How often a layer of the first group is followed by one of the second.
    var transitions: [(from: Int, to: Int, count: Int)] = []
    var output: [Variant] = []
    var keyValue: [KeyValuePart] = []
    var hiddenOnHost = false
    /// Exchange link of a set of devices, by the set's bit mask over `devices` (first 60 devices).
    var slowest: [UInt64: LinkProfile] = [:]

    init(_ stage: Stage, hardware: Hardware, shape: ModelShape) throws(PlanProblem) {
        self.hardware = hardware
        self.shape = shape
        machine = stage.machine.rawValue
        guard hardware.hosts.indices.contains(machine) else { throw PlanProblem("stage on machine \(machine), which the profile does not have") }
        hiddenOnHost = hardware.memories.indices.contains(stage.hiddenStates.rawValue) && hardware.memories[stage.hiddenStates.rawValue].kind != .gpu
        var used: Set<Int> = []
        for placement in stage.placements {
            for shard in placement.shards { for computer in shard.computers { used.insert(computer.device.rawValue) } }
        }
        for share in stage.keyValue {
            used.insert(share.device.rawValue)
            if let bulk = share.bulk { used.insert(bulk.device.rawValue) }
        }
        for device in used where !hardware.devices.indices.contains(device) { throw PlanProblem("device \(device) is not in the profile") }
        devices = used.sorted()
        guard devices.count <= 60 else { throw PlanProblem("a stage of \(devices.count) devices; at most 60") }

        struct Key: Hashable {
            var run: Int
            var attention: [Variant]
            var feedForward: [Variant]
        }
        var attention: [Int: ModulePlacement] = [:], feedForward: [Int: ModulePlacement] = [:]
        for placement in stage.placements {
            switch placement.module {
            case .attention(let layer): attention[layer] = placement
            case .feedForward(let layer): feedForward[layer] = placement
            case .output: output = try variants(placement, units: shape.vocabularySize)
            case .embedding: break
            }
        }
        var known: [Key: Int] = [:]
        var previous: Int?
        var counts: [[Int]: Int] = [:]
        var runOf: [Int] = []
        for (index, run) in shape.runs.enumerated() { runOf += Array(repeating: index, count: run.count) }
        var lastPlacements: (ModulePlacement?, ModulePlacement?, Int, Int)?
        let modules = stage.modules
        for layer in stage.layers {
            let a = attention[layer], f = feedForward[layer]
            guard runOf.indices.contains(layer), (a != nil) == modules.contains(2 * layer), (f != nil) == modules.contains(2 * layer + 1),
                a != nil || f != nil
            else { throw PlanProblem("layer \(layer) has no attention or feed-forward placement in its stage") }
            let group: Int
            if let last = lastPlacements, last.0?.shards == a?.shards, last.1?.shards == f?.shards, last.2 == runOf[layer] {
                group = last.3
            } else {
                let layerShape = shape.runs[runOf[layer]].layer
                var key = Key(run: runOf[layer], attention: [], feedForward: [])
                if let a { key.attention = try variants(a, units: layerShape.attention.keyValueHeadCount) }
                if let f { key.feedForward = try variants(f, units: layerShape.feedForward.units) }
                if let found = known[key] {
                    group = found
                } else {
                    group = groups.count
                    known[key] = group
                    groups.append(Group(count: 0, layer: layerShape, attention: key.attention, feedForward: key.feedForward))
                }
                lastPlacements = (a, f, runOf[layer], group)
            }
            groups[group].count += 1
            if let previous { counts[[previous, group], default: 0] += 1 }
            previous = group
        }
        transitions = counts.sorted { ($0.key[0], $0.key[1]) < ($1.key[0], $1.key[1]) }.map { ($0.key[0], $0.key[1], $0.value) }
        let heads = Double(groups.first?.layer.attention.keyValueHeadCount ?? 1)
        for share in stage.keyValue {
            let device = devices.firstIndex(of: share.device.rawValue) ?? 0
            var bulk: (fromTokens: Double, device: Int, source: Source)?
            if let other = share.bulk {
                let local = devices.firstIndex(of: other.device.rawValue) ?? 0
                bulk = (Double(other.fromTokens), local, try source(share.memory.rawValue, computedBy: local))
            }
            keyValue.append(
                KeyValuePart(
                    device: device, share: Double(share.heads.count) / heads * share.sequences, format: share.format,
                    bytesPerElement: share.format.bytesPerElement,
                    source: try source(share.memory.rawValue, computedBy: device), bulk: bulk))
        }
        for group in groups {
            for variant in group.attention + group.feedForward where variant.site.count > 1 { noteExchange(variant.site) }
        }
        for variant in output where variant.site.count > 1 { noteExchange(variant.site) }
    }

    private func source(_ memory: Int, computedBy device: Int) throws(PlanProblem) -> Source {
        guard hardware.memories.indices.contains(memory) else { throw PlanProblem("memory \(memory) is not in the profile") }
        if hardware.devices[devices[device]].memory == memory { return .resident }
        switch hardware.memories[memory].kind {
        case .host: return .host
        case .disk: return .disk
        case .gpu: return .peer(devices.firstIndex { hardware.devices[$0].memory == memory } ?? -1)
        }
    }

    /// The module's parts by token count; shards that a variant gives to one device from one source are one part.
    private func variants(_ placement: ModulePlacement, units: Int) throws(PlanProblem) -> [Variant] {
        var thresholds: Set<Int> = [1]
        for shard in placement.shards { for computer in shard.computers { thresholds.insert(max(1, computer.fromTokens)) } }
        var result: [Variant] = []
        for threshold in thresholds.sorted() {
            var parts: [Part] = []
            for shard in placement.shards {
                guard let computer = shard.computers.last(where: { $0.fromTokens <= threshold }) ?? shard.computers.first else {
                    throw PlanProblem("a shard of \(placement.module) has no computing device")
                }
                let device = devices.firstIndex(of: computer.device.rawValue) ?? 0
                let part = Part(
                    device: device, share: Double(shard.range.count) / Double(max(1, units)), format: shard.format ?? shape.format,
                    bytesPerElement: shard.format?.bytesPerElement ?? shape.bytesPerElement,
                    source: try source(shard.home.rawValue, computedBy: device))
                if let same = parts.firstIndex(where: { $0.device == part.device && $0.source == part.source && $0.format == part.format }) {
                    parts[same].share += part.share
                } else {
                    parts.append(part)
                }
            }
            result.append(Variant(fromTokens: Double(threshold), parts: parts, site: Set(parts.map(\.device)).sorted()))
        }
        return result
    }

    static func mask(_ site: [Int]) -> UInt64 { site.reduce(0) { $0 | 1 << UInt64($1) } }

    private mutating func noteExchange(_ site: [Int]) {
        let mask = Self.mask(site)
        guard slowest[mask] == nil else { return }
        var worst = LinkProfile(bytesPerSecond: .infinity, latency: 0)
        for a in site {
            for b in site where a != b {
                let link = hardware.link(devices[a], devices[b])
                worst = LinkProfile(bytesPerSecond: min(worst.bytesPerSecond, link.bytesPerSecond), latency: max(worst.latency, link.latency))
            }
        }
        slowest[mask] = worst
    }
}

/// Why a plan cannot be evaluated.
public struct PlanProblem: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String

    public init(_ message: String) { self.message = message }

    public var description: String { message }
}

extension KeyValueFormat {
    /// Bytes of one element: 4-bit groups of 64 with two half-precision numbers, 8 bits with a scale per head and token (128 elements).
    public var bytesPerElement: Double {
        switch self {
        case .f16: 2
        case .q8: 1 + 2.0 / 128
        case .q4: 0.5 + 4.0 / 64
        }
    }
}
