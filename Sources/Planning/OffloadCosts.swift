import Models
import Plans

/// What each module of an offloaded stage asks of every resource, for one step: the cost model taken apart, so that thousands of settings
/// are sums of these.
///
/// With one micro-batch `StageModel.time` is the longest lane of a sum over modules, plus the overhead; only hops depend on neighbours.
struct OffloadCosts {
    /// Seconds: chain, to the GPU, from the GPU, host memory, disk reads, disk writes.
    typealias Lanes = SIMD8<Double>

    enum Home { case gpu, host, disk }

    /// Who multiplies a module: the GPU, the processor, both.
    enum Site: Int { case gpu, cpu, both }

    struct Kind {
        /// What the GPU may multiply, ascending: 0 ... all grains, or fewer of them where there are very many.
        var units: [OffloadUnits]
        var resident: Lanes
        /// On the processor alone, weights in host memory (pinned there).
        var processor: Lanes
        /// By index into `units`, homes host and disk.
        var host: [Lanes]
        var disk: [Lanes]
    }

    private var ends = Lanes()
    private var pinned = Lanes()
    var kinds: [Kind] = []
    let overhead: Double
    /// Seconds of a hop by the sites before and after, 3 x 3.
    var hops = Array(repeating: 0.0, count: 9)

    private let model: StageModel
    private let keyValue: [StageModel.KeyValuePart]
    private let gpu: Int
    private let cpu: Int?
    private let load: StepLoad
    private let hasDisk: Bool

    /// - Parameter units: what the GPU may be given, by kind.
    init?(_ problem: Problem, _ setting: OffloadSetting, _ layers: OffloadLayers, units: [[OffloadUnits]], load: StepLoad) {
        let machine = problem.hardware.devices[setting.gpu].machine
        // A stage with a shared module brings both devices and their exchange; its layers are then taken out.
        var draft = problem.offloaded(setting, layers)
        let home = problem.hardware.hosts[machine]
        var parts = [PartDraft(setting.cpu == nil ? 1 : 0.5, home: home, device: setting.gpu)]
        if let cpu = setting.cpu { parts.append(PartDraft(0.5, home: home, device: cpu)) }
        draft.plans = [LayerDraft(attention: parts, feedForward: parts)]
        let sequences = setting.sequences
        guard
            var model = try? StageModel(
                problem.realiser.layout(draft, sequences: sequences), hardware: problem.hardware, shape: problem.shape),
            let gpu = model.devices.firstIndex(of: setting.gpu), let group = model.groups.first
        else { return nil }
        // One place for all heads of all layers.
        keyValue = group.keyValue
        cpu = setting.cpu.flatMap { model.devices.firstIndex(of: $0) }
        if let cpu { model.noteExchange([min(cpu, gpu), max(cpu, gpu)]) }
        model.groups = []
        model.transitions = []
        self.model = model
        self.gpu = gpu
        self.load = load
        hasDisk = problem.hardware.disks[machine] != nil
        let base = model.time(load)
        overhead = base.overhead
        ends = Self.lanes(base, base.chain, host: base.hostMemory, gpu)
        var scratch = StageTime(devices: model.devices.count)
        for (index, shape) in layers.shapes.enumerated() {
            kinds.append(kind(units[2 * index]) { attention(shape, $0, $1, &scratch) })
            kinds.append(kind(units[2 * index + 1]) { feedForward(shape, $0, $1, &scratch) })
        }
        for layer in layers.layers where layer.place != .free {
            for kind in [kinds[2 * layer.type], kinds[2 * layer.type + 1]] {
                pinned += layer.place == .gpu ? kind.resident : kind.processor
            }
        }
        guard let cpu else { return }
        let sites = [[gpu], [cpu], [min(cpu, gpu), max(cpu, gpu)]]
        let bytes = load.tokens * Double(problem.shape.hiddenSize) * StageModel.hiddenBytes
        for from in 0..<3 { for to in 0..<3 { hops[3 * from + to] = model.hopSeconds(from: sites[from], to: sites[to], bytes: bytes) } }
    }

    /// The same with the output matrix elsewhere, and where `streams` is false with nothing given to the GPU that is not resident.
    func with(_ problem: Problem, _ setting: OffloadSetting, _ layers: OffloadLayers, streams: Bool) -> OffloadCosts {
        var result = self
        var other = model
        let draft = problem.offloaded(setting, layers)
        if let output = try? StageModel(
            problem.realiser.layout(draft, sequences: setting.sequences), hardware: problem.hardware, shape: problem.shape),
            !model.output.isEmpty
        {
            // The same devices under other numbers.
            other.output = output.output.map { variant in
                var variant = variant
                for index in variant.parts.indices {
                    variant.parts[index].device = model.devices.firstIndex(of: output.devices[variant.parts[index].device]) ?? 0
                }
                variant.site = variant.parts.map(\.device)
                return variant
            }
        }
        let base = other.time(load)
        result.ends = Self.lanes(base, base.chain, host: base.hostMemory, gpu)
        if !streams && cpu != nil {
            for index in result.kinds.indices {
                result.kinds[index].units = Array(result.kinds[index].units.prefix(1))
                result.kinds[index].host = [result.kinds[index].host[0]]
                if hasDisk { result.kinds[index].disk = [result.kinds[index].disk[0]] }
            }
        }
        return result
    }

    /// Output matrix and pinned layers.
    var fixed: Lanes { ends + pinned }

    private static func lanes(_ time: StageTime, _ chain: Double, host: Double, _ gpu: Int) -> Lanes {
        Lanes(chain, time.receiving[gpu], time.sending[gpu], host, time.diskRead, time.diskWrite, 0, 0)
    }

    private func kind(_ units: [OffloadUnits], _ cost: (Home, Double) -> Lanes) -> Kind {
        let shares = cpu == nil ? [1.0] : units.map(\.share)
        return Kind(
            units: units, resident: cost(.gpu, 1), processor: cpu == nil ? cost(.host, 1) : cost(.host, 0),
            host: shares.map { cost(.host, $0) },
            disk: hasDisk ? shares.map { cost(.disk, $0) } : [])
    }

    /// Attention, of which the GPU multiplies `share`, its weights in `home`, with what the layer's experts share: that lies with the first
    /// part.
    func attention(_ layer: LayerShape, _ home: Home, _ share: Double, _ time: inout StageTime) -> Lanes {
        time.clear()
        var variant = variant(home, share)
        let parts = model.attentionSeconds(layer, variant, keyValue, load, count: 1, time: &time)
        var chain = parts.main + parts.aside + parts.between
        if layer.feedForward.hasSharedModule {
            variant.parts = [variant.parts[0]]
            variant.parts[0].share = 1
            variant.site = [variant.parts[0].device]
            chain += model.sharedSeconds(layer, variant, load, count: 1, time: &time)
        }
        return Self.lanes(time, chain, host: time.hostBytes / hostBytesPerSecond, gpu)
    }

    func feedForward(_ layer: LayerShape, _ home: Home, _ share: Double, _ time: inout StageTime) -> Lanes {
        time.clear()
        let seconds = model.feedForwardSeconds(layer, variant(home, share), load, count: 1, time: &time)
        return Self.lanes(time, seconds, host: time.hostBytes / hostBytesPerSecond, gpu)
    }

    private var hostBytesPerSecond: Double { model.hardware.memories[model.hardware.hosts[model.machine]].readBytesPerSecond }

    private func variant(_ home: Home, _ share: Double) -> StageModel.Variant {
        func part(_ device: Int, _ share: Double, _ source: StageModel.Source) -> StageModel.Part {
            StageModel.Part(
                device: device, share: share, format: model.shape.format, bytesPerElement: model.shape.bytesPerElement, source: source)
        }
        if home == .gpu { return StageModel.Variant(fromTokens: 1, parts: [part(gpu, 1, .resident)], site: [gpu]) }
        var parts: [StageModel.Part] = [], site: [Int] = []
        if share > 0 {
            parts.append(part(gpu, share, home == .host ? .host : .disk))
            site.append(gpu)
        }
        if share < 1, let cpu {
            parts.append(part(cpu, 1 - share, home == .host ? .resident : .disk))
            site.append(cpu)
        }
        return StageModel.Variant(fromTokens: 1, parts: parts, site: site.sorted())
    }
}
