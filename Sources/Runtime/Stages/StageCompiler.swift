import CKernels
import Devices
import Models
import Plans

/// Where hidden states go from one stage to the next.
struct StageBoundary {
    /// Says that a micro-batch's hidden states have arrived.
    var channel: Channel
    var sender: DeviceID
    var receiver: DeviceID
    var receivingMemory: MemoryID
    /// Hidden states in the receiver's memory.
    var target: Rows
}

/// Turns a stage's modules into what each of its lanes does: operations over its devices' buffers, copies between memories, and messages
/// between lanes.
///
/// The *lead* of a module holds the residual stream, adds the other devices' parts to it and hands it to whoever needs it next. Each device
/// norms its own copy.
final class StageCompiler {
    private let slice: StageSlice
    private let weights: StageWeights
    private let caches: [KeyValueCache]
    private let buffers: StageBuffers
    private let tables: StepTableKinds
    private let devices: LocalDevices
    private let channels: ChannelStorage
    private let builder: LaneProgramBuilder
    /// Blocks of each pool of the KV cache.
    private let pools: [Int]
    private var staged: [StagedCaches.Key: StagedCaches] = [:]
    private var stagings: [StagingKey: Staging] = [:]
    /// The message that hidden states have come from the stage before, and to whom; that they may go to the one after.
    private let inlet: StageBoundary?
    private let outlet: StageBoundary?

    private var model: ModelSpec { slice.model }

    /// Of the variant that is being compiled.
    private var variant = 0
    /// Who has the residual stream of the module that is being compiled, and who has its sum.
    private var holders: Set<DeviceID> = []
    private var lead = DeviceID(0)

    init(
        slice: StageSlice, weights: StageWeights, caches: [KeyValueCache], buffers: StageBuffers, tables: StepTableKinds,
        devices: LocalDevices, channels: ChannelStorage, inlet: StageBoundary?, outlet: StageBoundary?,
        pools: [Int]
    ) {
        self.slice = slice
        self.weights = weights
        self.caches = caches
        self.buffers = buffers
        self.tables = tables
        self.devices = devices
        self.inlet = inlet
        self.outlet = outlet
        self.channels = channels
        self.pools = pools
        builder = LaneProgramBuilder(variantCount: slice.variants.count, channels: channels)
    }

    /// - Throws: `MemoryError` where a buffer does not fit.
    func lanes() throws -> [LaneProgramBuilder.Lane] {
        for variant in 0..<slice.variants.count {
            self.variant = variant
            try compile()
        }
        return builder.lanes
    }

    private func compile() throws {
        var slot = 0
        if let inlet {
            lead = inlet.receiver
            builder.add(.receive(inlet.channel), .device(lead), slot, variant: variant)
        } else {
            lead = slice.embedder
            try builder.add(slot, lead, variant: variant) { try embedding(lead) }
        }
        holders = [lead]
        slot += 1
        for placement in slice.modules {
            switch placement.module {
            case .embedding, .shared: break
            case .attention(let layer): try attention(layer, placement, &slot)
            case .feedForward(let layer): try feedForward(layer, placement, &slot)
            case .output: try output(placement, &slot)
            }
        }
        if let outlet { try leave(by: outlet, slot) }
    }

    private func device(_ shard: Shard, of module: Module) -> DeviceID { slice.variants.device(shard.computers, of: module, in: variant) }

    // MARK: Ways between devices

    /// Sees to it that a device has the hidden states of the micro-batch. Takes two slots; it receives them in `arrival`.
    private func bring(to device: DeviceID, _ slot: Int, arrival: Int) throws {
        guard !holders.contains(device) else { return }
        send(
            from: lead, to: device, slot, arrival: arrival,
            [RowCopy(try buffers.hidden(lead), to: try buffers.hidden(device), columns: model.hiddenSize)])
        holders.insert(device)
    }

    /// A message from one device to another: sent after what the sender does in `slot`, copied in a later one (nil: the next), received in
    /// `arrival`.
    private func send(
        from sender: DeviceID, to receiver: DeviceID, _ slot: Int, copied: Int? = nil, arrival: Int, number: Int = 0,
        forLogits: Bool = false, _ copies: [RowCopy]
    ) {
        let copied = copied ?? slot + 1
        let from = LaneKey.device(sender), to = LaneKey.device(receiver)
        let lane = LaneKey.copies(from: slice.memory(of: sender), to: slice.memory(of: receiver))
        let out = builder.channel(sent: slot, received: copied, from: from, to: lane, number: number)
        let arrived = builder.channel(sent: copied, received: arrival, from: lane, to: to, number: number)
        builder.add(.send(out), from, slot, variant: variant, forLogits: forLogits)
        copy(copies, lane, copied, after: out, forLogits: forLogits)
        builder.add(.send(arrived), lane, copied, variant: variant, forLogits: forLogits)
        builder.add(.receive(arrived), to, arrival, variant: variant, forLogits: forLogits)
    }

    private func copy(_ copies: [RowCopy], _ lane: LaneKey, _ slot: Int, after channel: Channel, forLogits: Bool = false) {
        builder.add(.receive(channel), lane, slot, variant: variant, forLogits: forLogits)
        for copy in copies { builder.add(.copy(copy), lane, slot, variant: variant, forLogits: forLogits) }
    }

    private func leave(by outlet: StageBoundary, _ slot: Int) throws {
        let sender = outlet.sender
        try bring(to: sender, slot, arrival: slot + 2)
        let from = slice.memory(of: sender)
        guard from != outlet.receivingMemory else {
            builder.add(.send(outlet.channel), .device(sender), slot + 2, variant: variant)
            return
        }
        let lane = LaneKey.copies(from: from, to: outlet.receivingMemory)
        let out = builder.channel(sent: slot + 2, received: slot + 3, from: .device(sender), to: lane)
        builder.add(.send(out), .device(sender), slot + 2, variant: variant)
        copy([RowCopy(try buffers.hidden(sender), to: outlet.target, columns: model.hiddenSize)], lane, slot + 3, after: out)
        builder.add(.send(outlet.channel), lane, slot + 3, variant: variant)
    }

    // MARK: Embedding

    private func embedding(_ device: DeviceID) throws -> [Operation] {
        var result: [Operation] = []
        let store = weights.store(of: device), hidden = try buffers.hidden(device)
        let table = store.table(model.embedding.table)
        if let projection = model.embedding.projection {
            let part = LinearPart(projection), embedded = try buffers.embedded(device)
            result.append(.embed(.init(table: table, output: embedded)))
            result.append(pack(embedded, columns: model.embedding.size, for: [part], device))
            result.append(.product(.init([factor(part, .store(hidden), device)])))
        } else {
            result.append(.embed(.init(table: table, output: hidden)))
        }
        if case .learned(let reference, let offset) = model.positions {
            result.append(.addPositions(.init(table: store.table(reference), offset: offset, rows: hidden)))
        }
        return result
    }

    // MARK: Attention

    /// Some heads of a shard that one device attends to, in one cache.
    private struct Region {
        var heads: Range<Int>
        var device: DeviceID
        var cache: KeyValueCache
        /// Among the stage's caches.
        var number: Int
    }

    private func regions(_ layer: Int, _ heads: Range<Int>) -> [Region] {
        caches.enumerated().compactMap { number, cache in
            let heads = cache.heads.clamped(to: heads)
            guard !heads.isEmpty, cache.holds(layer: layer) else { return nil }
            let device = slice.variants.device(cache.share.computers, of: nil, in: variant)
            return Region(heads: heads, device: device, cache: cache, number: number)
        }
    }

    private func attention(_ layer: Int, _ placement: ModulePlacement, _ slot: inout Int) throws {
        let spec = model.layers[layer], attention = spec.attention, count = placement.shards.count
        // Of each cache: its blocks are brought, attended to by each shard's heads, and returned.
        let inner = slot + 2, queries = inner + count, attend = queries + 1, results = attend + (count + 2) * caches.count
        let out = results + 1, sums = out + count
        let devices = placement.shards.map { device($0, of: placement.module) }, isSplit = slice.isSplit(layer: layer)
        /// The slot in which each shard's part of the sum is complete.
        var complete: [Int] = []
        for (number, shard) in placement.shards.enumerated() {
            let device = devices[number]
            let parts = attention.parts(of: shard.range, formats: slice.formats)
            let pieces = (inner: weights.piece(of: parts.query, on: device), output: weights.piece(of: parts.output, on: device))
            let regions = regions(layer, shard.range)
            let target = try target(number, devices, of: count)
            try bring(to: device, slot, arrival: inner + number)
            if !isSplit {
                complete.append(inner + number)
                try builder.add(
                    inner + number, device, variant: variant, choices: target.choices + regions.map(\.number), piece: pieces.inner
                ) {
                    let rows = AttentionRows(
                        query: try buffers.query(device), key: try buffers.key(device), value: try buffers.value(device),
                        attended: try buffers.attended(device), firstHead: shard.range.lowerBound)
                    return try projections(layer, parts, rows, device) + regions.flatMap { heads(layer, $0, rows, device, area: nil) }
                        + self.results(attention, parts, shard.range, rows, target.target, device)
                }
                continue
            }
            let rows = AttentionRows(
                query: try buffers.stepQuery(device), key: try buffers.stepKey(device), value: try buffers.stepValue(device),
                attended: try buffers.stepAttended(device), firstHead: 0)
            let mine = rows.from(shard.range, attention)
            try builder.add(inner + number, device, variant: variant, choices: [-1], piece: pieces.inner) {
                try projections(layer, parts, mine, device)
            }
            for region in regions {
                let first = attend + (count + 2) * region.number, at = first + 1 + number, other = region.device, message = number + 1
                let sharing = placement.shards.indices.filter { placement.shards[$0].range.overlaps(region.cache.heads) }
                var theirs = rows
                if other != device {
                    theirs = AttentionRows(
                        query: try buffers.stepQuery(other), key: try buffers.stepKey(other), value: try buffers.stepValue(other),
                        attended: try buffers.stepAttended(other), firstHead: 0)
                    send(
                        from: device, to: other, inner + number, copied: queries, arrival: at, number: message,
                        copies(region, rows, theirs, attention))
                }
                let staging = try staging(region, layer: layer, from: first, to: first + count + 1)
                if let staging, number == sharing.first { builder.add(.receive(staging.brought), .device(other), at, variant: variant) }
                builder.add(at, other, variant: variant, choices: [staging == nil ? 0 : 1]) {
                    heads(layer, region, theirs, other, area: staging?.area)
                }
                if let staging, number == sharing.last { builder.add(.send(staging.attended), .device(other), at, variant: variant) }
                if other != device {
                    let (from, to) = (theirs.from(region.heads, attention).attended, rows.from(region.heads, attention).attended)
                    let columns = attention.queryElements(of: region.heads).count
                    send(
                        from: other, to: device, at, copied: results, arrival: out + number, number: message,
                        [RowCopy(from, to: to, columns: columns, extent: extent(of: region))])
                }
            }
            complete.append(out + number)
            try builder.add(out + number, device, variant: variant, choices: target.choices, piece: pieces.output) {
                try self.results(attention, parts, shard.range, mine, target.target, device)
            }
        }
        try finish(attention.output, devices, complete, sums, norm: spec.postNorm ? spec.attentionNorm : nil)
        slot = sums + 3
    }

    private struct StagingKey: Hashable {
        var slot: Int
        var device: DeviceID
    }

    /// An area to which some heads' blocks are brought, and the messages that they are there and may be returned.
    private struct Staging {
        var area: BufferRange
        var brought: Channel
        var attended: Channel
    }

    /// Brings a cache's blocks to where they are attended to, in slot `from`, and returns them in slot `to`; nil: they are attended to
    /// where they live.
    private func staging(_ region: Region, layer: Int, from slot: Int, to end: Int) throws -> Staging? {
        let home = region.cache.share.memory, memory = slice.memory(of: region.device)
        guard home != memory else { return nil }
        let key = StagingKey(slot: slot, device: region.device)
        if let made = stagings[key] { return made }
        let pair = StagedCaches.Key(home: home, device: region.device)
        let areas: StagedCaches
        if let made = staged[pair] {
            areas = made
        } else {
            areas = try StagedCaches(pair, bytes: stagedBytes(pair), memory: devices.memory(memory), channels: channels)
            staged[pair] = areas
        }
        let area = areas.next()
        // Between a disk and memory that is not the host's there is a block of host memory.
        let needsBounce = region.cache.isOnDisk && memory != devices.hostID
        let bytes = KeyValueCache.paddedOnDisk(region.cache.blockBytes(layer: layer))
        func bounce() throws -> BufferRange? { needsBounce ? BufferRange(try devices.host.allocate(bytes, for: .staging)) : nil }
        let from = slice.disks.contains(home) ? devices.hostID : home
        let staging = Staging(area: area.range, brought: channels.make(), attended: channels.make())
        let device = region.device, share = region.cache.share
        let variants = slice.variants.set { slice.variants.device(share.computers, of: nil, in: $0) == device }
        builder.add(
            BlockTransfer(
                region.cache, layer: layer, area: area.range, direction: .bringing, links: devices.links(from: from, to: memory),
                bounce: try bounce()),
            .bringing(pair), slot, variants: variants, opening: area.credit, then: staging.brought)
        builder.add(
            BlockTransfer(
                region.cache, layer: layer, area: area.range, direction: .returning, links: devices.links(from: memory, to: from),
                bounce: try bounce()),
            .returning(pair), end, variants: variants, closing: area.credit, after: staging.attended)
        stagings[key] = staging
        return staging
    }

    /// Bytes of an area: all blocks of the largest layer that is brought this way.
    private func stagedBytes(_ key: StagedCaches.Key) -> Int {
        var most = 0
        for cache in caches where cache.share.memory == key.home {
            for layer in cache.share.layers where cache.holds(layer: layer) {
                most = max(most, KeyValueCache.paddedOnDisk(cache.blockBytes(layer: layer)) * pools[cache.share.pool])
            }
        }
        return most
    }

    /// Where the rows of attention are; heads count from `firstHead`.
    private struct AttentionRows {
        var query: Rows
        var key: Rows
        var value: Rows
        var attended: Rows
        var firstHead: Int

        /// The same from another KV head on.
        func from(_ heads: Range<Int>, _ attention: AttentionSpec) -> AttentionRows {
            let skipped = heads.lowerBound - firstHead
            let queries = skipped * attention.groupSize * attention.headSize, keys = skipped * attention.headSize
            return AttentionRows(
                query: query.from(column: queries), key: key.from(column: keys), value: value.from(column: keys),
                attended: attended.from(column: queries), firstHead: heads.lowerBound)
        }
    }

    private func extent(of region: Region) -> RowCopy.Extent { .tokens(pool: region.cache.share.pool) }

    private func copies(_ region: Region, _ from: AttentionRows, _ to: AttentionRows, _ attention: AttentionSpec) -> [RowCopy] {
        let from = from.from(region.heads, attention), to = to.from(region.heads, attention)
        let queries = attention.queryElements(of: region.heads).count, keys = attention.keyElements(of: region.heads).count
        return [
            RowCopy(from.query, to: to.query, columns: queries, extent: extent(of: region)),
            RowCopy(from.key, to: to.key, columns: keys, extent: extent(of: region)),
            RowCopy(from.value, to: to.value, columns: keys, extent: extent(of: region)),
        ]
    }

    private func projections(
        _ index: Int, _ parts: (query: LinearPart, key: LinearPart, value: LinearPart, output: LinearPart), _ rows: AttentionRows,
        _ device: DeviceID
    ) throws -> [Operation] {
        let layer = model.layers[index]
        let inputs = [parts.query, parts.key, parts.value]
        let norm = layer.postNorm ? nil : layer.attentionNorm
        return [
            pack(try buffers.hidden(device), columns: model.hiddenSize, for: inputs, norm: norm, device),
            .product(.init(zip(inputs, [rows.query, rows.key, rows.value]).map { factor($0, .store($1), device) })),
        ]
    }

    /// Stores and attends some heads.
    ///
    /// - Parameter area: where their keys and values were brought; nil: they are attended to where they live.
    private func heads(_ index: Int, _ region: Region, _ rows: AttentionRows, _ device: DeviceID, area: BufferRange?) -> [Operation] {
        let attention = model.layers[index].attention
        let rows = rows.from(region.heads, attention)
        let heads = Operation.Heads(
            count: attention.heads(of: region.heads).count, keyValueCount: region.heads.count, size: attention.headSize)
        let stride = KeyValueCache.paddedOnDisk(region.cache.blockBytes(layer: index)), pool = region.cache.share.pool
        let cache =
            area.map { region.cache.cache(layer: index, heads: region.heads, in: $0, blockStride: stride) }
            ?? region.cache.cache(layer: index, heads: region.heads)
        var store = Operation.Store(
            heads: heads, query: rows.query, key: rows.key, value: rows.value,
            queryNorm: attention.queryNorm.map { norm($0, count: attention.headSize, device) },
            keyNorm: attention.keyNorm.map { norm($0, count: attention.headSize, device) }, cache: cache, pool: pool,
            isStaged: area != nil)
        if case .rotary(let rotary) = model.positions {
            store.rotary = tables.rotary(of: index)
            store.rotatedDimensions = rotary.dimensions
            store.isInterleaved = rotary.pairing == .interleaved
        }
        return [
            .store(store),
            .attend(
                .init(
                    heads: heads, query: rows.query, output: rows.attended, scale: Float(attention.scale),
                    window: attention.slidingWindow ?? 0, tiling: tables.tiling(of: attention), cache: cache, pool: pool,
                    isStaged: area != nil)),
        ]
    }

    private func results(
        _ attention: AttentionSpec, _ parts: (query: LinearPart, key: LinearPart, value: LinearPart, output: LinearPart),
        _ heads: Range<Int>, _ rows: AttentionRows, _ target: Operation.Product.Target, _ device: DeviceID
    ) throws -> [Operation] {
        [
            pack(rows.attended, columns: parts.output.columns.count, for: [parts.output], device),
            .product(.init([residual(parts.output, target, device)])),
        ]
    }

    // MARK: Feed-forward

    private func feedForward(_ index: Int, _ placement: ModulePlacement, _ slot: inout Int) throws {
        let layer = model.layers[index], count = placement.shards.count
        let inner = slot + 2, sums = inner + count
        let devices = placement.shards.map { device($0, of: placement.module) }
        for (number, shard) in placement.shards.enumerated() {
            let device = devices[number]
            let parts = layer.feedForward.parts(of: shard.range, formats: slice.formats)
            let target = try target(number, devices, of: count)
            try bring(to: device, slot, arrival: inner + number)
            let piece = weights.piece(of: parts.down, on: device)
            try builder.add(inner + number, device, variant: variant, choices: target.choices, piece: piece) {
                let activation = layer.feedForward.activation.kernelActivation
                let (gate, up) = (try buffers.gate(device), try buffers.up(device))
                let factors = zip(parts.inner, [gate, up]).map { factor($0, .store($1), device) }
                let norm = layer.postNorm ? nil : layer.feedForwardNorm
                return [
                    pack(try buffers.hidden(device), columns: model.hiddenSize, for: parts.inner, norm: norm, device),
                    .product(.init(factors, gate: factors.count == 2 ? .gated(activation) : .activated(activation))),
                    pack(gate, columns: shard.range.count, for: [parts.down], device),
                    .product(.init([residual(parts.down, target.target, device)])),
                ]
            }
        }
        try finish(
            layer.feedForward.down, devices, devices.indices.map { inner + $0 }, sums, norm: layer.postNorm ? layer.feedForwardNorm : nil)
        slot = sums + 3
    }

    // MARK: Sums

    /// Where a shard's product over some columns goes: into the hidden states at once where the columns are all, else to the device's part
    /// of the sum.
    private func target(_ number: Int, _ devices: [DeviceID], of count: Int) throws -> (
        target: Operation.Product.Target, choices: [Int]
    ) {
        let device = devices[number]
        if count == 1 { return (.add(try buffers.hidden(device)), [0]) }
        let isFirst = devices.firstIndex(of: device) == number
        return (.parts(try buffers.parts(of: device, in: slice.memory(of: device)), adding: !isFirst), [isFirst ? 1 : 2])
    }

    /// What follows a module's shards: the lead, the first shard's device, gets the others' parts and adds them up.
    ///
    /// - Parameters:
    ///   - complete: the slot in which each shard's part is complete.
    ///   - sums: the slot in which parts are copied; they are added in the next.
    private func finish(_ linear: LinearSpec, _ devices: [DeviceID], _ complete: [Int], _ sums: Int, norm: NormSpec?) throws {
        let lead = devices[0], memory = slice.memory(of: lead)
        var parts: [Parts] = []
        if devices.count > 1 { parts.append(try buffers.parts(of: lead, in: memory)) }
        for other in Set(devices).subtracting([lead]).sorted(by: { $0.rawValue < $1.rawValue }) {
            let last = devices.indices.filter { devices[$0] == other }.map { complete[$0] }.max() ?? 0
            let (from, to) = (try buffers.parts(of: other, in: slice.memory(of: other)), try buffers.parts(of: other, in: memory))
            send(
                from: other, to: lead, last, copied: sums, arrival: sums + 1, number: 1000,
                [RowCopy(from, to: to, columns: linear.outputs)])
            parts.append(to)
        }
        let others = Set(devices).subtracting([lead]).map(\.rawValue).sorted()
        try builder.add(sums + 1, lead, variant: variant, choices: others) {
            var result: [Operation] = []
            let hidden = try buffers.hidden(lead), store = weights.store(of: lead)
            if !parts.isEmpty {
                let bias = linear.bias.map { store.vector(VectorPart($0, range: 0..<linear.outputs)) }
                result.append(.sum(.init(parts: parts, columns: linear.outputs, bias: bias, rows: hidden)))
            }
            if let norm {
                result.append(
                    .normalise(
                        .init(rows: hidden, columns: model.hiddenSize, norm: self.norm(norm, count: model.hiddenSize, lead))))
            }
            return result
        }
        self.lead = lead
        holders = [lead]
    }

    // MARK: Output

    private func output(_ placement: ModulePlacement, _ slot: inout Int) throws {
        let first = lead, projection = model.outputProjection.map { LinearPart($0) }
        try builder.add(slot, first, variant: variant, forLogits: true) {
            let (hidden, chosen) = (try buffers.hidden(first), try buffers.chosen(first))
            var result: [Operation] = [.gather(.init(input: hidden, output: chosen, columns: model.hiddenSize))]
            if let projection {
                result.append(pack(chosen, columns: model.hiddenSize, for: [projection], norm: model.finalNorm, first))
                result.append(.product(.init([factor(projection, .store(try buffers.projected(first)), first)])))
            }
            return result
        }
        func rows(_ device: DeviceID) throws -> Rows { try projection == nil ? buffers.chosen(device) : buffers.projected(device) }
        let columns = projection == nil ? model.hiddenSize : model.embedding.size
        var at = slot + 2
        var reached: Set<DeviceID> = [first]
        for shard in placement.shards {
            let device = device(shard, of: .output), memory = slice.memory(of: device)
            if reached.insert(device).inserted {
                send(
                    from: first, to: device, slot, arrival: at, forLogits: true,
                    [RowCopy(try rows(first), to: try rows(device), columns: columns, extent: .logits)])
            }
            // Slots for the most parts that any device has of it: all variants number them alike.
            let most = shard.computers.map { weights.outputParts(of: model.output, rows: shard.range, on: $0.device).count }.max() ?? 1
            let outputs = weights.outputParts(of: model.output, rows: shard.range, on: device)
            let logits = try buffers.logits(memory)
            for (number, output) in outputs.enumerated() {
                let piece = weights.piece(of: output, on: device)
                try builder.add(at + number, device, variant: variant, choices: [number], piece: piece, forLogits: true) {
                    var result: [Operation] = [.logitsRows]
                    // A part in a phase of its own does not know what others packed before it.
                    if number == 0 || piece != nil {
                        result.append(
                            pack(try rows(device), columns: columns, for: [output], norm: projection == nil ? model.finalNorm : nil, device)
                        )
                    }
                    let target = logits.from(column: output.rows.lowerBound)
                    result.append(.product(.init([factor(output, .store(target), device)])))
                    return result
                }
            }
            at += most
            if memory != devices.hostID {
                let (from, to) = (
                    logits.from(column: shard.range.lowerBound), try buffers.logits(devices.hostID).from(column: shard.range.lowerBound)
                )
                let lane = LaneKey.copies(from: memory, to: devices.hostID)
                let out = builder.channel(sent: at, received: at + 1, from: .device(device), to: lane)
                builder.add(.send(out), .device(device), at, variant: variant, forLogits: true)
                copy([RowCopy(from, to: to, columns: shard.range.count, extent: .logits)], lane, at + 1, after: out, forLogits: true)
            }
            // Whoever computes, slots are numbered alike.
            at += 2
        }
        slot = at
    }

    // MARK: Operations

    /// A product over some columns; only one that adds to the residual at once brings the bias with it.
    private func residual(_ part: LinearPart, _ target: Operation.Product.Target, _ device: DeviceID) -> Operation.Product.Factor {
        if case .parts = target { return .init(matrix: weights.matrix(part, on: device), bias: nil, target: target) }
        return factor(part, target, device)
    }

    private func factor(_ part: LinearPart, _ target: Operation.Product.Target, _ device: DeviceID) -> Operation.Product.Factor {
        let store = weights.store(of: device)
        return .init(matrix: weights.matrix(part, on: device), bias: part.bias.map { store.vector($0) }, target: target)
    }

    private func pack(_ input: Rows, columns: Int, for parts: [LinearPart], norm spec: NormSpec? = nil, _ device: DeviceID) -> Operation {
        .pack(
            .init(
                input: input, columns: columns, norm: spec.map { norm($0, count: columns, device) },
                formats: parts.map { $0.linear.weight.format.kernelFormat }))
    }

    private func norm(_ spec: NormSpec, count: Int, _ device: DeviceID) -> Operation.Norm {
        let store = weights.store(of: device)
        return .init(
            kind: spec.kind == .rms ? .rms : .layer, weight: store.vector(VectorPart(spec.weight, range: 0..<count)),
            bias: spec.bias.map { store.vector(VectorPart($0, range: 0..<count)) }, epsilon: Float(spec.epsilon))
    }
}

extension Activation {
    var kernelActivation: mk_activation {
        switch self {
        case .relu: MK_RELU
        case .silu: MK_SILU
        case .gelu: MK_GELU
        case .geluTanh: MK_GELU_TANH
        }
    }
}
