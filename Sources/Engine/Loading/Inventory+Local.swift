public import Devices
public import Plans

extension Inventory {
    /// What this process can run plans on: its machine's processor, the memory that can still be taken, a disk, and emulated devices.
    public static func local(threads: Int, emulated: [Emulation] = []) -> Inventory {
        let machine = MachineID(0), host = MemoryID(0)
        var inventory = Inventory(
            machines: [PlannedMachine(id: machine, name: "localhost")],
            devices: [
                PlannedDevice(id: DeviceID(0), machine: machine, kind: .cpu, key: "cpu0", name: "cpu0", memory: host, threads: threads)
            ],
            memories: [
                PlannedMemory(id: host, machine: machine, kind: .host, key: "host", name: "host", capacity: ProcessMemory.available),
                PlannedMemory(id: MemoryID(1), machine: machine, kind: .disk, key: "disk0", name: "disk"),
            ])
        for (number, emulation) in emulated.enumerated() {
            let memory = MemoryID(2 + number)
            inventory.devices.append(
                PlannedDevice(
                    id: DeviceID(1 + number), machine: machine, kind: .gpu, key: emulation.name, name: "\(emulation.name) (emulated)",
                    memory: memory))
            inventory.memories.append(
                PlannedMemory(
                    id: memory, machine: machine, kind: .gpu, key: emulation.name, name: emulation.name, capacity: emulation.memoryBytes))
        }
        return inventory
    }
}
