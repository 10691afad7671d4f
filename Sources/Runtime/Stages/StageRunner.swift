import Checkpoints
import Devices
import Models
import Plans

/// One stage, reserved and compiled; `load` reads its weights.
final class StageRunner {
    let slice: StageSlice
    let weights: StageWeights
    let lanes: [StageLane]
    /// The lanes of devices, with the devices' names.
    private(set) var deviceLanes: [(device: String, lane: StageLane)] = []
    private let caches: [KeyValueCache]
    private let buffers: StageBuffers

    /// Sizes and reserves everything, and compiles what each lane does.
    ///
    /// - Throws: `RuntimeError`, `MemoryError`, `DeviceError`, `DiskError`; nothing was read then.
    init(
        slice: StageSlice, checkpoint: Checkpoint, devices: LocalDevices, tables: StepTableKinds, limits: StepLimits,
        schedule: ReplicaSchedule, shared: StepBuffers, channels: ChannelStorage, inlet: StageBoundary?, outlet: StageBoundary?,
        directory: String, trace: RunTrace?
    ) throws {
        self.slice = slice
        weights = try StageWeights(slice, checkpoint: checkpoint, devices: devices, stepsInFlight: schedule.stepsInFlight, trace: trace)
        var caches: [KeyValueCache] = []
        for share in slice.stage.keyValue {
            caches.append(
                try KeyValueCache(
                    share, attention: slice.attention, blockCount: schedule.pools[share.pool], memory: devices.memories[share.memory],
                    directory: directory))
        }
        self.caches = caches
        buffers = StageBuffers(slice: slice, devices: devices, limits: limits, slots: schedule.stepsInFlight, shared: shared)
        let compiler = StageCompiler(
            slice: slice, weights: weights, caches: caches, buffers: buffers, tables: tables, devices: devices, channels: channels,
            inlet: inlet, outlet: outlet, pools: schedule.pools)
        var lanes: [StageLane] = [], deviceOnes: [(device: String, lane: StageLane)] = []
        for lane in try compiler.lanes() {
            switch lane.key {
            case .device(let id):
                let device = devices.device(id)
                let made = StageLane(
                    name: device.name, phases: lane.phases, variants: slice.variants,
                    program: try device.compile(lane.segments, limits: limits), streamer: weights.streamer(of: id), trace: trace)
                lanes.append(made)
                deviceOnes.append((device.name, made))
            case .copies(let from, let to):
                lanes.append(
                    StageLane(
                        name: "\(devices.memory(from).name) to \(devices.memory(to).name)", phases: lane.phases, variants: slice.variants,
                        links: devices.links(from: from, to: to), trace: trace))
            case .bringing(let key), .returning(let key):
                lanes.append(
                    StageLane(
                        name: "keys and values of \(devices.device(key.device).name)", phases: lane.phases, variants: slice.variants,
                        transfers: lane.transfers, trace: trace))
            }
        }
        self.lanes = lanes
        deviceLanes = deviceOnes
    }

    deinit { for streamer in weights.streamers { streamer.stop() } }

    /// Reads the weights that are kept, and begins to read those that are not.
    func load(_ checkpoint: Checkpoint, cpu: CPU, progress: (Int) -> Void) throws {
        try weights.load(checkpoint, cpu: cpu, progress: progress)
        for streamer in weights.streamers { try streamer.start() }
    }

    /// Says what the next step will want, so that its weights may be read.
    func announce(_ needs: StepNeeds) {
        for index in weights.streamers.indices { weights.streamers[index].announce(needs) }
    }

    /// What went wrong while weights were read, or keys and values read or written.
    var error: DiskError? {
        for index in weights.streamers.indices { if let error = weights.streamers[index].error { return error } }
        for index in lanes.indices { if let error = lanes[index].error { return error } }
        return nil
    }
}
