import Models
import Plans

/// What modules cost on single devices, for searches over pipelines: seconds are linear in the modules of a stage, so a stage of any
/// modules is a dot product.
///
/// Modules are numbered two per layer (`Stage.modules`). Devices of one machine with equal profiles and memories are one class: orders that
/// only swap them are one order.
struct PipelineCosts {
    struct DeviceClass {
        /// Hardware's indices; a pipeline takes them in this order.
        var devices: [Int]
        var capacity: Double
        var overhead: Double
        /// One model of a stage per kind of layer with that module alone, and one with the output matrix.
        var attention: [StageModel]
        var feedForward: [StageModel]
        var output: StageModel
        /// Whether reading host memory may take longer than computing.
        var countsHostMemory: Bool
    }

    let problem: Problem
    let classes: [DeviceClass]
    /// Two per layer.
    let moduleCount: Int
    let kindCount: Int
    /// Coefficients of a stage: attention and feed-forward of each kind of layer, then the output matrix.
    var width: Int { 2 * kindCount + 1 }
    /// Of each coefficient, how many of it come before a module: [coefficient x (modules + 1) + module].
    let before: [Double]
    /// Bytes of weights before a module, and of keys and values per position.
    let weightsBefore: [Double]
    let keyValuesBefore: [Double]
    /// From class to class, [from x classes + to].
    let links: [BoundaryLink]

    /// nil where a device cannot be modelled.
    init?(problem: Problem, devices: [Int]) {
        let hardware = problem.hardware, shape = problem.shape
        self.problem = problem
        moduleCount = 2 * shape.layerCount
        var kinds: [LayerShape] = [], representative: [Int] = [], kindOf: [Int] = []
        for run in shape.runs {
            let kind = kinds.firstIndex(of: run.layer) ?? kinds.count
            if kind == kinds.count {
                kinds.append(run.layer)
                representative.append(kindOf.count)
            }
            kindOf += Array(repeating: kind, count: run.count)
        }
        kindCount = kinds.count
        let columns = moduleCount + 1
        var before = Array(repeating: 0.0, count: (2 * kinds.count + 1) * columns), weights = [0.0], keyValues = [0.0]
        for module in 0..<moduleCount {
            let kind = kindOf[module / 2], layer = kinds[kind], isAttention = module % 2 == 0
            for coefficient in 0...2 * kinds.count { before[coefficient * columns + module + 1] = before[coefficient * columns + module] }
            before[(2 * kind + module % 2) * columns + module + 1] += 1
            if module == moduleCount - 1 { before[2 * kinds.count * columns + module + 1] = 1 }
            weights.append(
                weights[module]
                    + (Double(isAttention ? layer.attention.elements : layer.feedForward.elements) + Double(layer.normElements) / 2)
                    * shape.bytesPerElement)
            keyValues.append(keyValues[module] + (isAttention ? layer.attention.keyValuePositionBytes(problem.keyValueFormat) : 0))
        }
        self.before = before
        weightsBefore = weights
        keyValuesBefore = keyValues

        var classes: [DeviceClass] = []
        for device in devices {
            let found = hardware.devices[device], capacity = Double(hardware.memories[found.memory].capacity)
            if let same = classes.firstIndex(where: {
                let other = hardware.devices[$0.devices[0]]
                return other.machine == found.machine && other.profile.isLike(found.profile) && $0.capacity == capacity
            }) {
                classes[same].devices.append(device)
                continue
            }
            func model(_ modules: Range<Int>) -> StageModel? {
                try? StageModel(
                    problem.realiser.layout(problem.residentStage(device, modules: modules), sequences: 1), hardware: hardware, shape: shape
                )
            }
            var attention: [StageModel] = [], feedForward: [StageModel] = []
            for layer in representative {
                guard let one = model(2 * layer..<2 * layer + 1), let other = model(2 * layer + 1..<2 * layer + 2) else { return nil }
                attention.append(one)
                feedForward.append(other)
            }
            guard let output = model(moduleCount - 1..<moduleCount) else { return nil }
            classes.append(
                DeviceClass(
                    devices: [device], capacity: capacity, overhead: hardware.profile.machines[found.machine].stepOverhead,
                    attention: attention,
                    feedForward: feedForward, output: output, countsHostMemory: found.isCPU))
        }
        guard !classes.isEmpty else { return nil }
        self.classes = classes
        links = classes.flatMap { from in
            classes.map { to in
                // Two devices of one class are two devices.
                let other = to.devices[0] == from.devices[0] ? to.devices[min(1, to.devices.count - 1)] : to.devices[0]
                return hardware.boundary(from.devices[0], other)
            }
        }
    }

    func attentionSeconds(_ index: Int, kind: Int, _ load: StepLoad) -> (chain: Double, host: Double) {
        Self.withoutLogits(classes[index].attention[kind], load)
    }

    func feedForwardSeconds(_ index: Int, kind: Int, _ load: StepLoad) -> (chain: Double, host: Double) {
        Self.withoutLogits(classes[index].feedForward[kind], load)
    }

    func outputSeconds(_ index: Int, _ load: StepLoad) -> (chain: Double, host: Double) {
        guard load.logits > 0 else { return (0, 0) }
        let time = classes[index].output.time(load)
        return (time.terms.output, time.hostMemory - Self.withoutLogits(classes[index].output, load).host)
    }

    private static func withoutLogits(_ model: StageModel, _ load: StepLoad) -> (chain: Double, host: Double) {
        var load = load
        load.logits = 0
        let time = model.time(load)
        return (time.chain, time.hostMemory)
    }

    /// Seconds of a load for the modules before each module, on one class: prefix sums of the chain, and of host memory. The output matrix
    /// counts with the last module.
    func prefix(_ index: Int, _ load: StepLoad) -> (chain: [Double], host: [Double]) {
        let columns = moduleCount + 1
        var chain = Array(repeating: 0.0, count: columns), host = chain
        for kind in 0..<kindCount {
            let attention = attentionSeconds(index, kind: kind, load), feedForward = feedForwardSeconds(index, kind: kind, load)
            for module in 0...moduleCount {
                let a = before[2 * kind * columns + module], f = before[(2 * kind + 1) * columns + module]
                chain[module] += a * attention.chain + f * feedForward.chain
                host[module] += a * attention.host + f * feedForward.host
            }
        }
        let output = outputSeconds(index, load)
        chain[moduleCount] += output.chain
        host[moduleCount] += output.host
        return (chain, host)
    }

    // MARK: Memory

    /// Bytes beside a stage's own weights and cache, by whether the stage is first and last: as `MemoryModel` counts them.
    struct Room {
        /// Capacity less working buffers and hidden states.
        var inner: Double
        var last: Double
        var embedding: Double
        var output: Double
        var sequenceTokens: Double
    }

    /// What a class has room for with a block of so many micro-batches of `size` sequences.
    func room(_ index: Int, size: Int, batches: Int) -> Room {
        let shape = problem.shape, prompt = problem.workload.meanPrompt
        let block = BlockGeometry(microBatchSize: size, microBatchCount: batches)
        let tokens = MemoryModel.stepTokens(block, promptTokens: prompt)
        let hidden = batches > 1 ? Double(size * batches) * prompt * Double(shape.hiddenSize) * StageModel.hiddenBytes : 0
        func free(_ logits: Bool) -> Double {
            classes[index].capacity - MemoryModel.working(shape, tokens: tokens, sequences: Double(size), logits: logits) - hidden
        }
        return Room(
            inner: free(false), last: free(true), embedding: shape.bytes(of: .embedding, units: shape.vocabularySize, format: nil),
            output: shape.bytes(of: .output, units: shape.vocabularySize, format: nil),
            sequenceTokens: Double(size * batches) * Double(problem.blockTokensPerSequence))
    }

    /// Whether modules first ..< end fit.
    @inline(__always)
    func fits(_ room: Room, _ first: Int, _ end: Int) -> Bool {
        var bytes =
            weightsBefore[end] - weightsBefore[first] + (keyValuesBefore[end] - keyValuesBefore[first]) * room.sequenceTokens
        if first == 0 { bytes += room.embedding }
        if end < moduleCount { return bytes <= room.inner }
        // A tied table is stored once where both ends are one stage's.
        if !(problem.shape.tied && first == 0) { bytes += room.output }
        return bytes <= room.last
    }

    // MARK: Pipelines

    /// Stages of an order of classes: each takes the next device of its class.
    func stages(_ order: [Int], _ bounds: [Int]) -> [StageDraft] {
        var taken = Array(repeating: 0, count: classes.count)
        return order.indices.map { stage in
            let device = classes[order[stage]].devices[taken[order[stage]]]
            taken[order[stage]] += 1
            return problem.residentStage(device, modules: bounds[stage]..<bounds[stage + 1])
        }
    }

    func move(_ from: Int, _ to: Int, tokens: Double) -> Double {
        links[from * classes.count + to].seconds(elements: tokens * Double(problem.shape.hiddenSize))
    }
}
