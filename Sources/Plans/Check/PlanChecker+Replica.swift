import Models

extension PlanChecker {
    mutating func check(_ replica: Replica, _ name: String) {
        check(replica.schedule, name)
        if replica.stages.isEmpty { add("\(name): no stages") }
        var next = 0
        for (index, stage) in replica.stages.enumerated() {
            let name = "\(name), stage \(index)"
            guard stage.layers.lowerBound >= 0, stage.layers.upperBound <= shape.layerCount else {
                add("\(name): layers \(stage.layers) of a model with \(shape.layerCount)")
                return
            }
            // In modules, two per layer: a boundary may lie between a layer's attention and its feed-forward.
            let modules = stage.modules
            if modules.lowerBound != next || modules.isEmpty {
                let before = next % 2 == 0 ? "layer \(next / 2 - 1)" : "the attention of layer \(next / 2)"
                add("\(name): layers \(stage.layers) do not follow \(before)")
            }
            next = modules.upperBound
            if stage.hasEmbedding != (index == 0) { add("\(name): the embedding belongs on the first stage") }
            if stage.hasOutput != (index == replica.stages.count - 1) { add("\(name): the output matrix belongs on the last stage") }
            if !listedMachines.contains(stage.machine) { add("\(name): machine \(stage.machine.rawValue) is used but not listed") }
            check(stage, schedule: replica.schedule, name)
        }
        if next != 2 * shape.layerCount { add("\(name): \(next / 2) of \(shape.layerCount) layers") }
        checkBoundaries(replica, name)
        if let arithmetic = replica.arithmeticClass({ devices[$0]?.kind }), arithmetic != replica.arithmetic {
            add("\(name): its arithmetic is \(arithmetic.rawValue), the plan says \(replica.arithmetic.rawValue)")
        }
    }

    private mutating func checkBoundaries(_ replica: Replica, _ name: String) {
        guard replica.boundaries.count == max(0, replica.stages.count - 1) else {
            add("\(name): \(replica.boundaries.count) boundaries between \(replica.stages.count) stages")
            return
        }
        for (index, boundary) in replica.boundaries.enumerated() {
            let (from, to) = (replica.stages[index], replica.stages[index + 1])
            let name = "\(name), boundary \(index)"
            device(boundary.sender, of: from, name)
            device(boundary.receiver, of: to, name)
            if !from.devices.contains(boundary.sender) {
                add("\(name): device \(boundary.sender.rawValue) sends and computes nothing of the stage before")
            }
            if !to.devices.contains(boundary.receiver) {
                add("\(name): device \(boundary.receiver.rawValue) receives and computes nothing of the stage after")
            }
            let format = HiddenFormat(crossesMachines: from.machine != to.machine)
            if boundary.format != format { add("\(name): hidden states are \(boundary.format.rawValue); expected \(format.rawValue)") }
            if !boundary.payload.contains(.hidden) { add("\(name): no hidden states cross it") }
            if Set(boundary.payload).count != boundary.payload.count { add("\(name): something crosses it twice") }
        }
    }

    /// Sequences x steps in flight: what a scheduler has places for.
    private static let maximumPlaces = 1 << 24

    private mutating func check(_ schedule: ReplicaSchedule, _ name: String) {
        if schedule.blockTokens != ReplicaSchedule.keyValueBlockTokens {
            add("\(name): blocks of \(schedule.blockTokens) tokens; kernels store \(ReplicaSchedule.keyValueBlockTokens)")
        }
        for (pool, blocks) in schedule.pools.enumerated() where blocks < 1 { add("\(name): pool \(pool) is empty") }
        if schedule.blockCount > Int(Int32.max) { add("\(name): more blocks than have numbers") }
        let (places, overflow) = schedule.sequences.multipliedReportingOverflow(by: schedule.stepsInFlight)
        if overflow || places > Self.maximumPlaces {
            add("\(name): \(schedule.sequences) sequences and \(schedule.stepsInFlight) steps in flight are more than can be kept")
        }
        for (one, next) in zip(schedule.sliceTables, schedule.sliceTables.dropFirst()) where one.promptTokens == next.promptTokens {
            add("\(name): two slice tables for prompts of \(one.promptTokens) tokens")
        }
        for table in schedule.sliceTables
        where table.slices.contains(where: { $0 < 1 }) || table.slices.reduce(0, { $0 &+ $1 }) != table.promptTokens {
            add("\(name): slices \(table.slices.prefix(8)) of a prompt of \(table.promptTokens) tokens")
        }
        if schedule.block.sequences == .max { add("\(name): a block without end") }
    }
}
