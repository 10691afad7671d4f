public import Plans

extension Problem {
    /// A plan made before, for other hardware of the same machines perhaps, as something to start from: its devices and memories are found
    /// again by machine, kind and key; what is gone gets numbers that nothing here has.
    public func adopt(_ plan: Plan, strategy: String = "") -> Evaluation {
        let gone = 1_000_000
        let names = Dictionary(plan.machines.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        func isHere(_ id: MachineID, _ machine: Int) -> Bool {
            // A single machine is the same one, whatever it is called.
            (plan.machines.count == 1 && hardware.profile.machines.count == 1) || hardware.profile.machines[machine].name == names[id]
        }
        var devices: [DeviceID: DeviceID] = [:], memories: [MemoryID: MemoryID] = [:]
        for old in plan.devices {
            devices[old.id] = hardware.devices.firstIndex {
                isHere(old.machine, $0.machine) && $0.profile.kind == old.kind && $0.key == old.key
            }
            .map { DeviceID($0) }
        }
        for old in plan.memories {
            memories[old.id] = hardware.memories.firstIndex { isHere(old.machine, $0.machine) && $0.kind == old.kind && $0.key == old.key }
                .map { MemoryID($0) }
        }
        let machines = Dictionary(
            plan.machines.map { old in (old.id, MachineID(hardware.profile.machines.indices.first { isHere(old.id, $0) } ?? gone)) },
            uniquingKeysWith: { first, _ in first })
        var adopted = plan.renumbered(
            machine: { machines[$0] ?? MachineID(gone) }, device: { devices[$0] ?? DeviceID(gone) },
            memory: { memories[$0] ?? MemoryID(gone) })
        let inventory = hardware.inventory
        // What is gone is not listed: it is not what the new plan uses.
        adopted.machines = inventory.machines
        adopted.devices = inventory.devices
        adopted.memories = inventory.memories
        return Evaluation(
            plan: adopted, prediction: plan.prediction ?? Prediction(), score: .infinity, overflows: [], strategy: strategy,
            note: "the plan given")
    }

    /// The old plan as it is, where all of its devices are still there and it keeps every wish.
    func kept(_ old: Evaluation) -> Evaluation? {
        var layouts: [ReplicaLayout] = []
        for replica in old.plan.replicas {
            guard let layout = try? ReplicaLayout(replica, shape: shape) else { return nil }
            layouts.append(layout)
        }
        for stage in old.plan.replicas.flatMap(\.stages) {
            for share in stage.keyValue where share.format != keyValueFormat { return nil }
        }
        guard PlanCheck.problems(old.plan, shape: shape, inventory: hardware.inventory).isEmpty, let assessment = try? assess(layouts)
        else {
            return nil
        }
        let note = old.note.hasPrefix("kept: ") ? old.note : "kept: " + old.note
        return assessment.evaluation(
            realiser.plan(layouts), fingerprint: fingerprint, strategy: old.strategy.isEmpty ? Strategy.auto.rawValue : old.strategy,
            note: note)
    }
}
