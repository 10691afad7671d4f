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

    /// The parts of a module from so many tokens of a micro-batch on.
    struct Variant: Sendable, Hashable {
        var fromTokens: Double
        var parts: [Part]
        /// Devices that compute, ascending.
        var site: [Int]
    }

    /// A share of the layer's keys and values, of the heads and of the sequences.
    struct KeyValuePart: Sendable, Equatable {
        /// Who attends from so many tokens of a micro-batch on, and where its keys and values come from.
        struct Attending: Sendable, Equatable {
            var fromTokens: Double
            var device: Int
            var source: Source
        }

        var share: Double
        var format: KeyValueFormat
        /// Ascending by tokens, never empty.
        var attending: [Attending]

        func attending(tokens: Double) -> Attending { attending.last { $0.fromTokens <= tokens } ?? attending[0] }
    }

    /// Layers alike. At a stage's ends one of the two modules may be in the neighbouring stage: then it has no variants.
    struct Group: Sendable {
        var count: Int
        var layer: LayerShape
        var attention: [Variant]
        /// What experts share; empty for dense layers.
        var shared: [Variant]
        var feedForward: [Variant]
        var keyValue: [KeyValuePart]
    }

    let hardware: Hardware
    let shape: ModelShape
    /// Layers from first to last, by group.
    var order: [(group: Int, count: Int)] = []
    /// Bytes of staging memory by device, 0 where it streams nothing.
    var windows: [Double] = []
    let machine: Int
    /// Hardware's indices.
    var devices: [Int] = []
    var groups: [Group] = []
    /// Whether some device multiplies layers' weights that are not in its memory.
    private(set) var isStreaming = false
    /// How often a layer of the first group is followed by one of the second.
    var transitions: [(from: Int, to: Int, count: Int)] = []
    var output: [Variant] = []
    var hiddenOnHost = false
    /// Exchange link of a set of devices, by the set's bit mask over `devices` (first 60 devices).
    var slowest: [UInt64: LinkProfile] = [:]

    init(_ stage: StageLayout, hardware: Hardware, shape: ModelShape) throws(PlanProblem) {
        self.hardware = hardware
        self.shape = shape
        machine = stage.machine
        guard hardware.hosts.indices.contains(machine) else {
            throw PlanProblem("stage on machine \(machine), which the profile does not have")
        }
        hiddenOnHost =
            hardware.memories.indices.contains(stage.hiddenStates.rawValue) && hardware.memories[stage.hiddenStates.rawValue].kind != .gpu
        // A stage has few kinds of layers but may have many spans of them (layers that take turns).
        var kinds: [StageLayout.Span] = []
        var kindOf: [Int] = []
        for span in stage.spans {
            if let known = kinds.firstIndex(where: { $0.run == span.run && $0.placement == span.placement }) {
                kindOf.append(known)
            } else {
                kindOf.append(kinds.count)
                kinds.append(span)
            }
        }
        try noteDevices(stage, kinds)
        windows = devices.map { device in stage.streams.first { $0.device.rawValue == device }.map { Double($0.window) } ?? 0 }
        if let shards = stage.output { output = try variants(shards, units: shape.vocabularySize) }
        var groupOf: [Int] = []
        for kind in kinds {
            let layer = shape.runs[kind.run].layer
            let group = Group(
                count: 0, layer: layer, attention: try variants(kind.placement.attention, units: layer.attention.keyValueHeadCount),
                shared: try variants(kind.placement.shared, units: 1),
                feedForward: try variants(kind.placement.feedForward, units: layer.feedForward.units),
                keyValue: try keyValue(kind.placement.keyValue, layer.attention, pools: stage.pools))
            if let known = groups.firstIndex(where: {
                $0.attention == group.attention && $0.shared == group.shared && $0.feedForward == group.feedForward
                    && $0.keyValue == group.keyValue && $0.layer == layer
            }) {
                groupOf.append(known)
            } else {
                groupOf.append(groups.count)
                groups.append(group)
            }
        }
        isStreaming = groups.contains { group in
            [group.attention, group.shared, group.feedForward].contains { variants in
                variants.contains { $0.parts.contains { $0.source != .resident } }
            }
        }
        var previous: Int?
        for (span, kind) in zip(stage.spans, kindOf) {
            let group = groupOf[kind]
            groups[group].count += span.layers.count
            if let last = order.last, last.group == group {
                order[order.count - 1].count += span.layers.count
            } else {
                order.append((group, span.layers.count))
            }
            if let previous { noteTransition(from: previous, to: group, count: 1) }
            if span.layers.count > 1 { noteTransition(from: group, to: group, count: span.layers.count - 1) }
            previous = group
        }
        for group in groups {
            for variant in group.attention where variant.site.count > 1 { noteExchange(variant.site) }
            for variant in group.feedForward where variant.site.count > 1 { noteExchange(variant.site) }
        }
        for variant in output where variant.site.count > 1 { noteExchange(variant.site) }
    }

    private mutating func noteTransition(from: Int, to: Int, count: Int) {
        if let known = transitions.firstIndex(where: { $0.from == from && $0.to == to }) {
            transitions[known].count += count
        } else {
            transitions.append((from, to, count))
        }
    }

    /// Every device that multiplies or attends, ascending; looking embeddings up costs nothing.
    private mutating func noteDevices(_ stage: StageLayout, _ kinds: [StageLayout.Span]) throws(PlanProblem) {
        var used: [Int] = []
        func note(_ computers: [Computer]) {
            for computer in computers where !used.contains(computer.device.rawValue) { used.append(computer.device.rawValue) }
        }
        for shard in stage.output ?? [] { note(shard.computers) }
        for kind in kinds {
            for shard in kind.placement.attention { note(shard.computers) }
            for shard in kind.placement.shared { note(shard.computers) }
            for shard in kind.placement.feedForward { note(shard.computers) }
            for place in kind.placement.keyValue { note(place.computers) }
        }
        for device in used where !hardware.devices.indices.contains(device) { throw PlanProblem("device \(device) is not in the profile") }
        devices = used.sorted()
        guard devices.count <= 60 else { throw PlanProblem("a stage of \(devices.count) devices; at most 60") }
    }

    /// Shares of a layer's keys and values: of the heads, and of the sequences that are in the pool.
    private func keyValue(
        _ places: [StageLayout.KeyValuePlace], _ attention: AttentionShape, pools: [Int]
    ) throws(PlanProblem) -> [KeyValuePart] {
        let heads = Double(max(1, attention.keyValueHeadCount)), blocks = pools.reduce(0.0) { $0 + Double($1) }
        var parts: [KeyValuePart] = []
        for place in places {
            guard pools.indices.contains(place.pool), !place.computers.isEmpty else {
                throw PlanProblem("keys and values that nobody attends to")
            }
            let ofSequences = blocks > 0 ? Double(pools[place.pool]) / blocks : 1 / Double(pools.count)
            var attending: [KeyValuePart.Attending] = []
            for computer in place.computers {
                let device = devices.firstIndex(of: computer.device.rawValue) ?? 0
                attending.append(
                    .init(
                        fromTokens: Double(computer.fromTokens), device: device,
                        source: try source(place.memory.rawValue, computedBy: device)))
            }
            let part = KeyValuePart(share: Double(place.heads.count) / heads * ofSequences, format: place.format, attending: attending)
            if let same = parts.firstIndex(where: { $0.format == part.format && $0.attending == part.attending }) {
                parts[same].share += part.share
            } else {
                parts.append(part)
            }
        }
        return parts
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
    private func variants(_ shards: [Shard], units: Int) throws(PlanProblem) -> [Variant] {
        if shards.isEmpty { return [] }
        var thresholds = [1]
        for shard in shards {
            guard !shard.computers.isEmpty else { throw PlanProblem("a shard has no computing device") }
            for computer in shard.computers where !thresholds.contains(computer.fromTokens) && computer.fromTokens > 1 {
                thresholds.append(computer.fromTokens)
            }
        }
        if thresholds.count > 1 { thresholds.sort() }
        var result: [Variant] = []
        for threshold in thresholds {
            var parts: [Part] = []
            for shard in shards {
                let computer = shard.computers.last { $0.fromTokens <= threshold } ?? shard.computers[0]
                let device = devices.firstIndex(of: computer.device.rawValue) ?? 0
                let part = Part(
                    device: device, share: Double(shard.range.count) / Double(max(1, units)), format: shard.format ?? shape.format,
                    bytesPerElement: shard.format?.bytesPerElement ?? shape.bytesPerElement,
                    source: try source(shard.home.rawValue, computedBy: device))
                let same = parts.firstIndex { $0.device == part.device && $0.source == part.source && $0.format == part.format }
                if let same {
                    parts[same].share += part.share
                } else {
                    parts.append(part)
                }
            }
            var site: [Int] = []
            for part in parts where !site.contains(part.device) { site.append(part.device) }
            result.append(Variant(fromTokens: Double(threshold), parts: parts, site: site.count > 1 ? site.sorted() : site))
        }
        return result
    }

    static func mask(_ site: [Int]) -> UInt64 { site.reduce(0) { $0 | 1 << UInt64($1) } }

    mutating func noteExchange(_ site: [Int]) {
        let mask = Self.mask(site)
        guard slowest[mask] == nil else { return }
        var worst = LinkProfile(bytesPerSecond: .infinity, latency: 0)
        for a in site {
            for b in site where a != b {
                let link = hardware.link(devices[a], devices[b])
                worst = LinkProfile(
                    bytesPerSecond: min(worst.bytesPerSecond, link.bytesPerSecond), latency: max(worst.latency, link.latency))
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
