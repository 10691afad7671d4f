public import Plans

extension Problem {
    /// A plan made before, for other hardware of the same machines perhaps, as something to start from: its devices and memories are found again by their labels; what is gone gets
    /// numbers that nothing here has.
    public func adopt(_ plan: Plan, strategy: String = "") -> Evaluation {
        var devices: [Int: Int] = [:], memories: [Int: Int] = [:]
        let gone = 1_000_000
        for device in plan.devices {
            let label = device.name.split(separator: " ", maxSplits: 1).first.map(String.init) ?? device.name
            devices[device.id.rawValue] = hardware.devices.firstIndex { $0.label == label } ?? gone
        }
        for memory in plan.memories { memories[memory.id.rawValue] = hardware.memories.firstIndex { $0.label == memory.name } ?? gone }
        func device(_ id: DeviceID) -> DeviceID { DeviceID(devices[id.rawValue] ?? gone) }
        func memory(_ id: MemoryID) -> MemoryID { MemoryID(memories[id.rawValue] ?? gone) }
        func computer(_ computer: Shard.Computer) -> Shard.Computer { .init(fromTokens: computer.fromTokens, device: device(computer.device)) }
        var adopted = plan
        for replica in adopted.replicas.indices {
            for stage in adopted.replicas[replica].stages.indices {
                var new = adopted.replicas[replica].stages[stage]
                for placement in new.placements.indices {
                    for shard in new.placements[placement].shards.indices {
                        new.placements[placement].shards[shard].home = memory(new.placements[placement].shards[shard].home)
                        new.placements[placement].shards[shard].computers = new.placements[placement].shards[shard].computers.map(computer)
                    }
                }
                for share in new.keyValue.indices {
                    new.keyValue[share].memory = memory(new.keyValue[share].memory)
                    new.keyValue[share].device = device(new.keyValue[share].device)
                    new.keyValue[share].bulk = new.keyValue[share].bulk.map(computer)
                }
                new.hiddenStates = memory(new.hiddenStates)
                // The machine of a device that is still there; machines are numbered anew with them.
                if let first = new.placements.lazy.flatMap(\.shards).flatMap(\.computers).first(where: { $0.device.rawValue != gone }) {
                    new.machine = MachineID(hardware.devices[first.device.rawValue].machine)
                }
                adopted.replicas[replica].stages[stage] = new
            }
        }
        adopted.devices = []
        adopted.memories = []
        return Evaluation(
            plan: adopted, prediction: plan.prediction ?? Prediction(), score: .infinity, overflows: [], strategy: strategy, note: "the plan given")
    }

    /// The old plan as it is, where all of its devices are still there and it keeps every wish.
    func kept(_ old: Evaluation) -> Evaluation? {
        var layouts: [ReplicaLayout] = []
        for replica in old.plan.replicas {
            guard let layout = try? ReplicaLayout(replica, shape: shape) else { return nil }
            layouts.append(layout)
        }
        for stage in layouts.flatMap(\.stages) {
            for share in stage.keyValue where share.format != keyValueFormat { return nil }
        }
        guard PlanCheck.problems(old.plan, shape: shape, hardware: hardware, declares: false).isEmpty, let assessment = try? assess(layouts) else {
            return nil
        }
        let note = old.note.hasPrefix("kept: ") ? old.note : "kept: " + old.note
        return assessment.evaluation(
            realiser.plan(layouts), fingerprint: fingerprint, strategy: old.strategy.isEmpty ? Strategy.auto.rawValue : old.strategy, note: note)
    }
}
