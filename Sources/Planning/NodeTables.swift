import Models
import Plans

/// Seconds and memory per layer of candidate stages, for the searches over layer counts.
struct NodeTables {
    let problem: Problem

    /// Seconds of one layer (averaged over the model's kinds of layers) of a stage that shares every module in the same way.
    func layerSeconds(_ stage: StageDraft, _ load: StepLoad) -> Double {
        let shape = problem.shape
        var total = 0.0, first = 0
        for run in shape.runs {
            var one = stage
            // Not the last layer where there are others, so that the output matrix stays out.
            one.layers = first..<first + 1
            one.plans = [stage.plans[0]]
            if let model = try? StageModel(problem.realiser.layout(one, sequences: 1), hardware: problem.hardware, shape: shape) {
                let time = model.time(load)
                var seconds = time.seconds - time.overhead
                if shape.layerCount == 1 { seconds -= time.terms.output }
                total += seconds * Double(run.count)
            }
            first += run.count
        }
        return total / Double(max(1, shape.layerCount))
    }

    /// Bytes of one layer's weights, averaged.
    var layerBytes: Double {
        let shape = problem.shape
        return shape.runs.reduce(0.0) { $0 + Double($1.count * $1.layer.elements) } * shape.bytesPerElement / Double(shape.layerCount)
    }

    /// Bytes of one position of a layer's KV cache, averaged.
    var keyValuePositionBytes: Double {
        let shape = problem.shape
        return shape.runs.reduce(0.0) { $0 + Double($1.count) * $1.layer.attention.keyValuePositionBytes(problem.keyValueFormat) }
            / Double(shape.layerCount)
    }

    /// Bytes of KV cache per layer and sequence, averaged: whole blocks.
    var keyValueBytes: Double { keyValuePositionBytes * Double(problem.blockTokensPerSequence) }

    /// Largest share of a layer's weights and of its KV cache on one of so many devices: attention and feed-forward divide into whole
    /// grains, and what experts share lies undivided on the first.
    private func largestShares(_ devices: Int) -> (weights: Double, keyValue: Double) {
        guard devices > 1 else { return (1, 1) }
        let layer = problem.shape.runs[problem.shape.runs.count - 1].layer, formats = problem.shape.matrixFormats
        func largest(_ units: Int, _ grain: Int) -> Double {
            let shares = Array(repeating: 1.0, count: devices)
            return Double(Realiser.apportion(shares, units: units, grain: grain).max() ?? 0) / Double(max(1, units))
        }
        let heads = largest(layer.attention.keyValueHeadCount, layer.attention.grain(formats: formats))
        let columns = largest(layer.feedForward.units, layer.feedForward.grain(formats: formats))
        let elements =
            Double(layer.attention.elements) * heads + Double(layer.feedForward.dividedElements) * columns
            + Double(layer.feedForward.sharedModuleElements + layer.normElements)
        return (elements / Double(max(1, layer.elements)), heads)
    }

    private func freeBytes(_ devices: [Int], sequences: Double, ends: Double) -> Double {
        let block = BlockGeometry(microBatchSize: max(1, Int(sequences)), microBatchCount: 1)
        let working = MemoryModel.working(
            problem.shape, tokens: MemoryModel.stepTokens(block, promptTokens: problem.workload.meanPrompt), sequences: sequences,
            logits: ends > 0)
        // The embedding lies whole on the first device.
        let least = devices.map { Double(problem.hardware.memories[problem.hardware.devices[$0].memory].capacity) }.min() ?? 0
        let onFirst = min(ends, embeddingBytes)
        return least - working - onFirst - (ends - onFirst) / Double(devices.count)
    }

    /// Layers that fit a tensor-parallel group of equal shares, beside what the model's ends take.
    func layerCapacity(_ devices: [Int], sequences: Double, ends: Double) -> Int {
        let shares = largestShares(devices.count)
        let each = layerBytes * shares.weights + keyValueBytes * sequences * shares.keyValue
        return max(0, min(problem.shape.layerCount, Int(max(0, freeBytes(devices, sequences: sequences, ends: ends)) / each)))
    }

    /// Sequences that fit beside so many layers.
    func sequenceCapacity(_ devices: [Int], layers: Double, ends: Double) -> Int {
        let shares = largestShares(devices.count)
        let free = freeBytes(devices, sequences: 16, ends: ends) - layers * layerBytes * shares.weights
        return max(0, Int(min(1e6, max(0, free) / (layers * keyValueBytes * shares.keyValue))))
    }

    /// Bytes of the embedding table and of the output matrix.
    var embeddingBytes: Double { problem.shape.bytes(of: .embedding, units: problem.shape.vocabularySize, format: nil) }
    var outputBytes: Double { problem.shape.bytes(of: .output, units: problem.shape.vocabularySize, format: nil) }

    /// Nodes in order, each a tensor-parallel group, with seconds for `load` and the hop from its predecessor.
    func nodes(_ groups: [[Int]], load: StepLoad, sequences: Double, ends: Bool = true) -> [PipelineNode] {
        groups.enumerated().map { index, devices in
            let draft = problem.residentStage(devices, layers: 0..<1)
            let each = layerSeconds(draft, load)
            var bytes = 0.0
            if ends && index == 0 { bytes += embeddingBytes }
            if ends && index == groups.count - 1 { bytes += outputBytes }
            let most = layerCapacity(devices, sequences: sequences, ends: bytes)
            var fixed = problem.hardware.profile.machines[problem.hardware.devices[devices[0]].machine].stepOverhead
            if index > 0 { fixed += boundary(groups[index - 1], devices, load) }
            let seconds = (0...problem.shape.layerCount).map { $0 == 0 ? 0 : $0 <= most ? fixed + Double($0) * each : Double.infinity }
            return PipelineNode(devices: devices, seconds: seconds) { problem.residentStage(devices, layers: $0) }
        }
    }

    func boundary(_ from: [Int], _ to: [Int], _ load: StepLoad) -> Double {
        var best = Double.infinity
        for a in from {
            for b in to {
                best = min(best, problem.hardware.boundary(a, b).seconds(elements: load.tokens * Double(problem.shape.hiddenSize)))
            }
        }
        return best
    }

    /// Stages for layer counts; nodes without layers are left out.
    func stages(_ nodes: [PipelineNode], _ counts: [Int]) -> [StageDraft] {
        var next = 0
        var result: [StageDraft] = []
        for (node, count) in zip(nodes, counts) where count > 0 {
            result.append(node.stage(next..<next + count))
            next += count
        }
        return result
    }
}

extension Problem {
    /// The step whose time decides the objective, for searches over layer counts.
    func decisiveLoad(slices: Int = 1) -> StepLoad {
        let prompt = workload.meanPrompt, context = prompt + workload.meanOutput / 2
        switch objective {
        case .timeToFirstToken:
            return .prefill(
                sequences: Double(togetherSequences), tokens: prompt / Double(slices), after: prompt * (1 - 1 / Double(slices)) / 2)
        case .latency: return .decode(sequences: Double(togetherSequences), context: context)
        default: return .decode(sequences: Double(min(16, workload.batch ?? 8)), context: context)
        }
    }
}
