import Devices
import Plans

/// A plan's devices and memories as they are in this process, by the plan's ids.
///
/// GPUs are emulated ones for now: a plan's GPU is the one that was described under its key.
final class LocalDevices {
    private(set) var devices: [DeviceID: any Device] = [:]
    /// Without the disks.
    private(set) var memories: [MemoryID: any Memory] = [:]
    let host: HostMemory
    let hostID: MemoryID
    let processor: CPUDevice
    let emulated: [EmulatedDevice]
    private let planned: [DeviceID: PlannedDevice]

    /// - Parameter replacement: what runs in the place of the plan's processor, with its memory; nil: the processor.
    /// - Throws: `RuntimeError.unsupported` for a device that is not here, `DeviceError`.
    init(_ plan: Plan, options: Executor.Options, replacement: (any Device)?) throws {
        planned = Dictionary(plan.devices.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        // A plan that uses nothing of the host's memory still has its tables and logits there.
        let free = MemoryID((plan.memories.map(\.id.rawValue).max() ?? 0) + 1)
        hostID = plan.memories.first { $0.kind == .host }?.id ?? free
        host = HostMemory()
        let processors = plan.devices.filter { $0.kind == .cpu }
        if processors.count > 1 { throw RuntimeError.unsupported("several processors") }
        // Without one in the plan it still reads and packs.
        let threads = processors.first?.threads ?? options.threads
        processor = try CPUDevice(threads: threads, instructionSet: options.instructionSet, memory: host)
        memories[hostID] = replacement?.memory ?? host
        var emulated: [EmulatedDevice] = []
        for device in plan.devices {
            switch device.kind {
            case .cpu: devices[device.id] = replacement ?? processor
            case .gpu:
                guard let emulation = options.emulated.first(where: { $0.name == device.key }) else {
                    throw RuntimeError.unsupported("device \(device.key): only emulated GPUs can be run for now")
                }
                let made = try EmulatedDevice(emulation, threads: threads, instructionSet: options.instructionSet)
                devices[device.id] = made
                memories[device.memory] = made.memory
                emulated.append(made)
            }
        }
        self.emulated = emulated
    }

    /// - Precondition: the plan lists it.
    func device(_ id: DeviceID) -> any Device {
        guard let device = devices[id] else { preconditionFailure("device \(id.rawValue) is not in the plan") }
        return device
    }

    /// - Precondition: the plan lists it, and it is no disk.
    func memory(_ id: MemoryID) -> any Memory {
        guard let memory = memories[id] else { preconditionFailure("memory \(id.rawValue) is not in the plan") }
        return memory
    }

    /// The memory that a device computes from.
    func memory(of id: DeviceID) -> MemoryID { planned[id]?.memory ?? hostID }

    /// What a copy from one memory to another passes through, in order.
    func links(from: MemoryID, to: MemoryID) -> [Link] {
        var links: [Link] = []
        for device in emulated where device.memory === memories[from] { links.append(device.outbound) }
        for device in emulated where device.memory === memories[to] { links.append(device.inbound) }
        return links
    }
}
