import Checkpoints
import Devices
import Models
import Plans

/// One stage, loaded and compiled for its device.
final class StageRunner {
    let slice: StageSlice
    let buffers: StageBuffers
    let weights: WeightStore
    let caches: [KeyValueCache]
    private let program: any DeviceProgram

    /// Loads, reserves and compiles.
    init(
        slice: StageSlice, checkpoint: Checkpoint, device: any Device, packer: CPU, tables: StepTableKinds, limits: StepLimits, slots: Int,
        blocks: Int,
        progress: ((Double) -> Void)?
    ) throws {
        self.slice = slice
        weights = try WeightStore(slice.weights, checkpoint: checkpoint, cpu: packer, memory: device.memory, progress: progress)
        var caches: [KeyValueCache] = []
        for share in slice.stage.keyValue {
            caches.append(
                try KeyValueCache(slice.attention, heads: share.heads, format: share.format, blockCount: blocks, memory: device.memory))
        }
        self.caches = caches
        buffers = try StageBuffers(slice: slice, memory: device.memory, limits: limits, slots: slots)
        let compiler = StageCompiler(slice: slice, weights: weights, caches: caches, buffers: buffers, tables: tables)
        program = try device.compile(compiler.segments, limits: limits)
    }

    /// Runs the stage's part of a step, micro-batch by micro-batch.
    func run(_ tables: StepTables) {
        // By index: iterators over arrays allocate in unoptimised builds.
        for index in tables.parts.indices {
            let part = tables.parts[index]
            if slice.stage.hasEmbedding { program.run(StageCompiler.Segment.embedding.rawValue, tables, part) }
            program.run(StageCompiler.Segment.layers.rawValue, tables, part)
            if slice.stage.hasOutput, part.rowCount > 0 { program.run(StageCompiler.Segment.output.rawValue, tables, part) }
        }
    }

    /// Hidden states of a step, for the next stage.
    func send(_ tables: StepTables, to next: StageRunner) {
        let from = buffers.hidden, to = next.buffers.hidden, row = tables.tokenBase
        let source = from.range.address.assumingMemoryBound(to: Float.self) + row * from.stride
        let target = to.range.address.assumingMemoryBound(to: Float.self) + row * to.stride
        target.update(from: source, count: tables.tokenCount * from.stride)
    }
}
