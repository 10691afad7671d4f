public import Plans

/// A profile with every device and memory numbered: what the cost model and the searches index. The numbers are the ids of plans.
public struct Hardware: Sendable {
    public struct Device: Sendable {
        public var profile: DeviceProfile
        public var machine: Int
        /// Index of the memory it computes from.
        public var memory: Int
        /// `gpu0`, or `server/gpu0` where there are several machines.
        public var label: String
        /// Identity inside its machine (`PlannedDevice.key`).
        public var key: String
        public var excluded = false

        public var isCPU: Bool { profile.kind == .cpu }
    }

    public struct Memory: Sendable {
        public var machine: Int
        public var kind: PlannedMemory.Kind
        public var label: String
        /// Identity inside its machine (`PlannedMemory.key`).
        public var key: String
        /// Bytes a plan may use.
        public var capacity: Int
        public var readBytesPerSecond: Double
        public var writeBytesPerSecond: Double
    }

    public let profile: Profile
    public var devices: [Device] = []
    public var memories: [Memory] = []
    /// Memory index of each machine's host memory.
    public var hosts: [Int] = []
    /// Memory index of each machine's first disk.
    public var disks: [Int?] = []
    /// Device index of each machine's CPU.
    public var cpus: [Int?] = []
    private var links: [LinkProfile]
    /// The profile's.
    let fingerprint: String

    /// Share of host memory left to the operating system and the program's own buffers, at most `hostReserve` bytes.
    static let hostReserve = 2 << 30

    public init(_ profile: Profile) {
        self.profile = profile
        fingerprint = profile.fingerprint
        let count = profile.machines.count
        links = Array(repeating: profile.network.standard, count: count * count)
        for exception in profile.network.exceptions where exception.first < count && exception.second < count {
            links[exception.first * count + exception.second] = exception.link
            links[exception.second * count + exception.first] = exception.link
        }
        for (index, machine) in profile.machines.enumerated() {
            let prefix = count > 1 ? machine.name + "/" : ""
            let bandwidth = machine.memory.bytesPerSecond
            hosts.append(memories.count)
            memories.append(
                Memory(
                    machine: index, kind: .host, label: prefix + "host", key: "host",
                    capacity: max(0, machine.memory.usable - min(Self.hostReserve, machine.memory.capacity / 8)),
                    readBytesPerSecond: bandwidth,
                    writeBytesPerSecond: bandwidth))
            var gpus = 0
            cpus.append(nil)
            for device in machine.devices {
                if device.kind == .cpu {
                    cpus[index] = devices.count
                    devices.append(
                        Device(profile: device, machine: index, memory: hosts[index], label: prefix + "cpu0", key: device.key ?? "cpu0"))
                } else {
                    let label = prefix + "gpu\(gpus)", key = device.key ?? "gpu\(gpus)"
                    gpus += 1
                    devices.append(Device(profile: device, machine: index, memory: memories.count, label: label, key: key))
                    memories.append(
                        Memory(
                            machine: index, kind: .gpu, label: label, key: key, capacity: device.memory?.usable ?? 0,
                            readBytesPerSecond: device.readBytesPerSecond,
                            writeBytesPerSecond: device.readBytesPerSecond))
                }
            }
            disks.append(nil)
            for (number, disk) in machine.disks.enumerated() {
                if number == 0 { disks[index] = memories.count }
                memories.append(
                    Memory(
                        machine: index, kind: .disk, label: prefix + (machine.disks.count > 1 ? "disk\(number)" : "disk"),
                        key: "disk\(number)",
                        capacity: disk.capacity,
                        readBytesPerSecond: disk.readBytesPerSecond, writeBytesPerSecond: disk.writeBytesPerSecond))
            }
        }
    }

    /// What plans may use, numbered as here: everything but excluded devices.
    public var inventory: Inventory {
        Inventory(
            machines: profile.machines.enumerated().map { PlannedMachine(id: MachineID($0), name: $1.name) },
            devices: devices.enumerated().compactMap { index, device in
                if device.excluded { return nil }
                return PlannedDevice(
                    id: DeviceID(index), machine: MachineID(device.machine), kind: device.profile.kind, key: device.key,
                    name: "\(device.label) (\(device.profile.name))", memory: MemoryID(device.memory))
            },
            memories: memories.enumerated().map { index, memory in
                PlannedMemory(
                    id: MemoryID(index), machine: MachineID(memory.machine), kind: memory.kind, key: memory.key, name: memory.label,
                    capacity: memory.capacity)
            })
    }

    public func machineLink(_ a: Int, _ b: Int) -> LinkProfile { links[a * profile.machines.count + b] }

    /// What one message between two devices' memories takes: directly, through the host, or over the network.
    public func link(_ a: Int, _ b: Int) -> LinkProfile {
        let (from, to) = (devices[a], devices[b])
        if from.machine == to.machine, let one = from.profile.peer, let other = to.profile.peer {
            return LinkProfile(bytesPerSecond: min(one.bytesPerSecond, other.bytesPerSecond), latency: max(one.latency, other.latency))
        }
        var rate =
            from.machine == to.machine
            ? profile.machines[from.machine].memory.bytesPerSecond : machineLink(from.machine, to.machine).bytesPerSecond
        var latency = from.machine == to.machine ? 0 : machineLink(from.machine, to.machine).latency
        if let out = from.profile.link {
            rate = min(rate, out.fromDevice)
            latency = from.machine == to.machine ? max(latency, out.latency) : latency + out.latency
        }
        if let into = to.profile.link {
            rate = min(rate, into.toDevice)
            latency = from.machine == to.machine ? max(latency, into.latency) : latency + into.latency
        }
        return LinkProfile(bytesPerSecond: rate, latency: max(latency, 1e-6))
    }

    /// GPUs that may be used, in order.
    public var gpus: [Int] { devices.indices.filter { !devices[$0].isCPU && !devices[$0].excluded } }
    /// Every device that may be used.
    public var usable: [Int] { devices.indices.filter { !devices[$0].excluded } }

    /// Devices and memories with the user's wishes applied.
    public func restricted(by constraints: Constraints) throws(ConstraintError) -> Hardware {
        var result = self
        for name in constraints.excluded {
            let found = devices.indices.filter {
                devices[$0].label == name || profile.machines[devices[$0].machine].name == name
            }
            guard !found.isEmpty else {
                throw ConstraintError(
                    message:
                        "exclude \(name): no such machine or device; there are \(devices.map(\.label).prefix(20).joined(separator: ", "))")
            }
            for index in found { result.devices[index].excluded = true }
        }
        for limit in constraints.limits {
            let found = memories.indices.filter { limit.names(memories[$0]) }
            guard !found.isEmpty else {
                throw ConstraintError(
                    message: "limit \(limit.text): no such memory; there are \(memories.map(\.label).prefix(20).joined(separator: ", "))")
            }
            for index in found { result.memories[index].capacity = min(result.memories[index].capacity, limit.bytes) }
        }
        for pin in constraints.pins {
            guard let index = result.devices.firstIndex(where: { $0.label == pin.device }) else {
                throw ConstraintError(
                    message: "pin \(pin.text): no such device; there are \(devices.map(\.label).prefix(20).joined(separator: ", "))")
            }
            if result.devices[index].excluded {
                let reason =
                    constraints.excluded.first { $0 == pin.device || profile.machines[devices[index].machine].name == $0 } ?? pin.device
                throw ConstraintError(message: "\"pin \(pin.text)\" and \"exclude \(reason)\" contradict each other")
            }
        }
        guard !result.usable.isEmpty else {
            throw ConstraintError(message: "\"exclude \(constraints.excluded.joined(separator: "\", \"exclude "))\" leave no device")
        }
        return result
    }
}
