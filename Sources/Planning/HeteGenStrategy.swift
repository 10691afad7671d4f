import Models
import Plans

/// A GPU and the CPU beside it share each module that does not fit: the GPU multiplies a share alpha whose weights are streamed ahead, the
/// CPU the rest (HeteGen).
///
/// The published closed form balances one module; `OffloadSearch` minimises the whole step under this cost model, where streaming also uses
/// the time of resident layers, rates depend on the token count, and host memory is shared, together with what stays resident.
struct HeteGenStrategy {
    let problem: Problem
    let deadline: Deadline

    func search() -> [Evaluation] {
        var found: [Evaluation] = []
        for gpu in problem.hardware.gpus {
            // Equal GPUs of a machine give equal plans, unless pins tell them apart.
            let device = problem.hardware.devices[gpu]
            if problem.pins.isEmpty,
                problem.hardware.gpus.contains(where: {
                    $0 < gpu && problem.hardware.devices[$0].machine == device.machine
                        && problem.hardware.devices[$0].profile.isLike(device.profile)
                })
            {
                continue
            }
            if deadline.passed { break }
            found += evaluations(gpu: gpu, before: [], layers: 0..<problem.shape.layerCount, strategy: .hetegen) { Self.note($0, problem) }
        }
        if found.isEmpty, !problem.pins.isEmpty {
            // What one GPU alone would do says which pin is in the way.
            let devices = Array(problem.mainDevices.prefix(1))
            found +=
                problem.finish([[problem.residentStage(devices, layers: 0..<problem.shape.layerCount)]], strategy: .hetegen, note: "").map {
                    [$0]
                }
                ?? []
            return found
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

    /// The best settings of a GPU for a range of layers behind stages that hold theirs, evaluated.
    func evaluations(
        gpu: Int, before: [StageDraft], layers range: Range<Int>, strategy: Strategy, note: (OffloadSetting) -> String
    ) -> [Evaluation] {
        var settings: [(setting: OffloadSetting, value: Double, layers: OffloadLayers)] = []
        let capacity = problem.hardware.memories[problem.hardware.devices[gpu].memory].capacity
        // More sequences take longer and give more: what is best of all is for the evaluation to say.
        for sequences in sequenceCounts {
            for stages in before.isEmpty ? [1] : [1, before.count + 1] where stages <= sequences {
                func search(_ window: Int, spread: Bool) -> OffloadSearch? {
                    OffloadSearch(
                        problem, gpu: gpu, cpu: processor(of: gpu), range: range, sequences: sequences,
                        together: (sequences + stages - 1) / stages,
                        window: window, spread: spread)
                }
                guard let usual = search(OffloadSetting.window, spread: false) else { continue }
                let found = usual.best(2)
                settings += found.map { ($0.setting, $0.value, usual.layers) }
                guard
                    found.contains(where: { entry in entry.setting.kinds.enumerated().contains { $1.resident < usual.layers.counts[$0 / 2] }
                    })
                else { continue }
                settings += usual.balanced().map { ($0, .infinity, usual.layers) }
                // A larger window costs resident modules and lets transfers use the time of those that are left. Behind other stages only
                // where all requests are there at once: each setting is evaluated with requests otherwise.
                guard before.isEmpty || problem.workload.batch != nil else { continue }
                for window in [256 << 20, 1 << 30] where window <= capacity / 8 {
                    guard let wide = search(window, spread: true) else { continue }
                    settings += wide.best(1).map { ($0.setting, .infinity, wide.layers) }
                }
            }
        }
        // Among other stages not the sum of prompt and tokens counts but the busiest: long steps by the GPU alone are another trade.
        if !before.isEmpty {
            settings += settings.compactMap { entry in entry.setting.promptsOnGPU.map { ($0, entry.value, entry.layers) } }
        }
        // No setting can be better than the best with transfers ahead without limit.
        let bound = settings.reduce(.infinity) { min($0, $1.value / (1 + $1.setting.gap)) }
        return settings.compactMap { entry in
            var found = problem.finish(
                [before + [problem.offloaded(entry.setting, entry.layers)]], strategy: strategy, note: note(entry.setting))
            if before.isEmpty, problem.objective == .latency || problem.objective == .timeToFirstToken, let score = found?.score,
                score > 1.0005 * bound
            {
                found?.note += "; at most \(Text.fixed((score / bound - 1) * 100, 1)) % above the best"
            }
            return found
        }
    }

    /// The processor beside a GPU, where it may be used.
    func processor(of gpu: Int) -> Int? {
        let hardware = problem.hardware
        return hardware.cpus[hardware.devices[gpu].machine].flatMap { hardware.devices[$0].excluded ? nil : $0 }
    }

    /// Numbers of sequences to plan residency for: the batch; fewer too where the number is free.
    private var sequenceCounts: [Int] {
        switch problem.objective {
        case .latency, .timeToFirstToken: return [problem.togetherSequences]
        case .throughput, .cost, .slo:
            let most = problem.workload.batch ?? 32
            return Array(Set([most, most / 4, most / 16, 1].map { max(1, $0) })).sorted(by: >)
        }
    }

    static func note(_ setting: OffloadSetting, _ problem: Problem) -> String {
        let kinds = setting.kinds
        func sum(_ rest: Int, _ key: KeyPath<OffloadSetting.Kind, Int>) -> Int {
            kinds.indices.reduce(0) { $1 % 2 == rest ? $0 + kinds[$1][keyPath: key] : $0 }
        }
        func alphas(_ kind: OffloadSetting.Kind) -> String {
            kind.buckets.indices.map { index in
                Text.fixed(kind.share(index), 2) + (index > 0 ? " from \(kind.buckets[index].fromTokens) tokens" : "")
            }.joined(separator: ", ")
        }
        let disk = sum(0, \.disk) + sum(1, \.disk)
        return
            "\(problem.hardware.devices[setting.gpu].label): \(sum(0, \.resident)) attention and "
            + "\(sum(1, \.resident)) feed-forward modules resident, "
            + (disk > 0 ? "\(disk) on disk, " : "") + "alpha of attention \(alphas(kinds[0])); of feed-forward \(alphas(kinds[1]))"
            + (setting.keyValueOnHost ? "; KV on the host" : "")
    }

    /// The published share: a = v_com v_gpu / (v_com v_gpu + v_cpu v_gpu + v_cpu v_com), speeds in bytes of weights per second.
    static func closedForm(cpu: Double, link: Double, gpu: Double) -> Double {
        let denominator = link * gpu + cpu * gpu + cpu * link
        return denominator > 0 ? link * gpu / denominator : 0
    }

    /// As `closedForm` where a copy into pinned memory comes before every transfer: in sequence, or pipelined one module ahead (then the
    /// slower of copy and transfer counts). The copy costs the CPU its time, so where it is no faster than multiplying, nothing is sent.
    static func pinnedForm(cpu: Double, link: Double, gpu: Double, pin: Double, pipelined: Bool) -> Double {
        if pin <= cpu { return 0 }
        if !pipelined { return closedForm(cpu: cpu, link: 1 / (1 / link + 1 / pin), gpu: gpu) }
        // (1 - a) / v_cpu = max(a / v_pin, a (1 / v_com + 1 / v_gpu))
        let slower = max(1 / pin, 1 / link + 1 / gpu)
        return (1 / cpu) / (1 / cpu + slower)
    }
}
