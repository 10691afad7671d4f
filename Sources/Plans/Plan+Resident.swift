public import Models

extension Plan {
    /// The trivial plan: one machine, one stage, one CPU, everything resident in host memory.
    public static func resident(
        model: ModelSpec, fingerprint: String = "", threads: Int, keyValueFormat: KeyValueFormat = .f16, keyValueTokens: Int
    ) -> Plan {
        let machine = MachineID(0), device = DeviceID(0), host = MemoryID(0)
        func whole(_ module: Module, _ units: Int) -> ModulePlacement {
            ModulePlacement(module: module, shards: [Shard(range: 0..<units, home: host, computers: [.init(device: device)])])
        }
        var placements = [whole(.embedding, model.vocabularySize)]
        for (index, layer) in model.layers.enumerated() {
            placements.append(whole(.attention(layer: index), layer.attention.keyValueHeadCount))
            placements.append(whole(.feedForward(layer: index), layer.feedForward.size))
        }
        placements.append(whole(.output, model.vocabularySize))
        let heads = model.layers.first?.attention.keyValueHeadCount ?? 0
        let stage = Stage(
            machine: machine, layers: 0..<model.layers.count, hasEmbedding: true, hasOutput: true, placements: placements,
            keyValue: [KeyValueShare(heads: 0..<heads, memory: host, device: device, format: keyValueFormat, capacityTokens: keyValueTokens)],
            hiddenStates: host)
        return Plan(
            model: fingerprint, profile: "", devices: [PlannedDevice(id: device, machine: machine, kind: .cpu, name: "cpu0", threads: threads)],
            memories: [PlannedMemory(id: host, machine: machine, kind: .host, name: "host")], replicas: [Replica(stages: [stage])])
    }
}
