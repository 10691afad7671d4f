import Models
import Plans

/// Weights, KV cache and hidden states spread over GPU, host and disk; micro-batches share one pass over the streamed weights (FlexGen).
///
/// Geometries are enumerated; for each a linear program over nine shares under peak memory, with the terms of *this* cost model (the
/// published ones are kept in `FlexGenModel`). The best few are realised as shards of every module and sequences of the cache, and
/// evaluated as they are realised. Several machines form a pipeline of equal layer counts, as published.
struct FlexGenStrategy {
    let problem: Problem
    let deadline: Deadline

    struct Choice {
        var batch: Int
        var batches: Int
        var solution: LinearProgram.Solution
        var program: LinearProgram

        /// wg wc wd, cg cc cd, hg hc hd.
        var shares: [Double] { solution.values[..<9].map { min(1, $0) } }
        /// Per layer for the whole output of a block.
        var seconds: Double { solution.objective }
        var secondsPerSequence: Double { seconds / Double(batch * batches) }

        var policy: FlexGenModel.Policy {
            FlexGenModel.Policy(
                batch: batch, batches: batches, weights: Array(shares[0..<3]), cache: Array(shares[3..<6]), hidden: Array(shares[6..<9]))
        }

        /// Solves again with less room in each place (bytes); false where nothing fits any more.
        mutating func tighten(by excess: [Double]) -> Bool {
            for (place, bytes) in excess.enumerated() where bytes > 0 {
                program.rows[FlexGenProgram.memoryRows.lowerBound + place].bound -= bytes
            }
            guard let found = ProgramSolver.solve(program) else { return false }
            solution = found
            return true
        }
    }

    /// Geometries realised as shards and evaluated.
    static let realised = 6

    func search() -> [Evaluation] {
        var found: [Evaluation] = []
        let gpus = problem.hardware.gpus
        // One GPU: each kind once.
        var tried: [DeviceProfile] = []
        for gpu in gpus where !tried.contains(where: problem.hardware.devices[gpu].profile.isLike) {
            tried.append(problem.hardware.devices[gpu].profile)
            found += pipeline([gpu])
        }
        // All GPUs, one stage each.
        if gpus.count > 1, gpus.count <= problem.shape.layerCount, gpus.count <= 32 { found += pipeline(gpus) }
        // Without a GPU the processor offloads to its disk.
        if gpus.isEmpty { found += StreamedLayers(problem: problem, deadline: deadline).search(.flexgen) }
        return found
    }

    private func pipeline(_ gpus: [Int]) -> [Evaluation] {
        guard !deadline.passed else { return [] }
        // The tightest stage decides the policy of all: equal shares on every stage.
        let tight = gpus.indices.min { memory(gpus[$0]) < memory(gpus[$1]) } ?? 0
        let sharing = gpus.count { problem.hardware.devices[$0].machine == problem.hardware.devices[gpus[tight]].machine }
        let layers = (problem.shape.layerCount + gpus.count - 1) / gpus.count
        let choices = choose(gpu: gpus[tight], layers: layers, stages: gpus.count, sharing: sharing)
        var found: [Evaluation] = []
        for var choice in choices.prefix(Self.realised) {
            choice.solution = ProgramSolver.confirmed(choice.solution, choice.program) ?? choice.solution
            // Whole heads and columns may take a little more than shares: the program again with so much less room.
            var last: Evaluation?
            // A little more than is too much; where that moves not a single unit, as of whole experts, ever more.
            var before = [0.0, 0.0, 0.0], factors = [1.02, 1.02, 1.02]
            for _ in 0..<8 {
                guard let evaluation = evaluate(choice.policy, gpus: gpus) else { break }
                last = evaluation
                guard !evaluation.fits else { break }
                let excess = excess(evaluation, sharing: sharing)
                for place in factors.indices where excess[place] > 0 && excess[place] == before[place] { factors[place] *= 4 }
                before = excess
                guard choice.tighten(by: zip(excess, factors).map { $0 * $1 }) else { break }
            }
            if let last { found.append(last) }
        }
        return found
    }

    /// A policy as shards on a pipeline of equal layer counts over these GPUs; nil where it cannot be evaluated.
    func evaluate(_ policy: FlexGenModel.Policy, gpus: [Int]) -> Evaluation? {
        let counts = Realiser.apportion(gpus.map { _ in 1 }, units: problem.shape.layerCount, grain: 1)
        var next = 0
        var stages: [StageDraft] = []
        for (gpu, count) in zip(gpus, counts) where count > 0 {
            stages.append(stage(policy, gpu: gpu, layers: next..<next + count))
            next += count
        }
        let block = BlockGeometry(microBatchSize: policy.batch, microBatchCount: policy.batches)
        let plan = problem.realiser.plan([ReplicaDraft(stages: stages, block: block, sequences: policy.batch * policy.batches)])
        return try? problem.evaluate(plan, strategy: Strategy.flexgen.rawValue, note: note(policy, plan))
    }

    /// Bytes above capacity on GPU, host and disk, at most over all machines; per GPU where several share a machine.
    private func excess(_ evaluation: Evaluation, sharing: Int) -> [Double] {
        var excess = [0.0, 0.0, 0.0]
        for use in evaluation.prediction.memory {
            let memory = problem.hardware.memories[use.memory.rawValue]
            let place = memory.kind == .gpu ? 0 : memory.kind == .host ? 1 : 2
            excess[place] = max(excess[place], Double(use.bytes - (use.capacity ?? Int.max)) / (place == 0 ? 1 : Double(sharing)))
        }
        return excess
    }

    private func memory(_ gpu: Int) -> Int { problem.hardware.memories[problem.hardware.devices[gpu].memory].capacity }

    /// Nominal shares and what whole heads and columns make of them.
    private func note(_ policy: FlexGenModel.Policy, _ plan: Plan) -> String {
        func percent(_ shares: [Double]) -> String { shares.map { Text.fixed($0 * 100, 0) }.joined(separator: "/") }
        var bytes: [PlannedMemory.Kind: (weights: Double, cache: Double)] = [:]
        for use in problem.memoryModel.uses(of: plan) {
            let kind = problem.hardware.memories[use.key].kind, before = bytes[kind] ?? (0, 0)
            bytes[kind] = (before.weights + use.value.weights, before.cache + use.value.keyValue)
        }
        func realised(_ key: (Double, Double) -> Double) -> String {
            let all = max(1, bytes.values.reduce(0) { $0 + key($1.weights, $1.cache) })
            return percent([PlannedMemory.Kind.gpu, .host, .disk].map { key(bytes[$0]?.weights ?? 0, bytes[$0]?.cache ?? 0) / all })
        }
        return
            "block \(policy.batch) x \(policy.batches), weights \(percent(policy.weights)) % (realised \(realised { a, _ in a })), "
            + "KV \(percent(policy.cache)) % (realised \(realised { _, b in b })), "
            + "hidden states \(percent(policy.hidden)) % on GPU/host/disk"
    }

    // MARK: Geometries

    /// The best shares for every geometry, best first. The simplex ranks them; what is realised is confirmed by `ProgramSolver`.
    private func choose(gpu: Int, layers: Int, stages: Int, sharing: Int) -> [Choice] {
        var most = problem.workload.batch ?? 64
        if problem.objective == .latency || problem.objective == .timeToFirstToken { most = problem.togetherSequences }
        var geometries = FlexGenModel.geometries(mostSequences: most, mostBatches: 64).filter { stages == 1 || $0.1 >= min(stages, most) }
        if problem.objective == .latency || problem.objective == .timeToFirstToken { geometries = [(most, 1)] }
        guard let programs = FlexGenProgram(problem: problem, gpu: gpu, layers: layers, sharing: sharing, stages: stages) else { return [] }
        var products: [Int: FlexGenProgram.Products] = [:]
        var known: [[Int]: Choice?] = [:]
        func rate(_ batch: Int, _ batches: Int) -> Double {
            guard batch > 0, batches > 0, batches <= 64, batch * batches <= most, stages == 1 || batches >= min(stages, most),
                !deadline.passed
            else { return 0 }
            if let found = known[[batch, batches]] { return found.map { 1 / $0.secondsPerSequence } ?? 0 }
            let costs = products[batch] ?? programs.products(batch: batch)
            products[batch] = costs
            var best: Choice?
            if var program = programs.program(batch: batch, batches: batches, products: costs) {
                // Hidden states live in one place: on the GPU, or on the host where there are several micro-batches.
                for place in batches > 1 ? [6, 7] : [6] {
                    program.rows[FlexGenProgram.hiddenRow].coefficients = (0..<11).map { $0 == place ? 1 : 0 }
                    guard let solution = ProgramSolver.solve(program) else { continue }
                    let choice = Choice(batch: batch, batches: batches, solution: solution, program: program)
                    if choice.seconds < best?.seconds ?? .infinity { best = choice }
                }
            }
            known[[batch, batches]] = .some(best)
            return best.map { 1 / $0.secondsPerSequence } ?? 0
        }
        let scanned = geometries.map { ($0.0, $0.1, rate($0.0, $0.1)) }
        if geometries.count > 1 {
            for start in scanned.sorted(by: { $0.2 > $1.2 }).prefix(2) where start.2 > 0 {
                _ = FlexGenModel.climb(from: (start.0, start.1), rate)
            }
        }
        return known.values.compactMap { $0 }.sorted {
            ($0.secondsPerSequence, $0.batch, $0.batches) < ($1.secondsPerSequence, $1.batch, $1.batches)
        }
    }

    // MARK: Realising

    private func stage(_ policy: FlexGenModel.Policy, gpu: Int, layers: Range<Int>) -> StageDraft {
        let hardware = problem.hardware
        let machine = hardware.devices[gpu].machine
        let own = hardware.devices[gpu].memory, host = hardware.hosts[machine]
        let disk = hardware.disks[machine] ?? host
        let homes = [own, host, disk]
        // The GPU multiplies every part; attention runs on the processor where there is one.
        let attending = hardware.cpus[machine].flatMap { hardware.devices[$0].excluded ? nil : $0 } ?? gpu
        // Rounded down on the GPU, so that what was planned to fit does.
        let parts = (0..<3).filter { policy.weights[$0] > 1e-6 }.map { PartDraft(policy.weights[$0], home: homes[$0], device: gpu) }
        let cache = (0..<3).filter { policy.cache[$0] > 1e-6 }.map {
            KeyValueDraft(
                share: policy.cache[$0], bySequence: true, memory: homes[$0], device: $0 == 0 ? gpu : attending,
                later: $0 == 0 ? nil : (policy.batch + 1, gpu))
        }
        let hidden = policy.hidden[0] >= 0.5 ? own : host
        return StageDraft(
            machine: machine, layers: layers, plans: plans(parts, layers), output: [PartDraft(1, home: own, device: gpu)],
            embeddingHome: host,
            keyValue: cache,
            hidden: hidden, window: FlexGenProgram.window(problem))
    }

    /// Attention has few heads to divide, and a layer may have few experts: layers take turns so that over all of them the shares are met
    /// (a share of 20 % of 8 heads is two heads in some layers and one in others).
    private func plans(_ parts: [PartDraft], _ layers: Range<Int>) -> [LayerDraft] {
        guard parts.count > 1, !layers.isEmpty else { return [LayerDraft(attention: parts, feedForward: parts)] }
        let formats = problem.shape.matrixFormats
        var attention = Turns(parts), shared = Turns(parts), feedForward: [Int: Turns] = [:]
        return layers.map { number in
            let layer = problem.shape.layer(number)
            // In grains: less than one left over goes with the last.
            let heads = attention.next(max(1, layer.attention.keyValueHeadCount / layer.attention.grain(formats: formats)))
            guard layer.feedForward.hasSharedModule else { return LayerDraft(attention: heads, feedForward: parts) }
            let units = layer.feedForward.units
            return LayerDraft(
                attention: heads, feedForward: feedForward[units, default: Turns(parts)].next(units), shared: shared.next(1).first)
        }
    }

    /// Whole units of one layer after another, so that over all of them the shares are met.
    private struct Turns {
        let parts: [PartDraft]
        private var given: [Int]
        private var units = 0

        init(_ parts: [PartDraft]) {
            self.parts = parts
            given = Array(repeating: 0, count: parts.count)
        }

        /// Units due by now, cumulatively; what is left over goes to the last part, never to the first (the GPU).
        mutating func next(_ count: Int) -> [PartDraft] {
            var result = parts
            var left = count
            units += count
            for index in parts.indices.dropLast() {
                let due = min(left, max(0, Int(parts[index].share * Double(units) + 1e-9) - given[index]))
                given[index] += due
                left -= due
                result[index].share = Double(due) / Double(max(1, count))
            }
            result[parts.count - 1].share = Double(left) / Double(max(1, count))
            return result.filter { $0.share > 0 }
        }
    }
}
