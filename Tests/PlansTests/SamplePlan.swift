import Checkpoints
import Models
import Plans

/// A valid plan with something of everything: two machines, a processor and two GPUs, weights in every kind of memory, two pools, experts,
/// a layer whose halves are in two stages, and devices that change with the number of tokens.
enum SamplePlan {
    /// Four layers, the last two with experts; 8 KV heads of 128, 2048 columns, 1024 words.
    static let shape: ModelShape = {
        var shape = BuiltInModels.gated(
            "sample", layers: 2, hidden: 1024, heads: 8, keyValueHeads: 8, ffn: 2048, vocabulary: 1024, context: 512)
        let experts = BuiltInModels.gated(
            "sample", layers: 2, hidden: 1024, heads: 8, keyValueHeads: 8, ffn: 256, vocabulary: 1024, context: 512, experts: 4,
            expertsPerToken: 2)
        shape.runs += experts.runs
        return shape
    }()

    static let cpu = DeviceID(0), gpu = DeviceID(1), other = DeviceID(2)
    static let host = MemoryID(0), own = MemoryID(1), disk = MemoryID(2), farHost = MemoryID(3), far = MemoryID(4)

    static let inventory = Inventory(
        machines: [PlannedMachine(id: MachineID(0), name: "a"), PlannedMachine(id: MachineID(1), name: "b")],
        devices: [
            PlannedDevice(id: cpu, machine: MachineID(0), kind: .cpu, key: "cpu0", name: "a/cpu0 (Xeon)", memory: host),
            PlannedDevice(id: gpu, machine: MachineID(0), kind: .gpu, key: "pci:0000:65:00.0", name: "a/gpu0 (T4)", memory: own),
            PlannedDevice(id: other, machine: MachineID(1), kind: .gpu, key: "gpu0", name: "b/gpu0 (T4)", memory: far),
        ],
        memories: [
            PlannedMemory(id: host, machine: MachineID(0), kind: .host, key: "host", name: "a/host", capacity: 1 << 30),
            PlannedMemory(id: own, machine: MachineID(0), kind: .gpu, key: "pci:0000:65:00.0", name: "a/gpu0", capacity: 1 << 28),
            PlannedMemory(id: disk, machine: MachineID(0), kind: .disk, key: "disk0", name: "a/disk", capacity: 1 << 34),
            PlannedMemory(id: farHost, machine: MachineID(1), kind: .host, key: "host", name: "b/host", capacity: 1 << 30),
            PlannedMemory(id: far, machine: MachineID(1), kind: .gpu, key: "gpu0", name: "b/gpu0", capacity: 1 << 28),
        ])

    static let plan: Plan = {
        let both = [Computer(device: cpu), Computer(fromTokens: 64, device: gpu)]
        func whole(_ module: Module, _ units: Int, _ home: MemoryID, _ layout: WeightLayout, _ device: DeviceID) -> ModulePlacement {
            ModulePlacement(
                module: module, shards: [Shard(range: 0..<units, home: home, layout: layout, computers: [Computer(device: device)])])
        }
        var placements = [whole(.embedding, 1024, host, .cpu, cpu)]
        for layer in 0..<2 {
            placements.append(
                ModulePlacement(
                    module: .attention(layer: layer),
                    shards: [
                        Shard(range: 0..<4, home: own, layout: .gpu, computers: [Computer(device: gpu)]),
                        Shard(range: 4..<8, home: host, layout: .cpu, format: .q8_0, computers: both),
                    ]))
            placements.append(
                ModulePlacement(
                    module: .feedForward(layer: layer),
                    shards: [
                        Shard(range: 0..<512, home: disk, layout: .checkpoint, computers: [Computer(device: gpu)]),
                        Shard(range: 512..<2048, home: host, layout: .cpu, computers: [Computer(device: cpu)]),
                    ]))
        }
        placements.append(whole(.attention(layer: 2), 8, own, .gpu, gpu))
        let first = Stage(
            machine: MachineID(0), layers: 0..<3, hasEmbedding: true, hasOutput: false, placements: placements,
            keyValue: [
                KeyValueShare(layers: 0..<3, heads: 0..<8, pool: 0, memory: own, format: .f16, computers: [Computer(device: gpu)]),
                KeyValueShare(layers: 0..<2, heads: 0..<4, pool: 1, memory: host, format: .f16, computers: both),
                KeyValueShare(layers: 0..<2, heads: 4..<8, pool: 1, memory: own, format: .f16, computers: [Computer(device: gpu)]),
                KeyValueShare(layers: 2..<3, heads: 0..<8, pool: 1, memory: host, format: .q8, computers: [Computer(device: cpu)]),
            ], hiddenStates: host, streams: [WeightStream(device: gpu, window: 3 << 20, slots: 3, bounce: 1 << 20)])
        var second = [whole(.shared(layer: 2), 1, far, .gpu, other), whole(.feedForward(layer: 2), 4, far, .gpu, other)]
        second += [whole(.attention(layer: 3), 8, far, .gpu, other), whole(.shared(layer: 3), 1, far, .gpu, other)]
        second += [whole(.feedForward(layer: 3), 4, far, .gpu, other), whole(.output, 1024, far, .gpu, other)]
        let last = Stage(
            machine: MachineID(1), layers: 2..<4, hasEmbedding: false, hasOutput: true, placements: second,
            keyValue: (0..<2).map {
                KeyValueShare(layers: 3..<4, heads: 0..<8, pool: $0, memory: far, format: .f16, computers: [Computer(device: other)])
            }, hiddenStates: far)
        let schedule = ReplicaSchedule(
            pools: [8, 4], sequences: 3, stepTokens: 512, stepLogits: 16, sliceTables: [SliceTable(promptTokens: 100, slices: [64, 36])],
            stepsInFlight: 2, block: BlockGeometry(microBatchSize: 2, microBatchCount: 2))
        return Plan(
            model: "00c0ffee00c0ffee", profile: "0123456789abcdef", machines: inventory.machines, devices: inventory.devices,
            memories: inventory.memories,
            replicas: [
                Replica(
                    stages: [first, last], boundaries: [Boundary(sender: gpu, receiver: other, format: .f16)], schedule: schedule,
                    arithmetic: .mixed)
            ],
            prediction: Prediction(
                throughputTokensPerSecond: 12.5, prefillSeconds: ["gpu0 compute": 0.25], decodeSeconds: ["gpu0 compute": 0.125],
                memory: [.init(memory: host, bytes: 1000, capacity: 1 << 30)]))
    }()
}
