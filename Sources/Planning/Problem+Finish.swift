import Plans

extension Problem {
    /// Gives drafts their block geometry and KV capacity, the best that memory allows, and evaluates them.
    ///
    /// Latency and time to first token run the workload's batch at once; throughput tries sequence counts from what fits downward; requests
    /// over time get all the room there is, or what is given for each replica. Returns the best fitting evaluation, or one that says what
    /// does not fit.
    func finish(_ replicas: [[StageDraft]], slices: [[SliceTable]] = [], most sequences: [Int] = [], strategy: Strategy, note: String)
        -> Evaluation?
    {
        let count = Double(replicas.count)
        func drafts(_ sequences: [Int]) -> [ReplicaDraft] {
            zip(replicas.indices, sequences).map { index, sequences in
                ReplicaDraft(
                    stages: replicas[index], block: block(sequences: sequences, stages: replicas[index].count),
                    slices: slices.indices.contains(index) ? slices[index] : [], sequences: sequences)
            }
        }
        typealias Attempt = (assessment: Assessment, layouts: [ReplicaLayout])
        func attempt(_ sequences: [Int]) -> Attempt? {
            let layouts = drafts(sequences).map(realiser.layout)
            return (try? assess(layouts)).map { ($0, layouts) }
        }
        func evaluation(_ attempt: Attempt?) -> Evaluation? {
            attempt.map {
                $0.assessment.evaluation(realiser.plan($0.layouts), fingerprint: fingerprint, strategy: strategy.rawValue, note: note)
            }
        }
        func better(_ a: Attempt?, _ b: Attempt) -> Attempt {
            guard let a else { return b }
            if a.assessment.fits != b.assessment.fits { return a.assessment.fits ? a : b }
            return b.assessment.score < a.assessment.score ? b : a
        }
        let together = max(1, Int((Double(togetherSequences) / count).rounded(.up)))
        switch objective {
        case .latency, .timeToFirstToken:
            return evaluation(attempt(Array(repeating: together, count: replicas.count)))
        case .throughput, .cost, .slo:
            let most = workload.batch == nil ? mostSequences : max(1, together)
            let room = replicas.indices.map {
                min(most, max(1, roomForSequences(replicas[$0])), sequences.indices.contains($0) ? max(1, sequences[$0]) : most)
            }
            var best: Attempt?
            var tried: [[Int]] = []
            var shares = [1.0, 0.75, 0.5, 0.25, 0.125, 0.0]
            if workload.batch == nil || objective.countsRequests { shares = limits.each.isFinite ? [1, 0.5, 0.25, 0.1] : [1] }
            for share in shares {
                var sequences = room.map { max(1, Int(Double($0) * share)) }
                if shares.count > 1, share > 0, share < 1 { sequences = sequences.map(roundDown) }
                if tried.contains(sequences) { continue }
                tried.append(sequences)
                guard var found = attempt(sequences) else { continue }
                // Working buffers grow with the block: go down until it fits.
                while !found.assessment.fits && share == 1 && sequences.contains(where: { $0 > 1 }) {
                    sequences = sequences.map { max(1, $0 * 3 / 4) }
                    guard let smaller = attempt(sequences) else { break }
                    found = smaller
                }
                best = better(best, found)
            }
            return evaluation(best)
        }
    }

    private func roundDown(_ count: Int) -> Int { count >= 16 ? count / 4 * 4 : count }

    func block(sequences: Int, stages: Int) -> BlockGeometry {
        if stages <= 1 || sequences <= 1 || objective == .latency || objective == .timeToFirstToken {
            return BlockGeometry(microBatchSize: sequences, microBatchCount: 1)
        }
        let count = min(stages, sequences)
        return BlockGeometry(microBatchSize: (sequences + count - 1) / count, microBatchCount: count)
    }

    /// Sequences whose KV cache fits beside the weights: linear between one and two sequences.
    func roomForSequences(_ stages: [StageDraft]) -> Int {
        func uses(_ sequences: Int) -> [Int: MemoryModel.Use] {
            memoryModel.uses(of: [
                realiser.layout(
                    ReplicaDraft(stages: stages, block: block(sequences: sequences, stages: stages.count), sequences: sequences))
            ])
        }
        let one = uses(1), many = uses(65)
        var room = 1 << 20
        for (memory, use) in many {
            let base = Double(one[memory]?.bytes ?? 0)
            let each = (use.keyValue - (one[memory]?.keyValue ?? 0)) / 64
            guard each > 0 else { continue }
            room = min(room, 1 + Int(max(0, min(1e9, (Double(hardware.memories[memory].capacity) - base) / each))))
        }
        return room
    }

    /// A stage on devices that share every module in given proportions, everything in their own memories.
    func residentStage(_ devices: [Int], shares: [Double]? = nil, layers: Range<Int>) -> StageDraft {
        let shares = shares ?? Array(repeating: 1 / Double(devices.count), count: devices.count)
        let parts = zip(devices, shares).map { PartDraft($1, home: hardware.devices[$0].memory, device: $0) }
        return StageDraft(
            machine: hardware.devices[devices[0]].machine, layers: layers, plans: [LayerDraft(attention: parts, feedForward: parts)],
            output: parts,
            embeddingHome: hardware.devices[devices[0]].memory,
            keyValue: parts.map { KeyValueDraft(share: $0.share, memory: $0.home, device: $0.device) },
            hidden: hardware.devices[devices[0]].memory)
    }

    /// A resident stage on one device for a range of modules, two per layer (`Stage.modules`).
    func residentStage(_ device: Int, modules: Range<Int>) -> StageDraft {
        var stage = residentStage([device], layers: modules.lowerBound / 2..<(modules.upperBound + 1) / 2)
        stage.startsAtFeedForward = modules.lowerBound % 2 == 1
        stage.endsAfterAttention = modules.upperBound % 2 == 1
        return stage
    }

    /// GPUs, or CPUs where there is none: what tools that do not mix would use.
    var mainDevices: [Int] { hardware.gpus.isEmpty ? hardware.usable : hardware.gpus }
}
