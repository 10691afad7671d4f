import Models

extension PlanChecker {
    mutating func check(_ stage: Stage, schedule: ReplicaSchedule, _ name: String) {
        var expected = stage.expectedModules(shape)[...]
        for placement in stage.placements {
            guard let index = expected.firstIndex(of: placement.module) else {
                add("\(name): \(placement.module) is there twice, out of order or does not belong here")
                continue
            }
            for module in expected[..<index] { add("\(name): \(module) is missing") }
            expected = expected[(index + 1)...]
            check(placement, of: stage, name)
        }
        for module in expected { add("\(name): \(module) is missing") }
        memory(stage.hiddenStates, of: stage, name)
        checkKeyValues(stage, schedule, name)
        checkStreams(stage, name)
    }

    // MARK: Shards

    private mutating func check(_ placement: ModulePlacement, of stage: Stage, _ stageName: String) {
        let module = placement.module, units = shape.units(of: module), grain = shape.grain(of: module, formats: formats)
        let name = "\(stageName): \(module)"
        var next = 0
        for shard in placement.shards {
            if shard.range.lowerBound != next || shard.range.isEmpty { add("\(name): shard \(shard.range) does not follow \(next)") }
            next = shard.range.upperBound
            if next < units, next % grain != 0 { add("\(name): cut at \(next); it may be cut at multiples of \(grain)") }
            check(shard.computers, of: stage, name)
            if let home = memory(shard.home, of: stage, name) { check(shard, home: home, name) }
            if shard.range.lowerBound >= 0, shard.range.upperBound <= units { countWeights(shard, of: module) }
        }
        if next != units { add("\(name): \(next) of \(units) units") }
        countNorms(placement)
    }

    private mutating func check(_ shard: Shard, home: PlannedMemory, _ name: String) {
        let onCPU = shard.computers.contains { devices[$0.device]?.kind == .cpu }
        switch shard.layout {
        case .checkpoint where home.kind != .disk: add("\(name): the checkpoint's own bytes in a memory that is no disk")
        case .checkpoint where shard.format != nil: add("\(name): the checkpoint's own bytes in another format")
        case .gpu where onCPU: add("\(name): packed for GPUs and computed by a CPU")
        default: break
        }
    }

    // MARK: Keys and values

    /// For every attention layer and pool the heads of its shares cover the layer's KV heads exactly once.
    private mutating func checkKeyValues(_ stage: Stage, _ schedule: ReplicaSchedule, _ name: String) {
        let attending = stage.attentionLayers
        // By layer and pool.
        var heads: [[Int]: [Range<Int>]] = [:]
        for share in stage.keyValue {
            check(share.computers, of: stage, "\(name): keys and values")
            memory(share.memory, of: stage, name)
            if share.heads.isEmpty || share.heads.lowerBound < 0 { add("\(name): keys and values of heads \(share.heads)") }
            guard share.layers.lowerBound >= attending.lowerBound, share.layers.upperBound <= attending.upperBound, !share.layers.isEmpty
            else {
                add("\(name): keys and values of layers \(share.layers); attention is here of \(attending)")
                continue
            }
            guard schedule.pools.indices.contains(share.pool) else {
                add("\(name): keys and values of pool \(share.pool); there are \(schedule.pools.count)")
                continue
            }
            for layer in share.layers { heads[[layer, share.pool], default: []].append(share.heads) }
            countKeyValues(share, blocks: schedule.pools[share.pool])
        }
        for layer in attending {
            let count = shape.layer(layer).attention.keyValueHeadCount
            for pool in schedule.pools.indices {
                let name = "\(name), layer \(layer), pool \(pool): keys and values of"
                var next = 0
                for range in (heads[[layer, pool]] ?? []).sorted(by: { $0.lowerBound < $1.lowerBound }) {
                    if range.lowerBound != next { add("\(name) heads \(range) do not follow \(next)") }
                    next = range.upperBound
                }
                if next != count { add("\(name) \(next) of \(count) heads") }
                if found.count >= PlanCheck.maximumCount { return }
            }
        }
    }

    // MARK: Streams

    /// One stream for each device that multiplies weights which are not in its memory, and bounce buffers for what comes from disk to a
    /// GPU.
    private mutating func checkStreams(_ stage: Stage, _ name: String) {
        var streaming: Set<DeviceID> = [], fromDisk: Set<DeviceID> = []
        for placement in stage.placements where placement.module != .embedding {
            for shard in placement.shards {
                for computer in shard.computers {
                    guard let device = devices[computer.device], device.memory != shard.home else { continue }
                    streaming.insert(device.id)
                    if memories[shard.home]?.kind == .disk, device.kind == .gpu { fromDisk.insert(device.id) }
                }
            }
        }
        var seen: Set<DeviceID> = []
        for stream in stage.streams {
            let id = stream.device.rawValue
            if !seen.insert(stream.device).inserted { add("\(name): device \(id) has two streams") }
            if !streaming.contains(stream.device) { add("\(name): device \(id) has a stream and multiplies nothing that is elsewhere") }
            guard let device = device(stream.device, of: stage, name) else { continue }
            guard stream.slots >= WeightStream.leastSlots, stream.window >= stream.slots, stream.bounce >= 0 else {
                add(
                    "\(name): device \(id) has a window of \(stream.window) bytes in \(stream.slots) slabs; "
                        + "expected \(WeightStream.leastSlots) slabs or more, of a byte or more"
                )
                continue
            }
            if fromDisk.contains(stream.device) {
                if stream.bounce < stream.slabBytes {
                    add("\(name): device \(id) reads from disk through \(stream.bounce) bytes, less than a slab")
                }
            } else if stream.bounce > 0 {
                add("\(name): device \(id) has \(stream.bounce) bytes on the way from disk and reads nothing from there")
            }
            count(Double(stream.window), in: device.memory)
            if stream.bounce > 0, let host = inventory.memories.first(where: { $0.machine == stage.machine && $0.kind == .host }) {
                count(Double(stream.bounce), in: host.id)
            }
        }
        for device in streaming.subtracting(seen).sorted(by: { $0.rawValue < $1.rawValue }) {
            add("\(name): device \(device.rawValue) multiplies weights that are elsewhere and has no stream")
        }
    }
}
