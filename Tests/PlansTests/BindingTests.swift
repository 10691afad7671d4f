import Plans
import Testing

/// Plans find their devices again by machine, kind and key, else by order; what fits two is refused.
struct BindingTests {
    static let plan = SamplePlan.plan

    /// The sample's machines in another order, with other numbers.
    static func inventory(_ change: (inout Inventory) -> Void = { _ in }) -> Inventory {
        var plan = Self.plan.renumbered(
            machine: { MachineID(5 - $0.rawValue) }, device: { DeviceID(20 - $0.rawValue) }, memory: { MemoryID(30 - $0.rawValue) })
        plan.machines.reverse()
        plan.devices.reverse()
        plan.memories.reverse()
        var inventory = plan.inventory
        change(&inventory)
        return inventory
    }

    @Test func boundByNameAndKey() throws {
        let binding = try Self.plan.binding(to: Self.inventory())
        #expect(binding.machines == [MachineID(0): MachineID(5), MachineID(1): MachineID(4)])
        #expect(binding.devices == [DeviceID(0): DeviceID(20), DeviceID(1): DeviceID(19), DeviceID(2): DeviceID(18)])
        #expect(binding.memories == Dictionary(uniqueKeysWithValues: (0..<5).map { (MemoryID($0), MemoryID(30 - $0)) }))
        let bound = try Self.plan.bound(to: Self.inventory())
        #expect(PlanCheck.problems(bound, shape: SamplePlan.shape, inventory: Self.inventory()).isEmpty)
        #expect(try bound.bound(to: SamplePlan.inventory) == Self.plan)
    }

    /// Display names mean nothing; a key that is not there is found by its number, then what is left in order.
    @Test func boundByOrder() throws {
        let renamed = Self.inventory { for index in $0.devices.indices { $0.devices[index].name = "same" } }
        #expect(try Self.plan.binding(to: renamed).devices[DeviceID(1)] == DeviceID(19))
        // The profile has no key any more: its only GPU is the plan's only one.
        let anonymous = Self.inventory { inventory in
            for index in inventory.devices.indices where inventory.devices[index].key.hasPrefix("pci") {
                inventory.devices[index].key = "gpu0"
            }
        }
        #expect(try Self.plan.binding(to: anonymous).devices[DeviceID(1)] == DeviceID(19))
        // The plan counts GPUs, the profile knows them: gpu1 is the second.
        var plan = Self.plan
        plan.devices[1].key = "gpu1"
        let two = Self.inventory { inventory in
            let gpu = inventory.devices.first { $0.key.hasPrefix("pci") }!
            var other = gpu
            (other.id, other.key, other.memory) = (DeviceID(40), "pci:0000:b3:00.0", MemoryID(40))
            inventory.devices.insert(other, at: 0)
            inventory.memories.append(PlannedMemory(id: MemoryID(40), machine: gpu.machine, kind: .gpu, key: other.key, name: "b3"))
        }
        let binding = try plan.binding(to: two)
        #expect(binding.devices[DeviceID(1)] == DeviceID(19) && binding.memories[MemoryID(1)] == MemoryID(29))
        plan.devices[1].key = "gpu0"
        #expect(try plan.binding(to: two).devices[DeviceID(1)] == DeviceID(40))
    }

    @Test func whatFitsTwoIsRefused() {
        let twice = Self.inventory { inventory in
            var other = inventory.devices.first { $0.key.hasPrefix("pci") }!
            other.id = DeviceID(40)
            inventory.devices.append(other)
        }
        var error = #expect(throws: BindingError.self) { try Self.plan.binding(to: twice) }
        #expect(error?.message.contains("'pci:0000:65:00.0' (a/gpu0 (T4)), 'pci:0000:65:00.0'") == true, "\(String(describing: error))")
        let two = Self.inventory { inventory in
            let index = inventory.devices.firstIndex { $0.key.hasPrefix("pci") }!
            inventory.devices[index].key = "pci:1"
            inventory.devices.append(inventory.devices[index])
            (inventory.devices[inventory.devices.count - 1].id, inventory.devices[inventory.devices.count - 1].key) = (
                DeviceID(40), "pci:2"
            )
        }
        error = #expect(throws: BindingError.self) { try Self.plan.binding(to: two) }
        #expect(error?.message.contains("'pci:1'") == true && error?.message.contains("'pci:2'") == true, "\(String(describing: error))")
    }

    @Test func whatIsGoneIsNamed() {
        for (change, named) in [
            ({ $0.devices.removeAll { $0.kind == .gpu && $0.machine == MachineID(5) } }, "'pci:0000:65:00.0' of machine a"),
            ({ $0.machines.removeAll { $0.name == "b" } }, "machine b; there are a"),
            ({ for index in $0.machines.indices { $0.machines[index].name = "a" } }, "2 machines are called a"),
            ({ $0.memories.removeAll { $0.kind == .disk } }, "disk memory 'disk0' of machine a"),
        ] as [((inout Inventory) -> Void, String)] {
            let error = #expect(throws: BindingError.self) { try Self.plan.binding(to: Self.inventory(change)) }
            #expect(error?.message.contains(named) == true, "\(String(describing: error))")
        }
    }

    /// One machine is the same one whatever it is called.
    @Test func aSingleMachineNeedsNoName() throws {
        var plan = Self.plan, inventory = Self.inventory()
        plan.machines.removeLast()
        plan.devices.removeAll { $0.machine == MachineID(1) }
        plan.memories.removeAll { $0.machine == MachineID(1) }
        inventory.machines = [PlannedMachine(id: MachineID(5), name: "elsewhere")]
        #expect(try plan.binding(to: inventory).machines == [MachineID(0): MachineID(5)])
    }

    @Test func modelsAndProfilesAreCompared() {
        #expect(Self.plan.refusal(ofModel: "00c0ffee00c0ffee") == nil)
        #expect(Self.plan.refusal(ofModel: "00c0ffee00c0ffef")?.contains("plan again") == true)
        #expect(Self.plan.refusal(ofModel: "")?.contains("no checkpoint") == true)
        #expect(Self.plan.warning(ofProfile: "0123456789abcdef") == nil && Self.plan.warning(ofProfile: "1") != nil)
        var plan = Self.plan
        (plan.model, plan.profile) = ("", "")
        #expect(plan.refusal(ofModel: "1") == nil && plan.warning(ofProfile: "1") == nil)
    }
}
