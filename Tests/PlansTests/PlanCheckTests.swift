import Checkpoints
import Models
import Plans
import Testing

/// Every kind of damage to a valid plan is found, and the message names it.
struct PlanCheckTests {
    static func problems(_ plan: Plan, _ inventory: Inventory = SamplePlan.inventory) -> [String] {
        PlanCheck.problems(plan, shape: SamplePlan.shape, inventory: inventory)
    }

    @Test func theSampleIsValid() { #expect(Self.problems(SamplePlan.plan) == []) }

    struct Damage: Sendable, CustomTestStringConvertible {
        var name: String
        /// In one of the messages.
        var message: String
        var apply: @Sendable (inout Plan) -> Void
        var testDescription: String { name }

        init(_ name: String, _ message: String, _ apply: @escaping @Sendable (inout Plan) -> Void) {
            (self.name, self.message, self.apply) = (name, message, apply)
        }
    }

    /// The first stage, and the placement of a module in it.
    private static func stage(_ plan: inout Plan, _ change: (inout Stage) -> Void) { change(&plan.replicas[0].stages[0]) }
    private static func shards(_ plan: inout Plan, _ module: Module, _ change: (inout [Shard]) -> Void) {
        for stage in plan.replicas[0].stages.indices {
            for index in plan.replicas[0].stages[stage].placements.indices
            where plan.replicas[0].stages[stage].placements[index].module == module {
                change(&plan.replicas[0].stages[stage].placements[index].shards)
            }
        }
    }
    private static func schedule(
        _ plan: inout Plan, _ pools: [Int], tables: [SliceTable] = [], block: Int = 64, sequences: Int = 3, inFlight: Int = 2
    ) {
        plan.replicas[0].schedule = ReplicaSchedule(
            blockTokens: block, pools: pools, sequences: sequences, stepTokens: 1 << 20, stepLogits: 1 << 20, sliceTables: tables,
            stepsInFlight: inFlight)
    }

    static let lists: [Damage] = [
        Damage("version", "version 1") { $0.version = 1 },
        Damage("no replicas", "no replicas") { $0.replicas = [] },
        Damage("device twice", "a device is listed twice") { $0.devices.append($0.devices[0]) },
        Damage("memory twice", "a memory is listed twice") { $0.memories.append($0.memories[0]) },
        Damage("machine twice", "a machine is listed twice") { $0.machines.append($0.machines[0]) },
        Damage("unknown machine", "machine 7") { $0.machines.append(PlannedMachine(id: MachineID(7), name: "c")) },
        Damage("unknown device", "device 9 (gpu9) does not exist") {
            $0.devices[1].id = DeviceID(9); $0.devices[1].key = "gpu9"
        },
        Damage("unlisted device", "device 1 is used but not listed") { $0.devices.remove(at: 1) },
        Damage("unlisted memory", "memory 2 is used but not listed") { $0.memories.remove(at: 2) },
        Damage("unlisted machine", "machine 1 is used but not listed") { $0.machines.remove(at: 1) },
        Damage("other kind", "device 1 is not what there is") { $0.devices[1].kind = .cpu },
        Damage("other memory", "device 1 is not what there is") { $0.devices[1].memory = MemoryID(0) },
        Damage("other kind of memory", "memory 1 is not what there is") { $0.memories[1].kind = .host },
        Damage("no threads", "0 threads") { $0.devices[0].threads = 0 },
    ]

    static let stages: [Damage] = [
        Damage("no stages", "no stages") { $0.replicas[0].stages = [] },
        Damage("stage missing", "2 of 4 layers") { $0.replicas[0].stages.removeLast() },
        Damage("layers beyond the model", "layers 0..<9 of a model with 4") { stage(&$0) { $0.layers = 0..<9 } },
        Damage("negative layers", "layers -1..<3") { stage(&$0) { $0.layers = -1..<3 } },
        Damage("stages swapped", "do not follow") { $0.replicas[0].stages.swapAt(0, 1) },
        Damage("no embedding", "the embedding belongs on the first stage") { stage(&$0) { $0.hasEmbedding = false } },
        Damage("output on the first", "the output matrix belongs on the last stage") { stage(&$0) { $0.hasOutput = true } },
        Damage("module missing", "attention of layer 1 is missing") {
            stage(&$0) { $0.placements.removeAll { $0.module == .attention(layer: 1) } }
        },
        Damage("module twice", "is there twice, out of order") { stage(&$0) { $0.placements.append($0.placements[1]) } },
        Damage("shared missing", "the shared part of layer 3 is missing") {
            $0.replicas[0].stages[1].placements.removeAll { $0.module == .shared(layer: 3) }
        },
        Damage("shared of a dense layer", "the shared part of layer 0 is there twice, out of order or does not belong here") {
            stage(&$0) { $0.placements.insert(ModulePlacement(module: .shared(layer: 0), shards: $0.placements[0].shards), at: 2) }
        },
        Damage("out of order", "out of order") { stage(&$0) { $0.placements.swapAt(1, 2) } },
        Damage("hidden states elsewhere", "memory 3 is in another machine") { stage(&$0) { $0.hiddenStates = MemoryID(3) } },
        Damage("machine elsewhere", "is in another machine") { stage(&$0) { $0.machine = MachineID(1) } },
        Damage("no boundary", "0 boundaries between 2 stages") { $0.replicas[0].boundaries = [] },
        Damage("boundary's format", "hidden states are f32; expected f16") { $0.replicas[0].boundaries[0].format = .f32 },
        Damage("sender elsewhere", "boundary 0: device 2") { $0.replicas[0].boundaries[0].sender = DeviceID(2) },
        Damage("receiver unknown", "boundary 0: device 8 does not exist") { $0.replicas[0].boundaries[0].receiver = DeviceID(8) },
        Damage("nothing crosses", "no hidden states cross it") { $0.replicas[0].boundaries[0].payload = [.tokens] },
        Damage("crosses twice", "something crosses it twice") { $0.replicas[0].boundaries[0].payload = [.hidden, .hidden] },
        Damage("arithmetic", "its arithmetic is mixed, the plan says cpu") { $0.replicas[0].arithmetic = .cpu },
    ]

    static let shards: [Damage] = [
        Damage("gap", "does not follow 4") { shards(&$0, .attention(layer: 0)) { $0[1].range = 5..<8 } },
        Damage("overlap", "does not follow 4") { shards(&$0, .attention(layer: 0)) { $0[1].range = 3..<8 } },
        Damage("too few", "4 of 8 units") { shards(&$0, .attention(layer: 0)) { $0.removeLast() } },
        Damage("too many", "9 of 8 units") { shards(&$0, .attention(layer: 2)) { $0[0].range = 0..<9 } },
        Damage("empty", "does not follow") { shards(&$0, .attention(layer: 2)) { $0[0].range = 0..<0 } },
        Damage("no shards", "0 of 8 units") { shards(&$0, .attention(layer: 2)) { $0 = [] } },
        Damage("cut inside a grain of heads", "cut at 3; it may be cut at multiples of 4") {
            shards(&$0, .attention(layer: 0)) { ($0[0].range, $0[1].range) = (0..<3, 3..<8) }
        },
        Damage("cut inside a grain of columns", "cut at 500; it may be cut at multiples of 128") {
            shards(&$0, .feedForward(layer: 0)) { ($0[0].range, $0[1].range) = (0..<500, 500..<2048) }
        },
        Damage("a format that needs a larger grain", "cut at 64; it may be cut at multiples of 512") {
            shards(&$0, .feedForward(layer: 0)) { ($0[0].range, $0[1].range, $0[1].format) = (0..<64, 64..<2048, .q4_K) }
        },
        Damage("cut inside rows", "cut at 1000; it may be cut at multiples of 16") {
            shards(&$0, .output) {
                $0 = [$0[0], $0[0]]; ($0[0].range, $0[1].range) = (0..<1000, 1000..<1024)
            }
        },
        Damage("home unknown", "memory 12 does not exist") { shards(&$0, .output) { $0[0].home = MemoryID(12) } },
        Damage("home elsewhere", "the output matrix: memory 0 is in another machine") { shards(&$0, .output) { $0[0].home = MemoryID(0) } },
        Damage("computer elsewhere", "the output matrix: device 0 is in another machine") {
            shards(&$0, .output) { $0[0].computers = [Computer(device: DeviceID(0))] }
        },
        Damage("nobody computes", "nobody computes from 1 token on") { shards(&$0, .output) { $0[0].computers = [] } },
        Damage("nobody computes few tokens", "nobody computes from 1 token on") {
            shards(&$0, .output) { $0[0].computers[0].fromTokens = 2 }
        },
        Damage("two compute", "two devices compute at 64 tokens") {
            shards(&$0, .attention(layer: 0)) { $0[1].computers.append(Computer(fromTokens: 64, device: DeviceID(0))) }
        },
        Damage("checkpoint in memory", "the checkpoint's own bytes in a memory that is no disk") {
            shards(&$0, .output) { $0[0].layout = .checkpoint }
        },
        Damage("checkpoint in another format", "the checkpoint's own bytes in another format") {
            shards(&$0, .feedForward(layer: 0)) { $0[0].format = .q8_0 }
        },
        Damage("GPU's layout for a CPU", "packed for GPUs and computed by a CPU") {
            shards(&$0, .attention(layer: 0)) { $0[1].layout = .gpu }
        },
    ]

    static let cache: [Damage] = [
        Damage("heads missing", "keys and values of 4 of 8 heads") { stage(&$0) { $0.keyValue.remove(at: 2) } },
        Damage("heads twice", "do not follow 8") { stage(&$0) { $0.keyValue.append($0.keyValue[0]) } },
        Damage("heads beyond", "keys and values of 9 of 8 heads") { stage(&$0) { $0.keyValue[0].heads = 0..<9 } },
        Damage("no heads", "keys and values of heads 0..<0") { stage(&$0) { $0.keyValue[0].heads = 0..<0 } },
        Damage("layer missing", "layer 2, pool 1: keys and values of 0 of 8 heads") { stage(&$0) { $0.keyValue.remove(at: 3) } },
        Damage("layers elsewhere", "attention is here of 0..<3") { stage(&$0) { $0.keyValue[0].layers = 0..<4 } },
        Damage("unknown pool", "keys and values of pool 5; there are 2") { stage(&$0) { $0.keyValue[1].pool = 5 } },
        Damage("negative pool", "keys and values of pool -1") { stage(&$0) { $0.keyValue[1].pool = -1 } },
        Damage("cache elsewhere", "memory 4 is in another machine") { stage(&$0) { $0.keyValue[0].memory = MemoryID(4) } },
        Damage("nobody attends", "keys and values: nobody computes from 1 token on") { stage(&$0) { $0.keyValue[0].computers = [] } },
        Damage("a pool too few", "keys and values of pool 1; there are 1") { schedule(&$0, [8]) },
        Damage("a pool too many", "pool 2: keys and values of 0 of 8 heads") { schedule(&$0, [8, 4, 4]) },
        Damage("empty pool", "pool 1 is empty") { schedule(&$0, [8, 0]) },
        Damage("too many blocks", "more blocks than have numbers") { schedule(&$0, [Int(Int32.max), 1]) },
        Damage("overflowing blocks", "more blocks than have numbers") { schedule(&$0, [.max, .max]) },
        Damage("other blocks", "blocks of 16 tokens; kernels store 64") { schedule(&$0, [8, 4], block: 16) },
        Damage("slices", "slices [64, 40] of a prompt of 100 tokens") {
            schedule(&$0, [8, 4], tables: [SliceTable(promptTokens: 100, slices: [64, 40])])
        },
        Damage("two tables", "two slice tables for prompts of 64 tokens") {
            schedule(&$0, [8, 4], tables: [SliceTable(promptTokens: 64, slices: [64]), SliceTable(promptTokens: 64, slices: [32, 32])])
        },
        Damage("too much at once", "more than can be kept") { schedule(&$0, [8, 4], sequences: 1 << 20, inFlight: 1 << 20) },
    ]

    static let streams: [Damage] = [
        Damage("no stream", "device 1 multiplies weights that are elsewhere and has no stream") { stage(&$0) { $0.streams = [] } },
        Damage("stream of nobody", "device 0 has a stream and multiplies nothing that is elsewhere") {
            stage(&$0) { $0.streams.append(WeightStream(device: DeviceID(0), window: 1 << 20)) }
        },
        Damage("two streams", "device 1 has two streams") { stage(&$0) { $0.streams.append($0.streams[0]) } },
        Damage("two slabs", "in 2 slabs") { stage(&$0) { $0.streams[0].slots = 2 } },
        Damage("no window", "a window of 0 bytes") { stage(&$0) { $0.streams[0].window = 0 } },
        Damage("negative bounce", "device 1 has a window") { stage(&$0) { $0.streams[0].bounce = -1 } },
        Damage("no bounce", "reads from disk through 0 bytes") { stage(&$0) { $0.streams[0].bounce = 0 } },
        Damage("bounce of nothing", "on the way from disk and reads nothing from there") {
            for layer in 0..<2 { shards(&$0, .feedForward(layer: layer)) { ($0[0].home, $0[0].layout) = (MemoryID(0), .gpu) } }
        },
        Damage("window too large", "memory 1 (a/gpu0) has 268435456 bytes") { stage(&$0) { $0.streams[0].window = 1 << 28 } },
        Damage("bounce too large", "memory 0 (a/host) has 1073741824 bytes") { stage(&$0) { $0.streams[0].bounce = 1 << 30 } },
        Damage("cache too large", "memory 1 (a/gpu0) has 268435456 bytes") { schedule(&$0, [1 << 20, 4]) },
        Damage("the plan's own limit", "memory 1 (a/gpu0) has 1000 bytes") { $0.memories[1].capacity = 1000 },
        Damage("weights too large", "memory 2 (a/disk) has 100000 bytes") { $0.memories[2].capacity = 100_000 },
    ]

    @Test(arguments: lists + stages + shards + cache + streams) func damageIsFound(damage: Damage) {
        var plan = SamplePlan.plan
        damage.apply(&plan)
        let found = Self.problems(plan)
        #expect(found.contains { $0.contains(damage.message) }, "\(found)")
    }

    /// What there is decides too: less memory, a device that may not be used.
    @Test func anotherInventoryIsFound() {
        var inventory = SamplePlan.inventory
        inventory.memories[1].capacity = 1 << 20
        #expect(Self.problems(SamplePlan.plan, inventory).contains { $0.contains("memory 1 (a/gpu0) has 1048576 bytes") })
        inventory = SamplePlan.inventory
        inventory.devices.remove(at: 1)
        #expect(Self.problems(SamplePlan.plan, inventory).contains { $0.contains("device 1") && $0.contains("may not be used") })
        #expect(!PlanCheck.problems(SamplePlan.plan, shape: BuiltInModels.named("OPT-1.3B")!, inventory: SamplePlan.inventory).isEmpty)
    }

    /// Weights in one memory count once: of two replicas, and of a tied output matrix.
    @Test func equalWeightsAreHeldOnce() throws {
        var plan = SamplePlan.plan
        let needed = try #require(Self.weights(plan, in: SamplePlan.host))
        plan.replicas.append(plan.replicas[0])
        #expect(Self.weights(plan, in: SamplePlan.host) == needed + Self.cacheOnHost)
        // Another range of the same module is not there yet.
        for index in plan.replicas[1].stages[0].placements.indices
        where plan.replicas[1].stages[0].placements[index].module == .feedForward(layer: 0) {
            plan.replicas[1].stages[0].placements[index].shards[1].home = SamplePlan.host
            plan.replicas[1].stages[0].placements[index].shards[0].range = 0..<256
            plan.replicas[1].stages[0].placements[index].shards[1].range = 256..<2048
        }
        let more = Double(256 * 3 * 1024 * 2)
        #expect(Self.weights(plan, in: SamplePlan.host) == needed + Self.cacheOnHost + more)
    }

    /// Keys, values and bounce buffers of one replica in host memory.
    private static let cacheOnHost: Double = {
        let f16 = 2.0 * 4 * Double(KeyValueFormat.f16.blockBytes(headSize: 128)),
            q8 = 8 * Double(KeyValueFormat.q8.blockBytes(headSize: 128))
        return 4 * (f16 + q8) + Double(1 << 20)
    }()

    /// Bytes that the check counts in a memory: those with which it just fits.
    private static func weights(_ plan: Plan, in memory: MemoryID) -> Double? {
        var inventory = SamplePlan.inventory
        let index = inventory.memories.firstIndex { $0.id == memory }!
        var low = 0, high = 1 << 30
        while low < high {
            let middle = (low + high) / 2
            inventory.memories[index].capacity = middle
            if problems(plan, inventory).isEmpty { high = middle } else { low = middle + 1 }
        }
        return Double(low)
    }

    @Test func hostileNumbersEndInMessages() {
        var plan = SamplePlan.plan
        plan.replicas[0].stages[0].streams[0].window = .max
        plan.replicas[0].stages[0].streams[0].bounce = .max
        plan.replicas[0].schedule = ReplicaSchedule(pools: [.max, .max])
        plan.replicas[0].stages[0].keyValue[0].heads = 0..<Int.max
        plan.replicas[0].stages[0].placements[1].shards[0].range = 0..<Int.max
        plan.replicas[0].stages[0].placements[1].shards[1].range = Int.min..<Int.max
        #expect(!Self.problems(plan).isEmpty)
        // Very many faults are not all told.
        plan.devices = Array(repeating: plan.devices[0], count: 5000).enumerated().map { index, device in
            var device = device
            device.id = DeviceID(1000 + index)
            return device
        }
        #expect(Self.problems(plan).count == 100)
    }
}
