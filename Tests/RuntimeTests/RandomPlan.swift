import Devices
import Models
import Plans

/// Numbers that follow from a seed.
struct Dice {
    private var state: UInt64

    init(seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1 }

    mutating func next() -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state >> 33)
    }

    /// 0 ..< count.
    mutating func roll(_ count: Int) -> Int { next() % max(1, count) }
    mutating func chance(_ percent: Int) -> Bool { roll(100) < percent }
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[roll(elements.count)] }

    /// Ascending cuts of `count` units at multiples of `grain` into at most `most` ranges.
    mutating func ranges(_ count: Int, grain: Int, most: Int) -> [Range<Int>] {
        let grains = (count + grain - 1) / grain
        var edges: Set<Int> = [0, count]
        for _ in 1..<max(2, most) where grains > 1 { edges.insert(min(count, roll(grains) * grain)) }
        let sorted = edges.sorted()
        return zip(sorted, sorted.dropFirst()).map { $0..<$1 }
    }
}

/// A valid plan for a model over one processor, two emulated GPUs and a disk, with everything that a plan decides left to chance.
struct RandomPlan {
    static let emulations = [
        Emulation(name: "gpu0", memoryBytes: 1 << 28, readBytesPerSecond: 1e12, linkBytesPerSecond: 1e12, latency: 0),
        Emulation(name: "gpu1", memoryBytes: 1 << 28, readBytesPerSecond: 1e12, linkBytesPerSecond: 1e12, latency: 0),
    ]
    private static let cpu = DeviceID(0), host = MemoryID(0), disk = MemoryID(3)
    private static let memoryOf: [DeviceID: MemoryID] = [DeviceID(0): MemoryID(0), DeviceID(1): MemoryID(1), DeviceID(2): MemoryID(2)]

    let plan: Plan
    let model: ModelSpec
    /// Blocks of each pool.
    let pools: [Int]

    init(model: ModelSpec, seed: Int) {
        self.model = model
        var dice = Dice(seed: seed)
        let shape = ModelShape(model)
        let machine = MachineID(0)
        let devices = dice.pick([[0, 1], [0, 1, 2], [0, 1, 2], [0], [1], [1, 2]]).map { DeviceID($0) }
        pools = dice.chance(40) ? [6, 10] : [16]
        let isStaged = dice.chance(40)
        var stages: [Stage] = []
        var edges: Set<Int> = [0, 2 * model.layers.count]
        for _ in 0..<dice.roll(3) { edges.insert(1 + dice.roll(2 * model.layers.count - 1)) }
        let cuts = edges.sorted()
        for (first, end) in zip(cuts, cuts.dropFirst()) {
            stages.append(
                Self.stage(
                    first..<end, model: model, shape: shape, devices: devices, pools: pools, isStaged: isStaged, isFirst: first == 0,
                    isLast: end == 2 * model.layers.count, &dice))
        }
        let boundaries = zip(stages, stages.dropFirst()).map { from, to in
            Boundary(sender: dice.pick(Self.ordered(from.devices)), receiver: dice.pick(Self.ordered(to.devices)), format: .f32)
        }
        let several = dice.chance(50)
        let schedule = ReplicaSchedule(
            pools: pools, sequences: 8, stepTokens: 32, stepLogits: 32, stepsInFlight: 1 + dice.roll(3), sharesPrefixes: false,
            block: several ? BlockGeometry(microBatchSize: 1 + dice.roll(3), microBatchCount: 2 + dice.roll(3)) : .single)
        func planned(_ id: Int, _ kind: PlannedDevice.Kind, _ key: String) -> PlannedDevice {
            PlannedDevice(
                id: DeviceID(id), machine: machine, kind: kind, key: key, name: key, memory: MemoryID(id), threads: kind == .cpu ? 2 : nil)
        }
        let all = [planned(0, .cpu, "cpu0"), planned(1, .gpu, "gpu0"), planned(2, .gpu, "gpu1")]
        var replica = Replica(stages: stages, boundaries: boundaries, schedule: schedule, arithmetic: .mixed)
        replica.arithmetic = replica.arithmeticClass { id in all.first { $0.id == id }?.kind } ?? .mixed
        plan = Plan(
            model: "", profile: "", machines: [PlannedMachine(id: machine, name: "localhost")], devices: all,
            memories: [
                PlannedMemory(id: Self.host, machine: machine, kind: .host, key: "host", name: "host"),
                PlannedMemory(id: MemoryID(1), machine: machine, kind: .gpu, key: "gpu0", name: "gpu0"),
                PlannedMemory(id: MemoryID(2), machine: machine, kind: .gpu, key: "gpu1", name: "gpu1"),
                PlannedMemory(id: Self.disk, machine: machine, kind: .disk, key: "disk0", name: "disk0"),
            ], replicas: [replica])
    }

    private static func ordered(_ devices: Set<DeviceID>) -> [DeviceID] { devices.sorted { $0.rawValue < $1.rawValue } }

    private static func stage(
        _ modules: Range<Int>, model: ModelSpec, shape: ModelShape, devices: [DeviceID], pools: [Int], isStaged: Bool, isFirst: Bool,
        isLast: Bool, _ dice: inout Dice
    ) -> Stage {
        var placements: [ModulePlacement] = []
        func computers(_ dice: inout Dice) -> [Computer] {
            let first = dice.pick(devices)
            guard dice.chance(30), devices.count > 1 else { return [Computer(device: first)] }
            return [Computer(device: first), Computer(fromTokens: 2 + dice.roll(12), device: dice.pick(devices))]
        }
        func place(_ module: Module, most: Int) {
            let ranges = dice.ranges(shape.units(of: module), grain: shape.grain(of: module, formats: shape.matrixFormats), most: most)
            let shards = ranges.map { range in
                let computers = computers(&dice)
                let home = dice.chance(60) ? memoryOf[computers[0].device] ?? host : dice.pick([host, MemoryID(1), MemoryID(2), disk])
                let onCPU = computers.contains { $0.device == cpu }
                return Shard(
                    range: range, home: home, layout: home == disk ? .checkpoint : onCPU ? .cpu : .gpu, computers: computers)
            }
            placements.append(ModulePlacement(module: module, shards: shards))
        }
        if isFirst {
            let device = dice.pick(devices)
            placements.append(
                ModulePlacement(
                    module: .embedding,
                    shards: [
                        Shard(
                            range: 0..<model.vocabularySize, home: host, layout: device == cpu ? .cpu : .gpu,
                            computers: [Computer(device: device)])
                    ]))
        }
        var keyValue: [KeyValueShare] = []
        for module in modules {
            let layer = module / 2
            place(module % 2 == 0 ? .attention(layer: layer) : .feedForward(layer: layer), most: 3)
            guard module % 2 == 0 else { continue }
            for pool in pools.indices {
                for heads in dice.ranges(model.layers[layer].attention.keyValueHeadCount, grain: 1, most: 2) {
                    let device = dice.pick(devices)
                    let home = isStaged && dice.chance(60) ? dice.pick([host, MemoryID(1), MemoryID(2), disk]) : memoryOf[device] ?? host
                    keyValue.append(
                        KeyValueShare(
                            layers: layer..<layer + 1, heads: heads, pool: pool, memory: home, format: .f16,
                            computers: isStaged ? computers(&dice) : [Computer(device: device)]))
                }
            }
        }
        if isLast { place(.output, most: 3) }
        var streaming: [DeviceID: Bool] = [:]
        for placement in placements where placement.module != .embedding {
            for shard in placement.shards {
                for computer in shard.computers where memoryOf[computer.device] != shard.home {
                    streaming[computer.device] = (streaming[computer.device] ?? false) || (shard.home == disk && computer.device != cpu)
                }
            }
        }
        let streams = streaming.sorted { $0.key.rawValue < $1.key.rawValue }.map { device, fromDisk in
            let slots = 3 + dice.roll(3), slab = 100_000 + dice.roll(1 << 20)
            return WeightStream(device: device, window: slots * slab, slots: slots, bounce: fromDisk ? slab : 0)
        }
        return Stage(
            machine: MachineID(0), layers: modules.lowerBound / 2..<(modules.upperBound + 1) / 2, hasEmbedding: isFirst, hasOutput: isLast,
            placements: placements, keyValue: keyValue, hiddenStates: host, streams: streams)
    }
}
