import Models
import Plans

/// The best offloading of a stage to one GPU and the processor beside it, under the cost model: which modules stay resident, which lie on
/// disk, and the GPU's share of every other one by token count.
///
/// With one kind of layer the result is exact: numbers of resident attention and feed-forward modules are enumerated, and for each the
/// shares that can be realised (whole KV heads, whole grains of columns) are searched: all of attention's, and for each of those
/// feed-forward's by bisection, since the step is convex in it between its ends. A lower bound by resource prunes most. With several kinds
/// (`OffloadSearch+Kinds.swift`) it is a local search with a proven gap.
struct OffloadSearch {
    let problem: Problem
    let gpu: Int
    let cpu: Int?
    let layers: OffloadLayers
    /// Bytes of staging buffers.
    let window: Int
    /// Sequences there is room for, and those that decode in one step (fewer where a pipeline's micro-batches follow one another).
    let sequences: Int
    let together: Int
    /// Bytes of one module of each kind.
    let bytes: [Double]
    /// What the GPU may be given of each kind, and all grains.
    let units: [[OffloadUnits]]
    let grains: [Int]

    typealias Lanes = OffloadCosts.Lanes

    /// A step that counts, and how much.
    struct Target {
        var load: StepLoad
        var weight: Double
    }

    /// Resident modules and modules on disk by kind.
    struct State: Equatable {
        var resident: [Int]
        var disk: [Int]
    }

    struct Found {
        var state: State
        var value: Double
        /// By bucket and kind: index into the units.
        var choice: [[Int]]
        var gap = 0.0
        /// Whether the GPU is given anything that is not resident.
        var streams = true
    }

    /// Most states whose shares are searched for; where the bound leaves more, the result says how far it can be from the best.
    static let mostStates = 300
    /// Most different shares of a kind that are looked at.
    static let mostShares = 512

    /// - Parameters:
    ///   - window: bytes of staging buffers.
    ///   - spread: whether resident layers lie among the others and not behind them.
    init?(
        _ problem: Problem, gpu: Int, cpu: Int?, range: Range<Int>, sequences: Int, together: Int? = nil,
        window: Int = OffloadSetting.window,
        spread: Bool = false
    ) {
        guard !range.isEmpty, let layers = OffloadLayers(problem, range: range, gpu: gpu, cpu: cpu, spread: spread) else { return nil }
        self.window = window
        self.problem = problem
        self.gpu = gpu
        self.cpu = cpu
        self.layers = layers
        self.sequences = max(1, sequences)
        self.together = max(1, together ?? sequences)
        let element = problem.shape.bytesPerElement, formats = problem.shape.matrixFormats
        bytes = layers.shapes.flatMap { shape in
            [
                Double(shape.attention.elements + shape.feedForward.sharedModuleElements) * element,
                Double(shape.feedForward.dividedElements) * element,
            ]
        }
        let divided = layers.shapes.flatMap { shape in
            [
                (units: shape.attention.keyValueHeadCount, grain: shape.attention.grain(formats: formats)),
                (units: shape.feedForward.units, grain: shape.feedForward.grain(formats: formats)),
            ]
        }
        grains = divided.map { max(1, $0.units / $0.grain) }
        units = zip(divided, grains).map { kind, count in
            let step = (count + Self.mostShares - 1) / Self.mostShares
            return (Array(stride(from: 0, to: count, by: step)) + [count]).map { grains in
                // The last grain may be longer: what is left over goes with it.
                let share = grains == count ? 1 : Double(grains * kind.grain) / Double(max(1, kind.units))
                return OffloadUnits(grains: grains, share: share)
            }
        }
    }

    // MARK: What counts

    private var decode: StepLoad {
        .decode(sequences: Double(together), context: problem.workload.meanPrompt + problem.workload.meanOutput / 2)
    }

    /// A step in the middle of the prompt, and how many there are.
    var prompt: (load: StepLoad, count: Double) {
        let tokens = problem.workload.meanPrompt
        let count = max(1, (tokens / ReplicaModel.longestStep).rounded(.up))
        return (.prefill(sequences: Double(together), tokens: tokens / count, after: tokens * (1 - 1 / count) / 2), count)
    }

    /// Steps by bucket: decoding, and prompts where they have more tokens than that.
    var targets: [[Target]] {
        let (prompt, count) = prompt
        let first: Double, each: Double
        switch problem.objective {
        case .latency: (first, each) = (1e-6, 1)
        case .timeToFirstToken: (first, each) = (1, 1e-6)
        default: (first, each) = (1, max(0, problem.workload.meanOutput - 1))
        }
        let both = [Target(load: decode, weight: each), Target(load: prompt, weight: first * count)]
        return prompt.tokens > decode.tokens ? both.map { [$0] } : [both]
    }

    // MARK: Search

    /// The best settings over all ways to place cache and output matrix, best first.
    func best(_ limit: Int) -> [(setting: OffloadSetting, value: Double)] {
        var found: [(setting: OffloadSetting, found: Found)] = []
        let hasOutput = layers.range.upperBound == problem.shape.layerCount
        for keyValueOnHost in cpu == nil ? [false] : [false, true] {
            var setting = OffloadSetting(
                gpu: gpu, cpu: cpu, kinds: grains.map { OffloadSetting.Kind(grains: $0) }, keyValueOnHost: keyValueOnHost,
                outputOnGPU: true,
                sequences: sequences, together: together, window: window)
            // What a module costs depends on where the cache is alone.
            let costs = targets.map { $0.compactMap { OffloadCosts(problem, setting, layers, units: units, load: $0.load) } }
            guard zip(costs, targets).allSatisfy({ $0.count == $1.count }) else { continue }
            for outputOnGPU in cpu == nil || !hasOutput ? [true] : [true, false] {
                setting.outputOnGPU = outputOnGPU
                for streams in [true, false] {
                    guard let room = room(setting, streams: streams) else { continue }
                    let loads: Loads = zip(targets, costs).map { targets, costs in
                        zip(targets, costs).map { ($1.with(problem, setting, layers, streams: streams), $0.weight) }
                    }
                    let mustBeResident = !streams && cpu == nil
                    guard var one = bytes.count == 2 ? exact(loads, room, mustBeResident) : local(loads, room, mustBeResident) else {
                        continue
                    }
                    one.streams = streams
                    found.append((setting, one))
                }
            }
        }
        return found.sorted { $0.found.value < $1.found.value }.prefix(limit).map { (complete($0.setting, $0.found), $0.found.value) }
    }

    /// Bytes left for modules: on the GPU, on the host, and on the host where a disk is streamed from.
    struct Room {
        var gpu: Double
        var host: Double
        var hostBesideDisk: Double
        var hasDisk: Bool
    }

    func room(_ setting: OffloadSetting, streams: Bool) -> Room? {
        let hardware = problem.hardware, shape = problem.shape, machine = hardware.devices[gpu].machine
        let hasOutput = layers.range.upperBound == shape.layerCount, hasEmbedding = layers.range.lowerBound == 0
        let block = BlockGeometry(microBatchSize: sequences, microBatchCount: 1)
        let working = MemoryModel.working(
            shape, tokens: MemoryModel.stepTokens(block, promptTokens: problem.workload.meanPrompt), sequences: Double(sequences),
            logits: hasOutput)
        let window = Double(window)
        // Sums are rounded up, and added in another order than here.
        var own = Double(hardware.memories[hardware.devices[gpu].memory].capacity) - working - (streams ? window : 0) - 4096
        var host = Double(hardware.memories[hardware.hosts[machine]].capacity) - (cpu == nil ? 0 : working) - 4096
        var cachePerPosition = 0.0
        for layer in layers.layers {
            let kind = layers.shapes[layer.type], norms = Double(kind.normElements) * shape.bytesPerElement
            cachePerPosition += kind.attention.keyValuePositionBytes(problem.keyValueFormat)
            // Whoever may compute a module has its norms.
            if layer.place != .cpu { own -= norms }
            if layer.place != .gpu, cpu != nil { host -= norms }
            switch layer.place {
            case .free: break
            case .gpu: own -= bytes[2 * layer.type] + bytes[2 * layer.type + 1]
            case .cpu: host -= bytes[2 * layer.type] + bytes[2 * layer.type + 1]
            }
        }
        let cache = cachePerPosition * Double(problem.blockTokensPerSequence) * Double(sequences)
        if setting.keyValueOnHost {
            host -= cache
            // Prompts attend on the GPU, to which a layer's keys and values are brought.
            let largest = layers.shapes.map { $0.attention.keyValuePositionBytes(problem.keyValueFormat) }.max() ?? 0
            own -= MemoryModel.stagedLayers * largest * Double(problem.blockTokensPerSequence) * Double(sequences)
        } else {
            own -= cache
        }
        if hasEmbedding { host -= shape.bytes(of: .embedding, units: shape.vocabularySize, format: nil) }
        if hasOutput {
            let output = shape.bytes(of: .output, units: shape.vocabularySize, format: nil)
            if setting.outputOnGPU { own -= output } else if !(shape.tied && hasEmbedding) { host -= output }
        }
        guard own >= 0, host >= 0 else { return nil }
        // A stream of the processor, and buffers on the way to the GPU.
        let fromDisk = (cpu == nil ? 0 : window) + window * Double(Realiser.bounceSlabs) / Double(Realiser.slots)
        return Room(gpu: own, host: host, hostBesideDisk: host - fromDisk, hasDisk: hardware.disks[machine] != nil)
    }

    // MARK: One kind of layer: exact

    private func exact(_ loads: Loads, _ room: Room, _ mustBeResident: Bool) -> Found? {
        let count = layers.counts[0]
        var best: Found?
        var left = Self.mostStates
        let bounds = loads.map { $0.map { Bound($0.costs) } }
        func least(_ numbers: Bound.Numbers) -> Double {
            var sum = 0.0
            for (bucket, bounds) in zip(loads, bounds) {
                for (entry, bound) in zip(bucket, bounds) { sum += entry.weight * bound.least(numbers) }
            }
            return sum
        }
        func consider(_ attention: Int, _ feedForward: Int) {
            for (a, f) in disks(attention, feedForward, count, room) {
                let state = State(resident: [attention, feedForward], disk: [a, f])
                if let best, least(Bound.numbers(state, count)) >= best.value { continue }
                left -= 1
                let (value, choice) = shares(loads, state, below: best?.value ?? .infinity)
                if value < best?.value ?? .infinity { best = Found(state: state, value: value, choice: choice) }
            }
        }
        if mustBeResident {
            guard Double(count) * (bytes[0] + bytes[1]) <= room.gpu else { return nil }
            consider(count, count)
            return best
        }
        func most(_ attention: Int) -> Int? {
            let left = room.gpu - Double(attention) * bytes[0]
            return left < 0 ? nil : bytes[1] > 0 ? Int(min(Double(count), (left / bytes[1]).rounded(.down))) : count
        }
        // Where a resident module is in no resource slower than a shared one, hops included, no fewer of them can be better.
        let onlyFull = loads.allSatisfy { $0.allSatisfy { $0.costs.favoursResidency(1) } }
        var pairs: [(bound: Double, attention: Int, feedForward: Int)] = []
        // More resident ones first: of equal settings the one that streams least.
        for attention in (0...count).reversed() {
            guard let full = most(attention) else { continue }
            for feedForward in ((onlyFull ? full : 0)...full).reversed() {
                // A bound that is linear between the ends of what may lie on disk is least at one of them.
                let ends = disks(attention, feedForward, count, room, endsOnly: true)
                guard !ends.isEmpty else { continue }
                let numbers = ends.map { Bound.numbers(State(resident: [attention, feedForward], disk: [$0.0, $0.1]), count) }
                var sum = 0.0
                for (bucket, bounds) in zip(loads, bounds) {
                    for (entry, bound) in zip(bucket, bounds) { sum += entry.weight * bound.least(numbers) }
                }
                pairs.append((sum, attention, feedForward))
            }
        }
        // The most promising first; they leave few others.
        for _ in 0..<4 {
            guard let index = pairs.indices.min(by: { pairs[$0].bound < pairs[$1].bound }) else { break }
            consider(pairs[index].attention, pairs[index].feedForward)
            pairs[index].bound = .infinity
        }
        let value = best?.value ?? .infinity
        for pair in pairs.filter({ $0.bound < value }).sorted(by: { $0.bound < $1.bound }) {
            if pair.bound >= (best?.value ?? .infinity) * (1 - 1e-9) { break }
            guard left > 0 else {
                // Bounds ascend: nothing that is left is better than this one's.
                if let value = best?.value, pair.bound > 0 { best?.gap = value / pair.bound - 1 }
                break
            }
            consider(pair.attention, pair.feedForward)
        }
        return best
    }

    /// Ways to put what the host cannot hold on disk: for each number of attention modules there, the fewest feed-forward modules.
    func disks(_ attention: Int, _ feedForward: Int, _ count: Int, _ room: Room, endsOnly: Bool = false) -> [(Int, Int)] {
        let needed = Double(count - attention) * bytes[0] + Double(count - feedForward) * bytes[1]
        if needed <= room.host { return [(0, 0)] }
        guard room.hasDisk, room.hostBesideDisk >= 0 else { return [] }
        var result: [(Int, Int)] = []
        // Fewer attention modules on disk than this leave too much even with all of feed-forward there; with more than that no feed-forward
        // is needed.
        let rest = needed - room.hostBesideDisk
        let least = max(0, ((rest - Double(count - feedForward) * bytes[1]) / max(1, bytes[0])).rounded(.up))
        let most = min(Double(count - attention), max(least, (rest / max(1, bytes[0])).rounded(.up)))
        guard least <= most else { return [] }
        let range = Int(least)...Int(most)
        for a in endsOnly ? [range.lowerBound, range.upperBound] : Array(range) {
            let over = needed - Double(a) * bytes[0] - room.hostBesideDisk
            let f = over <= 0 || bytes[1] <= 0 ? 0 : min(1e9, (over / bytes[1]).rounded(.up))
            if Int(f) <= count - feedForward, over - f * bytes[1] <= 0 { result.append((a, Int(f))) }
        }
        return result
    }

    /// A lower bound on a step from numbers of modules alone: for every resource, and for mixtures of the chain and the link, the least
    /// that modules can add.
    private struct Bound {
        /// One, then attention resident, shared from host and from disk, and feed-forward so.
        typealias Numbers = SIMD8<Double>

        private var terms: [Numbers] = []
        private let overhead: Double

        static func numbers(_ state: State, _ count: Int) -> Numbers {
            func each(_ kind: Int) -> (Double, Double, Double) {
                (Double(state.resident[kind]), Double(count - state.resident[kind] - state.disk[kind]), Double(state.disk[kind]))
            }
            let a = each(0), f = each(1)
            return Numbers(1, a.0, a.1, a.2, f.0, f.1, f.2, 0)
        }

        init(_ costs: OffloadCosts) {
            overhead = costs.overhead
            func add(_ value: (Lanes) -> Double) {
                func least(_ lanes: [Lanes]) -> Double { lanes.map(value).min() ?? 0 }
                let (a, f) = (costs.kinds[0], costs.kinds[1])
                terms.append(
                    Numbers(
                        value(costs.fixed), value(a.resident), least(a.host), least(a.disk), value(f.resident), least(f.host),
                        least(f.disk), 0))
            }
            for lane in 0..<6 { add { $0[lane] } }
            for share in stride(from: 0.125, to: 1, by: 0.125) { add { share * $0[0] + (1 - share) * $0[1] } }
        }

        func least(_ numbers: Numbers) -> Double {
            var most = 0.0
            for term in terms { most = max(most, (term * numbers).sum()) }
            return (most + overhead) * (1 - 1e-12)
        }

        /// Over everything between these.
        func least(_ ends: [Numbers]) -> Double {
            if ends.count == 1 { return least(ends[0]) }
            var most = 0.0
            for term in terms {
                var lowest = Double.infinity
                for numbers in ends { lowest = min(lowest, (term * numbers).sum()) }
                most = max(most, lowest)
            }
            return (most + overhead) * (1 - 1e-12)
        }
    }
}

extension OffloadCosts {
    /// Whether a module of the kind is sooner resident than shared in any way, whatever its neighbours.
    func favoursResidency(_ kind: Int) -> Bool {
        let kind = kinds[kind], farthest = 2 * (hops.max() ?? 0)
        func isWorse(_ index: Int, _ lanes: Lanes) -> Bool {
            // Shared modules that the GPU multiplies alone stand where resident ones do: no hop more or less.
            let isAlone = index == kind.host.count - 1 && kind.units[kind.units.count - 1].grains > 0
            guard lanes[0] * (1 + 1e-12) >= kind.resident[0] + (isAlone ? 0 : farthest) else { return false }
            for lane in 1..<6 where lanes[lane] < kind.resident[lane] { return false }
            return true
        }
        return kind.host.indices.allSatisfy { isWorse($0, kind.host[$0]) } && kind.disk.indices.allSatisfy { isWorse($0, kind.disk[$0]) }
    }
}
