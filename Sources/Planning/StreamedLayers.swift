import Models
import Plans

/// A lone processor whose memory does not hold the model: as many modules as fit stay in it, the others are read from disk each time they
/// are used, evenly among them, so that the disk reads while resident ones are multiplied. A block of sequences shares each pass.
struct StreamedLayers {
    let problem: Problem
    let deadline: Deadline

    /// Bytes of the windows that are tried: more let the disk run further ahead, and cost resident modules.
    private static let windows = [64 << 20, 256 << 20, 1 << 30]

    /// Every processor beside a disk.
    func search(_ strategy: Strategy) -> [Evaluation] {
        let hardware = problem.hardware
        var found: [Evaluation] = []
        for cpu in hardware.usable where hardware.devices[cpu].isCPU {
            let machine = hardware.devices[cpu].machine
            guard let disk = hardware.disks[machine] else { continue }
            let capacity = hardware.memories[hardware.hosts[machine]].capacity
            for window in Self.windows where window == Self.windows[0] || window <= capacity / 8 {
                for outputIsResident in [true, false] where !deadline.passed {
                    if let best = most(cpu, disk: disk, window: window, outputIsResident: outputIsResident, strategy) { found.append(best) }
                }
            }
        }
        return found
    }

    /// The most modules that fit, found by halving; nil where not even none do. The plan that does not fit with none is given back too, for
    /// what it says of the memory.
    private func most(_ cpu: Int, disk: Int, window: Int, outputIsResident: Bool, _ strategy: Strategy) -> Evaluation? {
        func evaluation(_ resident: Int) -> Evaluation? {
            let stage = stage(cpu, disk: disk, resident: resident, window: window, outputIsResident: outputIsResident)
            let modules = 2 * problem.shape.layerCount
            let note =
                "\(resident) of \(modules) modules in memory, the others from disk" + (outputIsResident ? "" : ", the output matrix too")
            return problem.finish([[stage]], strategy: strategy, note: note)
        }
        guard var best = evaluation(0) else { return nil }
        guard best.fits else { return best }
        var low = 0, high = 2 * problem.shape.layerCount
        while low < high, !deadline.passed {
            let middle = (low + high + 1) / 2
            if let found = evaluation(middle), found.fits {
                low = middle
                // More in memory may leave room for fewer sequences.
                if found.score <= best.score { best = found }
            } else {
                high = middle - 1
            }
        }
        return best
    }

    private func stage(_ cpu: Int, disk: Int, resident: Int, window: Int, outputIsResident: Bool) -> StageDraft {
        let hardware = problem.hardware, host = hardware.devices[cpu].memory, count = problem.shape.layerCount
        // Attention and feed-forward in turn, each evenly over the layers.
        let ranks = OffloadLayers.evenRanks(count), attention = resident / 2, feedForward = resident - resident / 2
        let plans = (0..<count).map { layer in
            LayerDraft(
                attention: [PartDraft(1, home: ranks[layer] < attention ? host : disk, device: cpu)],
                feedForward: [PartDraft(1, home: ranks[layer] < feedForward ? host : disk, device: cpu)])
        }
        return StageDraft(
            machine: hardware.devices[cpu].machine, layers: 0..<count, plans: plans,
            output: [PartDraft(1, home: outputIsResident ? host : disk, device: cpu)], embeddingHome: host,
            keyValue: [KeyValueDraft(share: 1, memory: host, device: cpu)], hidden: host, window: window)
    }
}
