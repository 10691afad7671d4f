extension Plan {
    /// The plan with every id of a machine, a device or a memory replaced, its lists among them.
    public func renumbered(
        machine: (MachineID) -> MachineID, device: (DeviceID) -> DeviceID, memory: (MemoryID) -> MemoryID
    ) -> Plan {
        func computers(_ list: [Computer]) -> [Computer] { list.map { Computer(fromTokens: $0.fromTokens, device: device($0.device)) } }
        var plan = self
        for index in plan.machines.indices { plan.machines[index].id = machine(machines[index].id) }
        for index in plan.devices.indices {
            plan.devices[index].id = device(devices[index].id)
            plan.devices[index].machine = machine(devices[index].machine)
            plan.devices[index].memory = memory(devices[index].memory)
        }
        for index in plan.memories.indices {
            plan.memories[index].id = memory(memories[index].id)
            plan.memories[index].machine = machine(memories[index].machine)
        }
        if let uses = prediction?.memory {
            plan.prediction?.memory = uses.map { Prediction.MemoryUse(memory: memory($0.memory), bytes: $0.bytes, capacity: $0.capacity) }
        }
        for replica in plan.replicas.indices {
            plan.replicas[replica].boundaries = replicas[replica].boundaries.map {
                Boundary(sender: device($0.sender), receiver: device($0.receiver), format: $0.format, payload: $0.payload)
            }
            for index in plan.replicas[replica].stages.indices {
                var stage = replicas[replica].stages[index]
                stage.machine = machine(stage.machine)
                stage.hiddenStates = memory(stage.hiddenStates)
                for placement in stage.placements.indices {
                    for shard in stage.placements[placement].shards.indices {
                        let old = stage.placements[placement].shards[shard]
                        stage.placements[placement].shards[shard].home = memory(old.home)
                        stage.placements[placement].shards[shard].computers = computers(old.computers)
                    }
                }
                for share in stage.keyValue.indices {
                    stage.keyValue[share].memory = memory(stage.keyValue[share].memory)
                    stage.keyValue[share].computers = computers(stage.keyValue[share].computers)
                }
                for stream in stage.streams.indices { stage.streams[stream].device = device(stage.streams[stream].device) }
                plan.replicas[replica].stages[index] = stage
            }
        }
        return plan
    }
}
