public import Plans

extension Problem {
    /// What the cost model says of a plan for this workload.
    public func evaluate(_ plan: Plan, strategy: String = "", note: String = "") throws(PlanProblem) -> Evaluation {
        var layouts: [ReplicaLayout] = []
        for replica in plan.replicas { layouts.append(try ReplicaLayout(replica, shape: shape)) }
        return try assess(layouts, plan: plan).evaluation(plan, fingerprint: fingerprint, strategy: strategy, note: note)
    }

    /// What the cost model says of layouts: everything of an evaluation but the plan.
    ///
    /// - Parameter plan: the layouts' plan where it is there already.
    func assess(_ layouts: [ReplicaLayout], plan: Plan? = nil) throws(PlanProblem) -> Assessment {
        var models: [ReplicaModel] = []
        for layout in layouts { models.append(try ReplicaModel(layout, hardware: hardware, shape: shape)) }
        guard !models.isEmpty else { throw PlanProblem("a plan without replicas") }
        let memory = memoryModel
        let uses = memory.uses(of: layouts)
        var overflows = memory.overflows(uses)
        for pin in pins { if let broken = pin.violation(layouts, hardware) { overflows.append(broken) } }

        var prediction = Prediction()
        prediction.memory = uses.sorted { $0.key < $1.key }.map { key, use in
            Prediction.MemoryUse(
                memory: MemoryID(key), bytes: use.bytes,
                capacity: hardware.memories.indices.contains(key) ? hardware.memories[key].capacity : nil)
        }
        let prompt = workload.meanPrompt, output = workload.meanOutput
        var score = Double.infinity
        var isSimulated = false
        let context = prompt + output / 2
        if let batch = workload.batch, !objective.countsRequests {
            switch objective {
            case .latency, .timeToFirstToken, .slo:
                let each = (Double(batch) / Double(models.count)).rounded(.up)
                let first = models.map { $0.prefillSeconds(sequences: each, promptTokens: prompt) }.max() ?? .infinity
                let token = models.map { $0.decodeRound(sequences: each, context: context) }.max() ?? .infinity
                prediction.timeToFirstTokenSeconds = first
                prediction.timePerOutputTokenSeconds = token
                prediction.throughputTokensPerSecond = Double(batch) * output / (first + max(0, output - 1) * token)
                score = objective == .latency ? token + first * 1e-6 : first + token * 1e-6
            case .throughput, .cost:
                var rate = 0.0, first = 0.0, token = 0.0, sequences = 0.0, longest = 0.0
                for model in models {
                    let block = Double(max(1, model.block.microBatchSize) * max(1, model.block.microBatchCount))
                    let prefill = model.prefillBlock(promptTokens: prompt)
                    let round = model.round(.decode(sequences: block, context: context, microBatches: max(1, model.block.microBatchCount)))
                    let time = prefill + max(0, output - 1) * round
                    rate += block * output / time
                    sequences += block
                    (first, token, longest) = (max(first, prefill), max(token, round), max(longest, time))
                }
                if sequences > Double(batch) { rate = min(rate, Double(batch) * output / longest) }
                prediction.timeToFirstTokenSeconds = first
                prediction.timePerOutputTokenSeconds = token
                prediction.throughputTokensPerSecond = rate
                score = 1 / rate
            }
        } else {
            let simulated = simulatesSteps ? simulated(plan ?? realiser.plan(layouts)) : nil
            isSimulated = simulated != nil
            let outcome = simulated ?? QueueModel.run(servers(models), requests)
            prediction.timeToFirstTokenSeconds = outcome.meanFirstToken
            prediction.timePerOutputTokenSeconds = outcome.meanTimePerOutputToken
            prediction.throughputTokensPerSecond = outcome.tokens / outcome.duration
            switch objective {
            case .latency:
                // Rate workloads: still what a lone sequence takes, as the objective says.
                let token = models.map { $0.decodeRound(sequences: 1, context: context) }.max() ?? .infinity
                score = token + outcome.meanTotal * 1e-6
            case .timeToFirstToken: score = outcome.meanTotal.isFinite ? outcome.meanFirstToken : .infinity
            case .throughput, .cost: score = outcome.tokens > 0 ? outcome.secondsPerToken : .infinity
            case .slo:
                let share = outcome.attainment(limits)
                prediction.sloAttainment = share
                score = 1 - share + min(1, outcome.meanTotal * 1e-6)
            }
        }
        let price = pricePerHour(models)
        if objective == .cost, let price { score *= price / 3600 }
        return Assessment(
            prediction: prediction, score: score.isFinite ? score : .infinity, overflows: overflows, pricePerHour: price,
            isSimulated: isSimulated,
            problem: self, first: models[0])
    }

    /// Most sequences the KV cache holds, at most `mostSequences`: what a replica batches.
    func servers(_ models: [ReplicaModel]) -> [QueueModel.Server] {
        models.map { model in
            QueueModel.Server(
                model, prompt: workload.meanPrompt, output: workload.meanOutput,
                mostSequences: min(mostSequences, max(1, model.sequenceCapacity(tokens: workload.contextTokens))))
        }
    }

    /// Machines that the plan uses at their price, and devices that have their own; nil where nothing has a price.
    private func pricePerHour(_ models: [ReplicaModel]) -> Double? {
        var machines: Set<Int> = [], devices: Set<Int> = []
        for stage in models.lazy.flatMap(\.stages) {
            machines.insert(stage.machine)
            devices.formUnion(stage.devices)
        }
        let prices =
            machines.sorted().compactMap { hardware.profile.machines[$0].pricePerHour }
            + devices.sorted().compactMap { hardware.devices[$0].profile.pricePerHour }
        return prices.isEmpty ? nil : prices.reduce(0, +)
    }
}

/// An evaluation before its plan is spelled out: cheap enough to make thousands.
struct Assessment {
    var prediction: Prediction
    var score: Double
    var overflows: [String]
    var pricePerHour: Double?
    var isSimulated: Bool
    let problem: Problem
    let first: ReplicaModel

    var fits: Bool { overflows.isEmpty }

    func evaluation(_ plan: Plan, fingerprint: String, strategy: String, note: String) -> Evaluation {
        var full = plan
        full.prediction = described
        full.profile = fingerprint
        return Evaluation(
            plan: full, prediction: described, score: score, overflows: overflows, strategy: strategy, note: note,
            pricePerHour: pricePerHour, isSimulated: isSimulated)
    }

    /// With the seconds of one step by resource of the first replica: what its devices, links, disk and host memory are busy.
    private var described: Prediction {
        var prediction = prediction
        let prompt = problem.workload.meanPrompt, output = problem.workload.meanOutput
        let batches = max(1, first.block.microBatchCount)
        let sequences = Double(max(1, first.block.microBatchSize)) * Double(batches)
        prediction.decodeSeconds = first.resources(.decode(sequences: sequences, context: prompt + output / 2, microBatches: batches))
        prediction.prefillSeconds = first.resources(.prefill(sequences: sequences, tokens: prompt, microBatches: batches))
        return prediction
    }
}

extension ReplicaModel {
    /// Seconds each resource is busy with a step, by label.
    func resources(_ load: StepLoad) -> [String: Double] {
        var result: [String: Double] = [:]
        for (index, stage) in stages.enumerated() {
            let time = stage.time(load)
            for (local, device) in stage.devices.enumerated() {
                let label = hardware.devices[device].label
                result["\(label) compute", default: 0] += time.busy[local]
                if time.receiving[local] > 0 { result["to \(label)", default: 0] += time.receiving[local] }
                if time.sending[local] > 0 { result["from \(label)", default: 0] += time.sending[local] }
            }
            let prefix = hardware.profile.machines.count > 1 ? hardware.profile.machines[stage.machine].name + "/" : ""
            if time.diskRead > 0 { result[prefix + "disk read", default: 0] += time.diskRead }
            if time.diskWrite > 0 { result[prefix + "disk write", default: 0] += time.diskWrite }
            if time.hostMemory > 0 { result[prefix + "host memory", default: 0] += time.hostMemory }
            if time.terms.exchange > 0 { result["exchange in stage \(index)", default: 0] += time.terms.exchange }
            result["overhead", default: 0] += time.overhead
            if index < boundaries.count {
                result["stage \(index) to \(index + 1)", default: 0] += boundarySeconds(index, tokens: load.tokens)
            }
        }
        return result
    }
}

extension Objective {
    /// Whether a batch is scored as requests that all arrive at once.
    var countsRequests: Bool {
        if case .slo = self { return true }
        return false
    }
}
