public import Models

extension Plan {
    /// The trivial plan: one machine, one stage, one CPU, everything resident in host memory.
    ///
    /// - Parameters:
    ///   - fingerprint: the checkpoint's; empty where there is none.
    ///   - keyValueTokens: positions that the KV cache has room for, rounded up to whole blocks.
    ///   - sequences: that run at once at most.
    ///   - stepTokens: that one step brings at most, over all sequences.
    ///   - stepLogits: rows of logits that one step asks for at most.
    ///   - stepsInFlight: that may be started and not completed.
    ///   - sliceTokens: of one prompt in one step at most; nil: a whole step.
    ///   - sharesPrefixes: whether prompts that begin alike share KV blocks.
    public static func resident(
        model: ModelSpec, fingerprint: String = "", threads: Int, keyValueFormat: KeyValueFormat = .f16, keyValueTokens: Int,
        sequences: Int = 256,
        stepTokens: Int = 512, stepLogits: Int = 256, stepsInFlight: Int = 1, sliceTokens: Int? = nil, sharesPrefixes: Bool = true
    ) -> Plan {
        let machine = MachineID(0), device = DeviceID(0), host = MemoryID(0)
        let computers = [Computer(device: device)]
        func whole(_ module: Module, _ units: Int) -> ModulePlacement {
            ModulePlacement(module: module, shards: [Shard(range: 0..<units, home: host, layout: .cpu, computers: computers)])
        }
        var placements = [whole(.embedding, model.vocabularySize)]
        var keyValue: [KeyValueShare] = []
        for (index, layer) in model.layers.enumerated() {
            let heads = layer.attention.keyValueHeadCount
            placements.append(whole(.attention(layer: index), heads))
            placements.append(whole(.feedForward(layer: index), layer.feedForward.size))
            if let last = keyValue.last, last.heads.count == heads {
                keyValue[keyValue.count - 1].layers = last.layers.lowerBound..<index + 1
            } else {
                keyValue.append(
                    KeyValueShare(layers: index..<index + 1, heads: 0..<heads, memory: host, format: keyValueFormat, computers: computers))
            }
        }
        placements.append(whole(.output, model.vocabularySize))
        let stage = Stage(
            machine: machine, layers: 0..<model.layers.count, hasEmbedding: true, hasOutput: true, placements: placements,
            keyValue: keyValue,
            hiddenStates: host)
        let blockTokens = ReplicaSchedule.keyValueBlockTokens, tokens = max(1, keyValueTokens)
        let schedule = ReplicaSchedule(
            pools: [tokens / blockTokens + (tokens % blockTokens == 0 ? 0 : 1)], sequences: sequences, stepTokens: stepTokens,
            stepLogits: stepLogits, sliceTokens: sliceTokens, stepsInFlight: stepsInFlight, sharesPrefixes: sharesPrefixes)
        return Plan(
            model: fingerprint, profile: "", machines: [PlannedMachine(id: machine, name: "localhost")],
            devices: [PlannedDevice(id: device, machine: machine, kind: .cpu, key: "cpu0", name: "cpu0", memory: host, threads: threads)],
            memories: [PlannedMemory(id: host, machine: machine, kind: .host, key: "host", name: "host")],
            replicas: [Replica(stages: [stage], schedule: schedule, arithmetic: .cpu)])
    }
}
