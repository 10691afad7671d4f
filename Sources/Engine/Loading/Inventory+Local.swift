public import Plans

extension Inventory {
    /// What this process can run plans on: its machine's processor, the memory that can still be taken, and a disk.
    public static func local(threads: Int) -> Inventory {
        let machine = MachineID(0), host = MemoryID(0)
        return Inventory(
            machines: [PlannedMachine(id: machine, name: "localhost")],
            devices: [
                PlannedDevice(id: DeviceID(0), machine: machine, kind: .cpu, key: "cpu0", name: "cpu0", memory: host, threads: threads)
            ],
            memories: [
                PlannedMemory(id: host, machine: machine, kind: .host, key: "host", name: "host", capacity: ProcessMemory.available),
                PlannedMemory(id: MemoryID(1), machine: machine, kind: .disk, key: "disk0", name: "disk"),
            ])
    }
}
