import Checkpoints
import Devices
import Models
import Plans

/// One stage, loaded and compiled for its device.
final class StageRunner {
    let slice: StageSlice
    let buffers: StageBuffers
    let weights: StageWeights
    let caches: [KeyValueCache]
    private let sections: [StageSection]
    private let program: any DeviceProgram

    /// Loads, reserves and compiles.
    init(
        slice: StageSlice, checkpoint: Checkpoint, device: any Device, packer: CPU, tables: StepTableKinds, limits: StepLimits,
        schedule: ReplicaSchedule, progress: ((Double) -> Void)?
    ) throws {
        self.slice = slice
        weights = try StageWeights(
            slice, checkpoint: checkpoint, cpu: packer, memory: device.memory, stepsInFlight: schedule.stepsInFlight, progress: progress)
        var caches: [KeyValueCache] = []
        for share in slice.stage.keyValue {
            caches.append(
                try KeyValueCache(share, attention: slice.attention, blockCount: schedule.pools[share.pool], memory: device.memory))
        }
        self.caches = caches
        buffers = try StageBuffers(slice: slice, memory: device.memory, limits: limits, slots: schedule.stepsInFlight)
        sections = StageCompiler(slice: slice, weights: weights, caches: caches, buffers: buffers, tables: tables).sections
        program = try device.compile(sections.map(\.operations), limits: limits)
        try weights.streamer?.start()
    }

    deinit { weights.streamer?.stop() }

    /// Says what the next step will want, so that its weights may be read.
    func announce(wantsLogits: Bool) { weights.streamer?.announce(wantsLogits: wantsLogits) }

    /// Runs the stage's part of step `number` (the first is 1), micro-batch by micro-batch.
    func run(_ tables: StepTables, step number: UInt32) {
        // By index: iterators over arrays allocate in unoptimised builds.
        for section in sections.indices {
            let forLogits = sections[section].kind == .logits
            if forLogits, tables.rowCount == 0 { continue }
            if let piece = sections[section].piece { weights.streamer?.acquire(piece, step: number) }
            for index in tables.parts.indices where !forLogits || tables.parts[index].rowCount > 0 {
                program.run(section, tables, tables.parts[index])
            }
            if let piece = sections[section].piece { weights.streamer?.release(piece) }
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
