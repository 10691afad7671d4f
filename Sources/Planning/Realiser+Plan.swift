import Models
import Plans

extension Realiser {
    func plan(_ replicas: [ReplicaDraft]) -> Plan { plan(replicas.map(layout)) }

    /// Layouts spelled out layer by layer, with what runs them and the hardware that they use.
    func plan(_ layouts: [ReplicaLayout]) -> Plan {
        let replicas = layouts.map(replica)
        let inventory = hardware.inventory
        var devices: Set<DeviceID> = [], memories: Set<MemoryID> = []
        for stage in replicas.lazy.flatMap(\.stages) {
            devices.formUnion(stage.devices)
            memories.formUnion(stage.memories)
            for placement in stage.placements where placement.module == .embedding {
                for shard in placement.shards { devices.formUnion(shard.computers.map(\.device)) }
            }
            // Where staging buffers on the way from disk are.
            if stage.streams.contains(where: { $0.bounce > 0 }) { memories.insert(MemoryID(hardware.hosts[stage.machine.rawValue])) }
        }
        for device in devices { memories.insert(MemoryID(hardware.devices[device.rawValue].memory)) }
        let machines = Set(devices.map { hardware.devices[$0.rawValue].machine } + memories.map { hardware.memories[$0.rawValue].machine })
        return Plan(
            model: shape.fingerprint, profile: hardware.fingerprint,
            machines: inventory.machines.filter { machines.contains($0.id.rawValue) },
            devices: inventory.devices.filter { devices.contains($0.id) }, memories: inventory.memories.filter { memories.contains($0.id) },
            replicas: replicas)
    }

    /// A layout's stages with boundaries, schedule and arithmetic.
    func replica(_ layout: ReplicaLayout) -> Replica {
        var replica = Replica(
            stages: layout.stages.map(\.stage),
            schedule: ReplicaSchedule(pools: layout.pools, sliceTables: layout.sliceTables, block: layout.block), arithmetic: .mixed)
        if let model = try? ReplicaModel(layout, hardware: hardware, shape: shape) {
            replica.boundaries = model.boundaries.map(\.planned)
            replica.schedule = model.schedule(for: workload)
        }
        // An area to which keys and values are brought has room for each sequence's own.
        let isStaged = replica.stages.contains { stage in
            stage.keyValue.contains { share in
                share.computers.contains { hardware.devices[$0.device.rawValue].memory != share.memory.rawValue }
            }
        }
        if isStaged { replica.schedule = replica.schedule.limited(sharesPrefixes: false) }
        replica.arithmetic = replica.arithmeticClass { hardware.devices[$0.rawValue].profile.kind } ?? .mixed
        return replica
    }
}
