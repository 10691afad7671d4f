/// Which machine, device and memory of an inventory each of a plan's is.
public struct PlanBinding: Sendable, Equatable {
    public var machines: [MachineID: MachineID]
    public var devices: [DeviceID: DeviceID]
    public var memories: [MemoryID: MemoryID]
}

/// Why a plan cannot be bound to what there is.
public struct BindingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was looked for, what is there, what to do.
    public var message: String

    public init(_ message: String) { self.message = message }

    public var description: String { message }
}

extension Plan {
    /// Finds the plan's machines, devices and memories among what there is.
    ///
    /// Machines are found by name; one machine is the same as the only one there is, whatever it is called. Within a machine devices are
    /// found by kind and key; `gpu1` is the second GPU where no device has that key; what is left is taken in order where as many are left
    /// on both sides. A GPU's memory is found with its device, others by key and order alike.
    ///
    /// - Throws: `BindingError` where something is not there, or where several could be meant; it names them.
    public func binding(to inventory: Inventory) throws(BindingError) -> PlanBinding {
        var binding = PlanBinding(machines: [:], devices: [:], memories: [:])
        binding.machines = try machineBinding(to: inventory)
        for machine in machines {
            guard let target = binding.machines[machine.id] else { continue }
            for kind in PlannedDevice.Kind.allCases {
                let wanted = devices.filter { $0.machine == machine.id && $0.kind == kind }
                let there = inventory.devices.filter { $0.machine == target && $0.kind == kind }
                let found = try BindingPlaces(
                    what: "\(kind.rawValue == "cpu" ? "processor" : "GPU")", machine: machine.name, prefix: kind.rawValue,
                    wanted: wanted.map(\.key),
                    there: there.map(\.key), names: there.map(\.name)
                ).found()
                for (device, place) in zip(wanted, found) { binding.devices[device.id] = there[place].id }
            }
            for kind in PlannedMemory.Kind.allCases {
                // A GPU's memory goes with the GPU.
                var wanted: [PlannedMemory] = []
                for memory in memories where memory.machine == machine.id && memory.kind == kind {
                    let owner = devices.first { $0.memory == memory.id && $0.kind == .gpu && kind == .gpu }
                    if let owner, let bound = binding.devices[owner.id], let real = inventory.devices.first(where: { $0.id == bound }) {
                        binding.memories[memory.id] = real.memory
                    } else {
                        wanted.append(memory)
                    }
                }
                let taken = Set(binding.memories.values)
                let there = inventory.memories.filter { $0.machine == target && $0.kind == kind && !taken.contains($0.id) }
                let found = try BindingPlaces(
                    what: "\(kind.rawValue) memory", machine: machine.name, prefix: kind.rawValue, wanted: wanted.map(\.key),
                    there: there.map(\.key),
                    names: there.map(\.name)
                ).found()
                for (memory, place) in zip(wanted, found) { binding.memories[memory.id] = there[place].id }
            }
        }
        return binding
    }

    /// The plan in an inventory's numbers.
    public func bound(to inventory: Inventory) throws(BindingError) -> Plan {
        let binding = try binding(to: inventory)
        return renumbered(
            machine: { binding.machines[$0] ?? $0 }, device: { binding.devices[$0] ?? $0 }, memory: { binding.memories[$0] ?? $0 })
    }

    private func machineBinding(to inventory: Inventory) throws(BindingError) -> [MachineID: MachineID] {
        if machines.count == 1, inventory.machines.count == 1 { return [machines[0].id: inventory.machines[0].id] }
        var result: [MachineID: MachineID] = [:]
        for machine in machines {
            let candidates = inventory.machines.filter { $0.name == machine.name }
            guard candidates.count == 1 else {
                let names = inventory.machines.prefix(20).map(\.name).joined(separator: ", ")
                throw BindingError(
                    candidates.isEmpty
                        ? "the plan uses machine \(machine.name); there are \(names): plan again for these machines"
                        : "\(candidates.count) machines are called \(machine.name), as the plan's is: give them names of their own")
            }
            guard result.updateValue(candidates[0].id, forKey: machine.id) == nil,
                result.values.count(where: { $0 == candidates[0].id }) == 1
            else {
                throw BindingError("the plan has two machines called \(machine.name)")
            }
        }
        return result
    }
}
