import Devices
import Plans

/// Areas in a device's memory to which keys and values that live elsewhere are brought to be attended to: a layer's for a whole step, two
/// layers in turn.
///
/// What a step wrote is brought back before the area is used again; whoever wants an area waits for that (`credit`). The same layer of the
/// next step uses the same area, and so sees what this one wrote.
final class StagedCaches {
    struct Key: Hashable {
        var home: MemoryID
        var device: DeviceID
    }

    struct Area {
        var range: BufferRange
        /// Sent when the area may be used again; there is one message in it at the beginning.
        var credit: Channel
    }

    let key: Key
    private(set) var areas: [Area] = []
    /// Layers and heads that took an area so far.
    private var count = 0

    /// - Parameter bytes: of an area: the largest pool's blocks of the largest layer.
    /// - Throws: `MemoryError`.
    init(_ key: Key, bytes: Int, memory: any Memory, channels: ChannelStorage) throws {
        self.key = key
        for _ in 0..<2 {
            areas.append(Area(range: BufferRange(try memory.allocate(bytes, for: .staging)), credit: channels.make(credit: 1)))
        }
    }

    /// The next area in turn.
    func next() -> Area {
        defer { count += 1 }
        return areas[count % areas.count]
    }
}

/// Copies blocks of one layer between where they live and an area, for a micro-batch.
final class BlockTransfer {
    enum Direction {
        case bringing
        case returning
    }

    private let cache: KeyValueCache
    private let layer: Int
    private let area: BufferRange
    private let direction: Direction
    private let links: [Link]
    /// Between a disk and memory that is not the host's.
    private let bounce: BufferRange?
    private let blockStride: Int

    init(_ cache: KeyValueCache, layer: Int, area: BufferRange, direction: Direction, links: [Link], bounce: BufferRange?) {
        self.cache = cache
        self.layer = layer
        self.area = area
        self.direction = direction
        self.links = links
        self.bounce = bounce
        blockStride = KeyValueCache.paddedOnDisk(cache.blockBytes(layer: layer))
    }

    private func move(_ bytes: Int, _ copy: () throws(DiskError) -> Void) throws(DiskError) {
        var failure: DiskError?
        links.move(bytes) {
            do throws(DiskError) { try copy() } catch { failure = error }
        }
        if let failure { throw failure }
    }

    func run(_ tables: StepTables, _ part: MicroBatch) throws(DiskError) {
        let blocks = tables.stagedBlocks(of: part, pool: cache.share.pool), bytes = cache.blockBytes(layer: layer)
        for index in 0..<blocks.count {
            let block = tables.stagedBlocks[blocks.lowerBound + index]
            let place = area.address + block.staged * blockStride
            switch direction {
            case .bringing:
                guard block.isRead else { continue }
                if let bounce {
                    try cache.read(layer: layer, block: block.home, into: bounce.address)
                    links.move(bytes) { place.copyMemory(from: bounce.address, byteCount: bytes) }
                } else {
                    try move(bytes) { () throws(DiskError) in try cache.read(layer: layer, block: block.home, into: place) }
                }
            case .returning:
                guard block.isWritten else { continue }
                if let bounce {
                    links.move(bytes) { bounce.address.copyMemory(from: place, byteCount: bytes) }
                    try cache.write(layer: layer, block: block.home, from: bounce.address)
                } else {
                    try move(bytes) { () throws(DiskError) in try cache.write(layer: layer, block: block.home, from: place) }
                }
            }
        }
    }
}
