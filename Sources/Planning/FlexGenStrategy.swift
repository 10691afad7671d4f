import Models
import Plans

/// Weights, KV cache and hidden states spread over GPU, host and disk; micro-batches share one pass over the streamed weights (FlexGen).
///
/// Geometries are enumerated; for each a linear program over nine shares under peak memory, with the terms of *this* cost model (the published ones are kept in `FlexGenModel`). The best few are
/// realised as shards of every module and sequences of the cache, and evaluated as they are realised. Several machines form a pipeline of equal layer counts, as published.
struct FlexGenStrategy {
    let problem: Problem
    let deadline: Deadline

    struct Choice {
        var batch: Int
        var batches: Int
        /// wg wc wd, cg cc cd, hg hc hd.
        var shares: [Double]
        var seconds: Double
    }

    func search() -> [Evaluation] {
        var machines: [Int] = []
        for gpu in problem.hardware.gpus where !machines.contains(problem.hardware.devices[gpu].machine) {
            machines.append(problem.hardware.devices[gpu].machine)
        }
        var found: [Evaluation] = []
        let gpus = problem.hardware.gpus
        // One GPU: each kind once.
        var tried: [DeviceProfile] = []
        for gpu in gpus where !tried.contains(problem.hardware.devices[gpu].profile) {
            tried.append(problem.hardware.devices[gpu].profile)
            found += pipeline([gpu])
        }
        // All GPUs, one stage each.
        if gpus.count > 1, gpus.count <= problem.shape.layerCount, gpus.count <= 32 { found += pipeline(gpus) }
        return found
    }

    private func pipeline(_ gpus: [Int]) -> [Evaluation] {
        guard !deadline.passed else { return [] }
        let counts = Realiser.apportion(gpus.map { _ in 1 }, units: problem.shape.layerCount, grain: 1)
        // The tightest stage decides the policy of all: equal shares on every stage.
        let tight =
            gpus.indices.min { a, b in
                memory(gpus[a]) < memory(gpus[b])
            } ?? 0
        let sharing = gpus.count { problem.hardware.devices[$0].machine == problem.hardware.devices[gpus[tight]].machine }
        let choices = choose(gpu: gpus[tight], layers: counts.max() ?? 1, stages: gpus.count, sharing: sharing)
        var found: [Evaluation] = []
        for choice in choices.prefix(6) {
            var next = 0
            var stages: [StageDraft] = []
            for (gpu, count) in zip(gpus, counts) {
                stages.append(stage(choice, gpu: gpu, layers: next..<next + count))
                next += count
            }
            let block = BlockGeometry(microBatchSize: choice.batch, microBatchCount: choice.batches)
            let plan = problem.realiser.plan([ReplicaDraft(stages: stages, block: block, sequences: choice.batch * choice.batches)])
            if let evaluation = try? problem.evaluate(plan, strategy: Strategy.flexgen.rawValue, note: note(choice, plan)) {
                found.append(evaluation)
            }
        }
        return found
    }

    private func memory(_ gpu: Int) -> Int { problem.hardware.memories[problem.hardware.devices[gpu].memory].capacity }

    /// Nominal shares and what whole heads and columns make of them.
    private func note(_ choice: Choice, _ plan: Plan) -> String {
        func percent(_ range: Range<Int>) -> String { choice.shares[range].map { Text.fixed($0 * 100, 0) }.joined(separator: "/") }
        var bytes: [PlannedMemory.Kind: Double] = [:]
        for use in problem.memoryModel.uses(of: plan) { bytes[problem.hardware.memories[use.key].kind, default: 0] += use.value.weights }
        let all = max(1, bytes.values.reduce(0, +))
        let realised = [PlannedMemory.Kind.gpu, .host, .disk].map { Text.fixed((bytes[$0] ?? 0) / all * 100, 0) }.joined(separator: "/")
        return
            "block \(choice.batch) x \(choice.batches), weights \(percent(0..<3)) % (realised \(realised)), KV \(percent(3..<6)) %, hidden states \(percent(6..<9)) % on GPU/host/disk"
    }

    // MARK: The linear program

    /// The best shares for every geometry, best first.
    private func choose(gpu: Int, layers: Int, stages: Int, sharing: Int) -> [Choice] {
        var most = problem.workload.batch ?? 64
        if problem.objective == .latency || problem.objective == .timeToFirstToken { most = problem.togetherSequences }
        var geometries = FlexGenModel.geometries(mostSequences: most, mostBatches: 64).filter { stages == 1 || $0.1 >= min(stages, most) }
        if problem.objective == .latency || problem.objective == .timeToFirstToken { geometries = [(most, 1)] }
        var found: [Choice] = []
        for (batch, batches) in geometries {
            if deadline.passed { break }
            // Hidden states live in one place: on the GPU, or on the host where there are several micro-batches.
            for place in batches > 1 ? [6, 7] : [6] {
                if let choice = shares(gpu: gpu, layers: layers, batch: batch, batches: batches, sharing: sharing, hiddenPlace: place) {
                    found.append(choice)
                }
            }
        }
        return found.sorted { $0.seconds / Double($0.batch * $0.batches) < $1.seconds / Double($1.batch * $1.batches) }
    }

    private func shares(gpu: Int, layers: Int, batch: Int, batches: Int, sharing: Int, hiddenPlace: Int) -> Choice? {
        let hardware = problem.hardware, shape = problem.shape
        let machine = hardware.devices[gpu].machine
        let device = hardware.devices[gpu].profile
        let host = hardware.memories[hardware.hosts[machine]]
        let disk = hardware.disks[machine].map { hardware.memories[$0] }
        let cpu = hardware.cpus[machine].flatMap { hardware.devices[$0].excluded ? nil : hardware.devices[$0].profile }
        guard let link = device.link else { return nil }
        let tables = NodeTables(problem: problem)
        let block = Double(batch * batches), size = Double(batch)
        let prompt = problem.workload.meanPrompt, output = problem.workload.meanOutput
        let weights = tables.layerBytes, hidden = Double(shape.hiddenSize) * 2
        let cached = tables.keyValueBytes / Double(problem.workload.contextTokens)
        let context = prompt + output / 2
        let attention = shape.runs[0].layer.attention

        // Shares of a layer: wg wc wd cg cc cd hg hc hd, and the constant.
        func phase(tokens: Double, read: Double, pairs: Double) -> [[Double]] {
            // Prompts are attended to on the GPU, and their keys and values stored from there.
            let cpu = tokens > 1 ? nil : cpu
            let load = StepLoad(tokens: tokens * size, sequences: size, cached: 0, pairs: 0, logits: 0)
            let products = tables.layerSeconds(problem.residentStage([gpu], layers: 0..<1), load) * Double(batches)
            var compute = Array(repeating: 0.0, count: 10), receive = compute, send = compute, processor = compute, memory = compute,
                diskRead = compute, diskWrite = compute
            compute[9] = products
            compute[3] = block * max(read * cached / device.readBytesPerSecond, pairs * attention.operationsPerPosition / device.attentionOperations)
            let perToken = Double(attention.headCount * (attention.keySize + attention.valueSize) + attention.keyValueElements) * 2
            for place in [1, 2] {
                receive[place] = weights / link.toDevice
                memory[place] = weights / host.readBytesPerSecond * (place == 2 ? 2 : 1)
                receive[6 + place] = tokens * block * hidden / link.toDevice
                send[6 + place] = tokens * block * hidden / link.fromDevice
                memory[6 + place] = 2 * tokens * block * hidden / host.readBytesPerSecond
                if let cpu {
                    processor[3 + place] =
                        block * max(read * cached / cpu.readBytesPerSecond, pairs * attention.operationsPerPosition / cpu.attentionOperations)
                    memory[3 + place] = block * read * cached / host.readBytesPerSecond
                    send[3 + place] = tokens * block * perToken / 2 / link.fromDevice
                    receive[3 + place] = tokens * block * perToken / 2 / link.toDevice
                } else {
                    let fetched = read - tokens
                    compute[3 + place] = compute[3]
                    receive[3 + place] = block * fetched * cached / link.toDevice
                    send[3 + place] = block * tokens * cached / link.fromDevice
                    memory[3 + place] = block * read * cached / host.readBytesPerSecond
                }
            }
            if let disk {
                diskRead[2] = weights / disk.readBytesPerSecond
                diskRead[5] = block * (read - tokens) * cached / disk.readBytesPerSecond
                diskRead[8] = tokens * block * hidden / disk.readBytesPerSecond
                diskWrite[5] = block * tokens * cached / disk.writeBytesPerSecond
                diskWrite[8] = tokens * block * hidden / disk.writeBytesPerSecond
            }
            // GPUs of one machine share its memory, processor and disk.
            let shared = Double(sharing)
            for index in 0..<9 {
                processor[index] *= shared
                memory[index] *= shared
                diskRead[index] *= shared
                diskWrite[index] *= shared
            }
            // Few micro-batches overlap computing and attending less: the rest of the smaller one is added.
            let overlap = zip(compute, processor).map { $0 + $1 / Double(batches) }
            let other = zip(compute, processor).map { $0 / Double(batches) + $1 }
            return [overlap, other, receive, send, memory, diskRead, diskWrite].filter { $0.contains { $0 != 0 } }
        }
        var program = LinearProgram(cost: Array(repeating: 0, count: 9) + [1, max(0, output - 1)])
        for group in 0..<3 {
            program.rows.append(.init(coefficients: (0..<11).map { $0 / 3 == group && $0 < 9 ? 1 : 0 }, bound: 1, isEquality: true))
        }
        program.rows.append(.init(coefficients: (0..<11).map { $0 == hiddenPlace ? 1 : 0 }, bound: 1, isEquality: true))
        let depth = Double(layers)
        let tokens = MemoryModel.stepTokens(BlockGeometry(microBatchSize: batch, microBatchCount: batches), promptTokens: prompt)
        let working = MemoryModel.working(shape, tokens: tokens, sequences: size, logits: true)
        let staging = Double(window)
        let capacities = [
            Double(hardware.memories[hardware.devices[gpu].memory].capacity) - working - staging - tables.outputBytes,
            (Double(host.capacity) - (cpu == nil ? 0 : working) - tables.embeddingBytes) / Double(sharing),
            Double(disk?.capacity ?? 0) / Double(sharing),
        ]
        for place in 0..<3 {
            var row = Array(repeating: 0.0, count: 11)
            row[place] = weights * depth * 1.01
            row[3 + place] = block * cached * Double(problem.workload.contextTokens) * depth
            row[6 + place] = batches > 1 ? block * prompt * hidden : 0
            guard capacities[place] >= 0 else { return nil }
            program.rows.append(.init(coefficients: row, bound: capacities[place]))
        }
        for (column, rows) in [
            (9, phase(tokens: prompt, read: prompt, pairs: prompt * (prompt + 1) / 2)), (10, phase(tokens: 1, read: context, pairs: context)),
        ] {
            for row in rows {
                var coefficients = Array(row[..<9]) + [0, 0]
                coefficients[column] = -1
                program.rows.append(.init(coefficients: coefficients, bound: -row[9]))
            }
        }
        guard let solution = ProgramSolver.solve(program) else { return nil }
        return Choice(batch: batch, batches: batches, shares: solution.values[..<9].map { min(1, $0) }, seconds: solution.objective)
    }

    private var window: Int { Int(max(33_554_432, min(536_870_912, NodeTables(problem: problem).layerBytes))) }

    // MARK: Realising

    private func stage(_ choice: Choice, gpu: Int, layers: Range<Int>) -> StageDraft {
        let hardware = problem.hardware
        let machine = hardware.devices[gpu].machine
        let own = hardware.devices[gpu].memory, host = hardware.hosts[machine]
        let disk = hardware.disks[machine] ?? host
        let homes = [own, host, disk]
        // The GPU multiplies every part; attention runs on the processor where there is one.
        let attending = hardware.cpus[machine].flatMap { hardware.devices[$0].excluded ? nil : $0 } ?? gpu
        // Rounded down on the GPU, so that what was planned to fit does.
        let parts = (0..<3).filter { choice.shares[$0] > 1e-6 }.map { PartDraft(choice.shares[$0], home: homes[$0], device: gpu) }
        let cache = (0..<3).filter { choice.shares[3 + $0] > 1e-6 }.map {
            KeyValueDraft(
                share: choice.shares[3 + $0], bySequence: true, memory: homes[$0], device: $0 == 0 ? gpu : attending,
                bulk: $0 == 0 ? nil : (choice.batch + 1, gpu))
        }
        let hidden = choice.shares[6] >= 0.5 ? own : host
        return StageDraft(
            machine: machine, layers: layers, plans: plans(parts, layers.count), output: [PartDraft(1, home: own, device: gpu)], embeddingHome: host,
            keyValue: cache,
            hidden: hidden, window: window)
    }

    /// Attention has few heads to divide: layers take turns so that over all of them the shares are met (a share of 20 % of 8 heads is two heads in some layers and one in others).
    private func plans(_ parts: [PartDraft], _ layers: Int) -> [LayerDraft] {
        guard parts.count > 1, layers > 1 else { return [LayerDraft(attention: parts, feedForward: parts)] }
        let heads = problem.shape.runs[0].layer.attention.keyValueHeadCount
        var given = Array(repeating: 0, count: parts.count)
        var result: [LayerDraft] = []
        for layer in 1...layers {
            // Whole heads due by now, cumulatively; what is left over goes to the last part, never to the first (the GPU).
            var attention = parts
            var left = heads
            for index in parts.indices.dropLast() {
                let due = min(left, max(0, Int(parts[index].share * Double(heads * layer) + 1e-9) - given[index]))
                given[index] += due
                left -= due
                attention[index].share = Double(due) / Double(heads)
            }
            attention[parts.count - 1].share = Double(left) / Double(heads)
            result.append(LayerDraft(attention: attention.filter { $0.share > 0 }, feedForward: parts))
        }
        return result
    }
}
