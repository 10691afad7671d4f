import Models
import Plans

/// A GPU and the CPU beside it share each module that does not fit: the GPU multiplies a share alpha whose weights are streamed ahead, the CPU the rest (HeteGen).
///
/// The published closed form is the start; the search then minimises the whole step under this cost model, where streaming also uses the time of resident layers, the CPU's
/// rate depends on the token count, and host memory is shared. Two kinds of modules (attention, feed-forward) make the choice of what stays resident a knapsack of two item types, which is
/// enumerated exactly.
struct HeteGenStrategy {
    let problem: Problem
    let deadline: Deadline

    /// How a stage is offloaded.
    struct Setting: Equatable {
        var gpu: Int
        var cpu: Int?
        /// The first so many attention and feed-forward modules stay on the GPU.
        var residentAttention: Int
        var residentFeedForward: Int
        var attentionAlpha: Double
        var feedForwardAlpha: Double
        /// From so many tokens on the GPU multiplies everything.
        var bulkFrom: Int?
        var keyValueOnHost = false
        var outputOnGPU = true
    }

    func search() -> [Evaluation] {
        var found: [Evaluation] = []
        for gpu in problem.hardware.gpus {
            // Equal GPUs of a machine give equal plans.
            let device = problem.hardware.devices[gpu]
            if problem.hardware.gpus.contains(where: {
                $0 < gpu && problem.hardware.devices[$0].machine == device.machine && problem.hardware.devices[$0].profile == device.profile
            }) {
                continue
            }
            if deadline.passed { break }
            found += best(gpu: gpu, layers: 0..<problem.shape.layerCount).compactMap { setting in evaluate(setting) }
        }
        if found.isEmpty, let cpu = problem.hardware.usable.first(where: { problem.hardware.devices[$0].isCPU }) {
            if let alone = problem.finish(
                [[problem.residentStage([cpu], layers: 0..<problem.shape.layerCount)]], strategy: .hetegen, note: "processor alone")
            {
                found.append(alone)
            }
        }
        return found
    }

    private func evaluate(_ setting: Setting) -> Evaluation? {
        let stage = Offload(problem: problem, sequences: problem.togetherSequences).stage(setting, layers: 0..<problem.shape.layerCount)
        return problem.finish([[stage]], strategy: .hetegen, note: Self.note(setting, problem))
    }

    static func note(_ setting: Setting, _ problem: Problem) -> String {
        let bulk = setting.bulkFrom.map { ", the GPU alone from \($0) tokens" } ?? ""
        return
            "\(problem.hardware.devices[setting.gpu].label): \(setting.residentAttention) attention and \(setting.residentFeedForward) feed-forward modules resident, "
            + "alpha \(Text.fixed(setting.attentionAlpha, 2)) and \(Text.fixed(setting.feedForwardAlpha, 2))\(bulk)\(setting.keyValueOnHost ? ", KV on the host" : "")"
    }

    /// The published share: a = v_com v_gpu / (v_com v_gpu + v_cpu v_gpu + v_cpu v_com), speeds in bytes of weights per second.
    static func closedForm(cpu: Double, link: Double, gpu: Double) -> Double {
        let denominator = link * gpu + cpu * gpu + cpu * link
        return denominator > 0 ? link * gpu / denominator : 0
    }

    /// As `closedForm` where a copy into pinned memory comes before every transfer: in sequence, or pipelined one module ahead (then the slower of copy and transfer counts). The copy costs the
    /// CPU its time, so where it is no faster than multiplying, nothing is sent.
    static func pinnedForm(cpu: Double, link: Double, gpu: Double, pin: Double, pipelined: Bool) -> Double {
        if pin <= cpu { return 0 }
        if !pipelined { return closedForm(cpu: cpu, link: 1 / (1 / link + 1 / pin), gpu: gpu) }
        // (1 - a) / v_cpu = max(a / v_pin, a (1 / v_com + 1 / v_gpu))
        let slower = max(1 / pin, 1 / link + 1 / gpu)
        return (1 / cpu) / (1 / cpu + slower)
    }

    /// The best settings for the objective: decode-optimal ones, with every way of computing long steps.
    func best(gpu: Int, layers: Range<Int>) -> [Setting] {
        let hardware = problem.hardware
        let cpu = hardware.cpus[hardware.devices[gpu].machine].flatMap { hardware.devices[$0].excluded ? nil : $0 }
        let sequences = problem.togetherSequences
        let offload = Offload(problem: problem, sequences: sequences)
        let decode = StepLoad.decode(sequences: Double(sequences), context: problem.workload.meanPrompt + problem.workload.meanOutput / 2)
        let prefill = StepLoad.prefill(
            sequences: Double(sequences), tokens: min(problem.workload.meanPrompt, ReplicaModel.longestStep / Double(sequences)))
        let decisive = problem.objective == .timeToFirstToken ? prefill : decode
        func seconds(_ setting: Setting, _ load: StepLoad) -> Double {
            let stage = offload.stage(setting, layers: layers)
            guard let model = try? StageModel(problem.realiser.stage(stage, sequences: sequences), hardware: hardware, shape: problem.shape) else {
                return .infinity
            }
            return model.time(load).seconds
        }
        let device = hardware.devices[gpu].profile
        let bytes = problem.shape.bytesPerElement
        let rate = { (profile: DeviceProfile) in
            bytes / profile.secondsPerElement(format: problem.shape.format, bytesPerElement: bytes, tokens: decisive.tokens)
        }
        let start = cpu.map { Self.closedForm(cpu: rate(hardware.devices[$0].profile), link: device.link?.toDevice ?? 1e9, gpu: rate(device)) } ?? 1
        var results: [Setting] = []
        for keyValueOnHost in cpu == nil ? [false] : [false, true] {
            var best: (Setting, Double)?
            for alpha in cpu == nil ? [1.0] : [start, start * 0.6, min(1, start * 1.5), 0, 1] {
                var seed = Setting(
                    gpu: gpu, cpu: cpu, residentAttention: 0, residentFeedForward: 0, attentionAlpha: alpha, feedForwardAlpha: alpha, bulkFrom: nil,
                    keyValueOnHost: keyValueOnHost)
                for output in [true, false] where output || cpu != nil {
                    seed.outputOnGPU = output
                    for (attention, feedForward) in offload.residents(seed, layers: layers.count) {
                        var setting = seed
                        (setting.residentAttention, setting.residentFeedForward) = (attention, feedForward)
                        let value = seconds(setting, decisive)
                        if best.map({ value < $0.1 }) ?? true { best = (setting, value) }
                    }
                }
            }
            guard var (setting, value) = best else { continue }
            if cpu != nil { refine(&setting, &value) { seconds($0, decisive) } }
            results.append(setting)
            // Long steps: the GPU streams everything from some size on, where that is sooner.
            if cpu != nil {
                for from in [Int(decode.tokens) + 1, 16, 64, 256] where Double(from) > decode.tokens {
                    var bulk = setting
                    bulk.bulkFrom = from
                    results.append(bulk)
                }
            }
        }
        return results
    }

    /// Coordinate descent on the two shares with shrinking steps.
    private func refine(_ setting: inout Setting, _ value: inout Double, _ seconds: (Setting) -> Double) {
        var step = 0.16
        while step > 0.004 {
            var improved = false
            for key in [\Setting.attentionAlpha, \Setting.feedForwardAlpha] {
                for sign in [1.0, -1] {
                    var other = setting
                    other[keyPath: key] = min(1, max(0, other[keyPath: key] + sign * step))
                    let time = seconds(other)
                    if time < value { (setting, value, improved) = (other, time, true) }
                }
            }
            if !improved { step /= 2 }
        }
    }
}

/// Stages on one GPU whose weights partly live in host memory or on disk.
struct Offload {
    let problem: Problem
    let sequences: Int

    /// Bytes of staging buffers: two chunks of the streamed part of a layer, between 32 MiB and 512 MiB.
    func window(_ setting: HeteGenStrategy.Setting) -> Int {
        let layer = problem.shape.runs[0].layer
        let streamed =
            (Double(layer.attention.elements) * setting.attentionAlpha + Double(layer.feedForward.elements) * setting.feedForwardAlpha)
            * problem.shape.bytesPerElement
        return Int(max(33_554_432, min(536_870_912, streamed)))
    }

    /// Numbers of resident attention and feed-forward modules that fill the GPU's free memory: for each number of the one as many of the other as fit.
    func residents(_ setting: HeteGenStrategy.Setting, layers: Int) -> [(Int, Int)] {
        let shape = problem.shape, tables = NodeTables(problem: problem)
        let memory = problem.hardware.memories[problem.hardware.devices[setting.gpu].memory]
        let block = BlockGeometry(microBatchSize: max(1, sequences), microBatchCount: 1)
        var free =
            Double(memory.capacity) - Double(window(setting))
            - MemoryModel.working(
                shape, tokens: MemoryModel.stepTokens(block, promptTokens: problem.workload.meanPrompt), sequences: Double(sequences), logits: true)
        if !setting.keyValueOnHost { free -= tables.keyValueBytes * Double(sequences) * Double(layers) }
        if setting.outputOnGPU { free -= tables.outputBytes }
        let total = Double(shape.layerCount)
        let attention =
            shape.runs.reduce(0.0) { $0 + Double($1.count * ($1.layer.attention.elements + $1.layer.normElements)) } / total * shape.bytesPerElement
        let feedForward = shape.runs.reduce(0.0) { $0 + Double($1.count * $1.layer.feedForward.elements) } / total * shape.bytesPerElement
        guard free > 0 else { return [(0, 0)] }
        let most = min(layers, Int(free / attention))
        var result: [(Int, Int)] = []
        let step = max(1, most / 12)
        for count in Array(stride(from: 0, through: most, by: step)) + [most] where !result.contains(where: { $0.0 == count }) {
            result.append((count, max(0, min(layers, Int((free - Double(count) * attention) / feedForward)))))
        }
        return result
    }

    func stage(_ setting: HeteGenStrategy.Setting, layers: Range<Int>) -> StageDraft {
        let hardware = problem.hardware
        let machine = hardware.devices[setting.gpu].machine
        let own = hardware.devices[setting.gpu].memory, host = hardware.hosts[machine]
        let tables = NodeTables(problem: problem)
        // What is on the host must fit beside the KV cache there; the last layers' weights go to disk where it does not.
        var room = Double(hardware.memories[host].capacity) - tables.embeddingBytes - (setting.outputOnGPU ? 0 : tables.outputBytes) - 200e6
        if setting.keyValueOnHost { room -= tables.keyValueBytes * Double(sequences) * Double(layers.count) }
        if setting.cpu != nil {
            let block = BlockGeometry(microBatchSize: max(1, sequences), microBatchCount: 1)
            room -= MemoryModel.working(
                problem.shape, tokens: MemoryModel.stepTokens(block, promptTokens: problem.workload.meanPrompt), sequences: Double(sequences),
                logits: true)
        }
        var plans: [LayerDraft] = []
        for (number, layer) in layers.enumerated() {
            let described = problem.shape.layer(layer)
            func parts(_ resident: Bool, _ alpha: Double, _ elements: Int) -> [PartDraft] {
                if resident { return [PartDraft(1, home: own, device: setting.gpu)] }
                let bytes = Double(elements) * problem.shape.bytesPerElement
                var home = host
                if room < bytes, let disk = hardware.disks[machine] { home = disk } else { room -= bytes }
                guard let cpu = setting.cpu, alpha < 1 else { return [PartDraft(1, home: home, device: setting.gpu)] }
                let rest = PartDraft(1 - alpha, home: home, device: cpu, bulk: setting.bulkFrom.map { ($0, setting.gpu) })
                return alpha > 0 ? [PartDraft(alpha, home: home, device: setting.gpu), rest] : [rest]
            }
            plans.append(
                LayerDraft(
                    attention: parts(
                        number < setting.residentAttention, setting.attentionAlpha, described.attention.elements + described.normElements),
                    feedForward: parts(number < setting.residentFeedForward, setting.feedForwardAlpha, described.feedForward.elements)))
        }
        let output = setting.outputOnGPU ? PartDraft(1, home: own, device: setting.gpu) : PartDraft(1, home: host, device: setting.cpu ?? setting.gpu)
        let keyValue =
            setting.keyValueOnHost
            ? KeyValueDraft(share: 1, memory: host, device: setting.cpu ?? setting.gpu, bulk: (max(32, sequences + 1), setting.gpu))
            : KeyValueDraft(share: 1, memory: own, device: setting.gpu)
        return StageDraft(
            machine: machine, layers: layers, plans: plans, output: [output], embeddingHome: host, keyValue: [keyValue], hidden: own,
            window: window(setting))
    }
}
