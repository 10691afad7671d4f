import Devices
import Plans

/// Who runs a lane.
enum LaneKey: Hashable {
    case device(DeviceID)
    case copies(from: MemoryID, to: MemoryID)
    /// Keys and values that are brought to where a device attends, and back.
    case bringing(StagedCaches.Key)
    case returning(StagedCaches.Key)
}

/// Collects what each lane of a stage does, by *slot*: the place in the order of a micro-batch's work. A message is received in a later
/// slot than it was sent in.
final class LaneProgramBuilder {
    /// What a lane does, before its operations are compiled.
    private enum Item {
        /// Index of a block of operations.
        case operations(Int)
        case command(LaneCommand)
    }

    private struct Slot {
        var isForLogits: Bool
        var pieces: [Int]
        var opening: [Channel] = []
        var closing: [Channel] = []
        /// By variant.
        var items: [[Item]]
    }

    /// Equal keys stand for equal operations, in whichever variant.
    struct BlockKey: Hashable {
        var slot: Int
        var device: DeviceID
        /// What else decides them.
        var choices: [Int]
    }

    private struct ChannelKey: Hashable {
        var sent: Int
        var received: Int
        var from: LaneKey
        var to: LaneKey
        var number: Int
    }

    /// A lane's phases, and its operations in segments.
    struct Lane {
        var key: LaneKey
        var phases: [LanePhase]
        var segments: [[Operation]]
        var transfers: [BlockTransfer]
    }

    private let variantCount: Int
    private let channels: ChannelStorage
    private var blocks: [[Operation]] = []
    private var blockNumbers: [BlockKey: Int] = [:]
    private var channelNumbers: [ChannelKey: Channel] = [:]
    private var slots: [LaneKey: [Int: Slot]] = [:]
    private var transfers: [LaneKey: [BlockTransfer]] = [:]

    init(variantCount: Int, channels: ChannelStorage) {
        self.variantCount = variantCount
        self.channels = channels
    }

    /// Adds operations to a device's lane.
    ///
    /// - Parameters:
    ///   - piece: streamed weights that they use.
    ///   - make: called for the first of the variants that do the same.
    func add(
        _ slot: Int, _ device: DeviceID, variant: Int, choices: [Int] = [], piece: Int? = nil, forLogits: Bool = false,
        _ make: () throws -> [Operation]
    ) rethrows {
        let key = BlockKey(slot: slot, device: device, choices: choices)
        let number: Int
        if let known = blockNumbers[key] {
            number = known
        } else {
            number = blocks.count
            blocks.append(try make())
            blockNumbers[key] = number
        }
        if blocks[number].isEmpty { return }
        append(.operations(number), .device(device), slot, variant, forLogits)
        if let piece, slots[.device(device)]?[slot]?.pieces.contains(piece) == false { slots[.device(device)]?[slot]?.pieces.append(piece) }
    }

    func add(_ command: LaneCommand, _ lane: LaneKey, _ slot: Int, variant: Int, forLogits: Bool = false) {
        append(.command(command), lane, slot, variant, forLogits)
    }

    /// Adds a transfer of blocks in whose slot an area is used.
    ///
    /// - Parameters:
    ///   - opening: received before the first micro-batch's.
    ///   - closing: sent after the last one's.
    ///   - after, then: received before and sent after each micro-batch's.
    ///   - variants: in which there is something to transfer.
    func add(
        _ transfer: BlockTransfer, _ lane: LaneKey, _ slot: Int, variants: VariantSet, opening: Channel? = nil, closing: Channel? = nil,
        after: Channel? = nil, then: Channel? = nil
    ) {
        let number = transfers[lane]?.count ?? 0
        transfers[lane, default: []].append(transfer)
        for variant in 0..<variantCount where variants & (1 << VariantSet(variant)) != 0 {
            if let after { append(.command(.receive(after)), lane, slot, variant, false) }
            append(.command(.transfer(number)), lane, slot, variant, false)
            if let then { append(.command(.send(then)), lane, slot, variant, false) }
        }
        if let opening { slots[lane]?[slot]?.opening.append(opening) }
        if let closing { slots[lane]?[slot]?.closing.append(closing) }
    }

    /// The channel of a message that is sent in one slot and received in another: the same in all variants, so that on both sides messages
    /// follow one another as micro-batches do.
    func channel(sent: Int, received: Int, from: LaneKey, to: LaneKey, number: Int = 0) -> Channel {
        let key = ChannelKey(sent: sent, received: received, from: from, to: to, number: number)
        if let made = channelNumbers[key] { return made }
        let made = channels.make()
        channelNumbers[key] = made
        return made
    }

    private func append(_ item: Item, _ lane: LaneKey, _ slot: Int, _ variant: Int, _ forLogits: Bool) {
        var entry = slots[lane]?[slot] ?? Slot(isForLogits: forLogits, pieces: [], items: Array(repeating: [], count: variantCount))
        precondition(entry.isForLogits == forLogits, "a slot with two kinds of work")
        entry.items[variant].append(item)
        slots[lane, default: [:]][slot] = entry
    }

    /// All lanes, devices first.
    var lanes: [Lane] {
        func order(_ key: LaneKey) -> (Int, Int, Int) {
            switch key {
            case .device(let device): (0, device.rawValue, 0)
            case .copies(let from, let to): (1, from.rawValue, to.rawValue)
            case .bringing(let key): (2, key.home.rawValue, key.device.rawValue)
            case .returning(let key): (3, key.home.rawValue, key.device.rawValue)
            }
        }
        return slots.keys.sorted { order($0) < order($1) }.map { lane($0, slots[$0] ?? [:]) }
    }

    private func lane(_ key: LaneKey, _ slots: [Int: Slot]) -> Lane {
        var phases: [(slot: Slot, pieces: [Int])] = []
        for number in slots.keys.sorted() {
            guard let slot = slots[number] else { continue }
            let waits =
                !slot.opening.isEmpty
                || slot.items.contains { items in
                    items.contains { if case .command(.receive) = $0 { true } else { false } }
                }
            if let last = phases.last, !waits, last.slot.closing.isEmpty, last.pieces == slot.pieces,
                last.slot.isForLogits == slot.isForLogits
            {
                for variant in 0..<variantCount { phases[phases.count - 1].slot.items[variant] += slot.items[variant] }
                phases[phases.count - 1].slot.closing = slot.closing
            } else {
                phases.append((slot, slot.pieces))
            }
        }
        var firstUse: [Int: Int] = [:], lastUse: [Int: Int] = [:]
        for (index, phase) in phases.enumerated() {
            for piece in phase.pieces {
                if firstUse[piece] == nil { firstUse[piece] = index }
                lastUse[piece] = index
            }
        }
        var segments: [[Operation]] = []
        var numbers: [[Int]: Int] = [:]
        let made = phases.enumerated().map { index, phase in
            LanePhase(
                isForLogits: phase.slot.isForLogits, acquired: phase.pieces.filter { firstUse[$0] == index },
                released: phase.pieces.filter { lastUse[$0] == index }, opening: phase.slot.opening, closing: phase.slot.closing,
                commands: phase.slot.items.map { items in
                    var commands: [LaneCommand] = []
                    var run: [Int] = []
                    func flush() {
                        guard !run.isEmpty else { return }
                        let number = numbers[run] ?? segments.count
                        if number == segments.count { segments.append(run.flatMap { blocks[$0] }) }
                        numbers[run] = number
                        commands.append(.run(number))
                        run = []
                    }
                    for item in items {
                        switch item {
                        case .operations(let block): run.append(block)
                        case .command(let command):
                            flush()
                            commands.append(command)
                        }
                    }
                    flush()
                    return commands
                })
        }
        return Lane(key: key, phases: made, segments: segments, transfers: transfers[key] ?? [])
    }
}
