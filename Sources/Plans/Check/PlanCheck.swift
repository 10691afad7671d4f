import Checkpoints
public import Models

/// Whether a plan keeps every invariant of version 2 (docs/formats.md, Plans), for a model's shape and what there is.
///
/// Independent of the searches: it reads nothing but the plan, the shape and the inventory, and adds up bytes by itself. Whoever reads a
/// plan or is given one asks it before anything else; what it accepts can be run without another look at ranges, ids or sizes.
public enum PlanCheck {
    /// What is wrong, in words; empty: nothing. At most 100 of it.
    ///
    /// - Parameter inventory: numbered as the plan is (`Plan.binding`).
    public static func problems(_ plan: Plan, shape: ModelShape, inventory: Inventory) -> [String] {
        var checker = PlanChecker(plan: plan, shape: shape, inventory: inventory)
        checker.checkLists()
        if plan.replicas.isEmpty { checker.add("no replicas") }
        for (number, replica) in plan.replicas.enumerated() {
            checker.check(replica, "replica \(number)")
            if checker.found.count >= maximumCount { break }
        }
        checker.checkCapacities()
        return Array(checker.found.prefix(maximumCount))
    }

    static let maximumCount = 100
}

/// A check in progress.
struct PlanChecker {
    let plan: Plan
    let shape: ModelShape
    let inventory: Inventory
    private(set) var found: [String] = []

    let machines: Set<MachineID>
    let devices: [DeviceID: PlannedDevice]
    let memories: [MemoryID: PlannedMemory]
    /// What the plan itself lists.
    let listedMachines: Set<MachineID>
    let listedDevices: Set<DeviceID>
    let listedMemories: [MemoryID: PlannedMemory]
    /// Formats that decide where matrices may be cut: the model's and those of all shards.
    let formats: [TensorFormat]
    /// Bytes by memory, as far as they have been counted.
    var bytes: [MemoryID: Double] = [:]
    /// Weights that are there already, by module and place: held once whoever else needs them.
    var held: [WeightPlace: [Range<Int>]] = [:]

    init(plan: Plan, shape: ModelShape, inventory: Inventory) {
        self.plan = plan
        self.shape = shape
        self.inventory = inventory
        machines = Set(inventory.machines.map(\.id))
        devices = Dictionary(inventory.devices.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        memories = Dictionary(inventory.memories.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        listedMachines = Set(plan.machines.map(\.id))
        listedDevices = Set(plan.devices.map(\.id))
        listedMemories = Dictionary(plan.memories.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var formats = shape.matrixFormats
        for stage in plan.replicas.lazy.flatMap(\.stages) {
            for placement in stage.placements {
                for shard in placement.shards { if let format = shard.format, !formats.contains(format) { formats.append(format) } }
            }
        }
        self.formats = formats
    }

    /// Notes what is wrong; of very much no more than is told.
    mutating func add(_ problem: String) { if found.count < PlanCheck.maximumCount { found.append(problem) } }

    // MARK: Lists

    /// Ids are unique and name what is there.
    mutating func checkLists() {
        if plan.version != Plan.currentVersion { add("version \(plan.version); expected \(Plan.currentVersion)") }
        if listedMachines.count != plan.machines.count { add("a machine is listed twice") }
        if listedDevices.count != plan.devices.count { add("a device is listed twice") }
        if listedMemories.count != plan.memories.count { add("a memory is listed twice") }
        for machine in plan.machines where !machines.contains(machine.id) {
            add("machine \(machine.id.rawValue) (\(machine.name)) does not exist")
        }
        for device in plan.devices {
            guard let real = devices[device.id] else {
                add("device \(device.id.rawValue) (\(device.key)) does not exist or may not be used")
                continue
            }
            if !listedMachines.contains(device.machine) {
                add("device \(device.id.rawValue) is in machine \(device.machine.rawValue), which is not listed")
            }
            if real.kind != device.kind || real.machine != device.machine || real.memory != device.memory {
                add("device \(device.id.rawValue) is not what there is: its kind, machine or memory differs")
            }
            if let threads = device.threads, threads < 1 { add("device \(device.id.rawValue) has \(threads) threads") }
        }
        for memory in plan.memories {
            guard let real = memories[memory.id] else {
                add("memory \(memory.id.rawValue) (\(memory.key)) does not exist")
                continue
            }
            if !listedMachines.contains(memory.machine) {
                add("memory \(memory.id.rawValue) is in machine \(memory.machine.rawValue), which is not listed")
            }
            if real.kind != memory.kind || real.machine != memory.machine {
                add("memory \(memory.id.rawValue) is not what there is: its kind or machine differs")
            }
            if let capacity = memory.capacity, capacity < 0 { add("memory \(memory.id.rawValue) has \(capacity) bytes") }
        }
    }

    /// The device, if it is there, listed and in the stage's machine.
    @discardableResult
    mutating func device(_ id: DeviceID, of stage: Stage, _ name: String) -> PlannedDevice? {
        guard let device = devices[id] else {
            add("\(name): device \(id.rawValue) does not exist or may not be used")
            return nil
        }
        if !listedDevices.contains(id) { add("\(name): device \(id.rawValue) is used but not listed") }
        if device.machine != stage.machine { add("\(name): device \(id.rawValue) is in another machine") }
        return device
    }

    @discardableResult
    mutating func memory(_ id: MemoryID, of stage: Stage, _ name: String) -> PlannedMemory? {
        guard let memory = memories[id] else {
            add("\(name): memory \(id.rawValue) does not exist")
            return nil
        }
        if listedMemories[id] == nil { add("\(name): memory \(id.rawValue) is used but not listed") }
        if memory.machine != stage.machine { add("\(name): memory \(id.rawValue) is in another machine") }
        return memory
    }

    /// Somebody computes for every number of tokens, and no more than one.
    mutating func check(_ computers: [Computer], of stage: Stage, _ name: String) {
        if computers.first?.fromTokens != 1 { add("\(name): nobody computes from 1 token on") }
        for (one, next) in zip(computers, computers.dropFirst()) where one.fromTokens >= next.fromTokens {
            add("\(name): two devices compute at \(next.fromTokens) tokens")
        }
        for computer in computers { device(computer.device, of: stage, name) }
    }

    /// Bytes of a memory, never less than nothing.
    mutating func count(_ bytes: Double, in memory: MemoryID) { self.bytes[memory, default: 0] += max(0, bytes) }

    /// Everything in its memory, within what there is and what the plan allows itself.
    mutating func checkCapacities() {
        for (id, size) in bytes.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard let capacity = [memories[id]?.capacity, listedMemories[id]?.capacity].compactMap({ $0 }).min() else { continue }
            if size > Double(capacity) + 1 {
                let what = "weights, keys and values and staging buffers take \(Self.whole(size)) bytes"
                add("memory \(id.rawValue) (\(memories[id]?.name ?? "")) has \(capacity) bytes, \(what)")
            }
        }
    }

    static func whole(_ bytes: Double) -> Int { Int(min(9e18, max(0, bytes.rounded(.up)))) }
}
