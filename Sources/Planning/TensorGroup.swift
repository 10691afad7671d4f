import Models
import Plans

/// A tensor-parallel group of devices in one machine with its share of every layer, compiled for asking what one layer takes.
///
/// A stage's seconds are linear in its layers (all of them are placed alike), so one layer's model answers for any number.
final class TensorGroup {
    /// Devices taken, by pool; what makes two groups the same group.
    let takes: [(pool: Int, count: Int)]
    /// Share of every module by device, in the order of `devices`.
    let shares: [Double]
    /// Devices that stand for all alike.
    let devices: [Int]
    private let problem: Problem
    private let layers: [(model: StageModel, count: Int)]
    private let ending: StageModel?
    private var known: [LoadKey: (layer: Double, output: Double)] = [:]
    /// Seconds per micro-batch beside the layers.
    let overhead: Double
    /// By device: bytes of a layer's weights, of a layer's KV cache for one sequence, of the output matrix; bytes the device has.
    private let weights: [Double], keyValue: [Double], output: [Double], capacity: [Double]

    init(_ problem: Problem, pools: [DevicePool], takes: [(pool: Int, count: Int)], shares: [Double]) {
        self.problem = problem
        self.takes = takes
        self.shares = shares
        devices = takes.flatMap { pools[$0.pool].devices.prefix($0.count) }
        let shape = problem.shape, hardware = problem.hardware
        let draft = problem.residentStage(devices, shares: shares, layers: 0..<1)
        overhead = hardware.profile.machines[draft.machine].stepOverhead
        var first = 0
        var layers: [(StageModel, Int)] = []
        for run in shape.runs {
            var one = draft
            one.layers = first..<first + 1
            if let model = try? StageModel(problem.realiser.layout(one, sequences: 1), hardware: hardware, shape: shape) {
                layers.append((model, run.count))
            }
            first += run.count
        }
        self.layers = layers
        var last = draft
        last.layers = shape.layerCount - 1..<shape.layerCount
        ending = try? StageModel(problem.realiser.layout(last, sequences: 1), hardware: hardware, shape: shape)

        // Whole grains of heads and columns, as the plan will have them; what experts share lies on the first device, norms on every one.
        let layer = shape.runs[shape.runs.count - 1].layer, formats = shape.matrixFormats
        let heads = layer.attention.keyValueHeadCount, units = layer.feedForward.units
        let ofHeads = Realiser.apportion(shares, units: heads, grain: layer.attention.grain(formats: formats)).map {
            Double($0) / Double(heads)
        }
        let ofUnits = Realiser.apportion(shares, units: units, grain: layer.feedForward.grain(formats: formats)).map {
            Double($0) / Double(units)
        }
        let tables = NodeTables(problem: problem)
        let (layerBytes, keyValueBytes, outputBytes) = (tables.layerBytes, tables.keyValueBytes, tables.outputBytes)
        let lead = ofHeads.firstIndex { $0 > 0 }
        weights = devices.indices.map { index in
            let elements =
                Double(layer.attention.elements) * ofHeads[index] + Double(layer.feedForward.dividedElements) * ofUnits[index]
                + Double(layer.normElements) / 2 * ((ofHeads[index] > 0 ? 1 : 0) + (ofUnits[index] > 0 ? 1 : 0))
                + (index == lead ? Double(layer.feedForward.sharedModuleElements) : 0)
            return layerBytes * elements / Double(max(1, layer.elements))
        }
        keyValue = ofHeads.map { keyValueBytes * $0 }
        let total = shares.reduce(0, +)
        output = shares.map { outputBytes * $0 / total }
        capacity = devices.map { Double(hardware.memories[hardware.devices[$0].memory].capacity) }
    }

    /// Which ends of the model a stage has.
    struct Ends: OptionSet, Hashable {
        let rawValue: Int
        static let first = Ends(rawValue: 1)
        static let last = Ends(rawValue: 2)
        static let all: [Ends] = [[], .first, .last, [.first, .last]]
    }

    /// Bytes left on a device beside working buffers for so many sequences and the ends of the model.
    private func free(_ index: Int, sequences: Double, ends: Ends) -> Double {
        let block = BlockGeometry(microBatchSize: max(1, Int(sequences)), microBatchCount: 1)
        let tokens = MemoryModel.stepTokens(block, promptTokens: problem.workload.meanPrompt)
        var bytes = capacity[index] - MemoryModel.working(problem.shape, tokens: tokens, sequences: sequences, logits: ends.contains(.last))
        let shape = problem.shape
        // The embedding lies whole on the first device; a tied table serves both ends of one stage.
        if ends.contains(.first), index == 0 { bytes -= shape.bytes(of: .embedding, units: shape.vocabularySize, format: nil) }
        if ends.contains(.last), !(shape.tied && ends.contains(.first)) { bytes -= output[index] }
        return bytes
    }

    /// Layers that fit with room for so many sequences.
    func capacity(sequences: Double, ends: Ends) -> Int {
        var most = Double(problem.shape.layerCount)
        for index in devices.indices where shares[index] > 0 {
            let each = weights[index] + keyValue[index] * sequences
            if each > 0 { most = min(most, max(0, free(index, sequences: sequences, ends: ends)) / each) }
        }
        return Int(most)
    }

    /// Sequences whose KV cache fits beside so many layers.
    func room(layers count: Int, ends: Ends) -> Int {
        var room = 1e6
        for index in devices.indices where keyValue[index] > 0 {
            let left = free(index, sequences: 16, ends: ends) - Double(count) * weights[index]
            room = min(room, max(0, left) / (Double(count) * keyValue[index]))
        }
        return Int(room)
    }

    private struct LoadKey: Hashable {
        var tokens: Double, sequences: Double, cached: Double, pairs: Double
        var logits: Double, microBatches: Int

        init(_ load: StepLoad) {
            (tokens, sequences, cached, pairs, logits) = (load.tokens, load.sequences, load.cached, load.pairs, load.logits)
            microBatches = load.microBatches
        }
    }

    /// Seconds of one layer (averaged over the model's kinds) and of the output matrix, without the fixed overhead. Kept by load.
    func seconds(_ load: StepLoad) -> (layer: Double, output: Double) {
        let key = LoadKey(load)
        if let found = known[key] { return found }
        var total = 0.0, others = 0.0
        for (model, count) in layers {
            let time = model.time(load)
            total += (time.seconds - time.overhead - (problem.shape.layerCount == 1 ? time.terms.output : 0)) * Double(count)
            others += Double(count)
        }
        let value = (total / max(1, others), ending?.time(load).terms.output ?? 0)
        known[key] = value
        return value
    }

    /// Seconds of a stage of so many layers.
    func seconds(_ load: StepLoad, layers count: Int, last: Bool) -> Double {
        let each = seconds(load)
        return overhead * Double(max(1, load.microBatches)) + Double(count) * each.layer + (last ? each.output : 0)
    }
}
