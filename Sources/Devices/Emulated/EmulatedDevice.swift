import CKernels

/// A device that does not exist, for tests and for trying out hardware: the processor's kernels in a memory of its own size, each job
/// taking the longer of what the figures say and what it really takes.
public final class EmulatedDevice: Device, @unchecked Sendable {
    public let emulation: Emulation
    public let name: String
    public let memory: any Memory
    /// From the host's memory to its own, and back.
    public let inbound: Link
    public let outbound: Link
    /// Of its jobs.
    let timeline = Timeline()
    private let processor: CPUDevice

    /// - Throws: `DeviceError` where the system refuses the worker threads.
    public init(_ emulation: Emulation, threads: Int, instructionSet: InstructionSet? = nil) throws(DeviceError) {
        self.emulation = emulation
        name = emulation.name
        let memory = HostMemory(name: emulation.name, capacity: emulation.memoryBytes)
        self.memory = memory
        processor = try CPUDevice(name: emulation.name, threads: threads, instructionSet: instructionSet, memory: memory)
        inbound = Link(name: "host to \(name)", bytesPerSecond: emulation.linkBytesPerSecond, latency: emulation.latency)
        outbound = Link(name: "\(name) to host", bytesPerSecond: emulation.linkBytesPerSecond, latency: emulation.latency)
    }

    public func compile(_ segments: [[Operation]], limits: StepLimits) throws -> any DeviceProgram {
        EmulatedProgram(
            device: self, program: try processor.compile(segments, limits: limits),
            costs: segments.map { EmulatedCost.list($0, emulation) })
    }

    /// Seconds its jobs should have taken, how many there were, and how many really took longer than that.
    public var figures: (seconds: Double, jobs: Int, late: Int) { timeline.figures }
}

/// A processor's program that waits.
private final class EmulatedProgram: DeviceProgram {
    private let device: EmulatedDevice
    private let program: any DeviceProgram
    private let costs: [[EmulatedCost]]

    init(device: EmulatedDevice, program: any DeviceProgram, costs: [[EmulatedCost]]) {
        self.device = device
        self.program = program
        self.costs = costs
    }

    func run(_ segment: Int, _ tables: StepTables, _ part: MicroBatch) {
        let start = Stopwatch.now()
        var seconds = 0.0
        for index in costs[segment].indices { seconds += costs[segment][index].seconds(tables, part) }
        if device.emulation.computes { program.run(segment, tables, part) }
        device.timeline.take(seconds, since: start)
    }
}

/// What an operation takes by a device's figures: the longer of reading what it reads and computing.
struct EmulatedCost {
    private enum Kind {
        case free
        case product
        case attention
    }

    private var kind = Kind.free
    /// Bytes of weights, and operations per row of a product.
    private var bytes = 0.0
    private var operations = 0.0
    private var isForLogits = false
    /// Of attention: bytes of keys and values of a position, operations of a pair of positions.
    private var pool = 0
    private var tiling = 0
    private var window = 0
    private let readBytesPerSecond: Double
    private let operationsPerSecond: Double

    /// Of a segment's operations, in order.
    static func list(_ operations: [Operation], _ emulation: Emulation) -> [EmulatedCost] {
        var isForLogits = false
        return operations.map { operation in
            switch operation {
            case .logitsRows, .gather: isForLogits = true
            default: break
            }
            var cost = EmulatedCost(operation, emulation)
            cost.isForLogits = isForLogits
            return cost
        }
    }

    private init(_ operation: Operation, _ emulation: Emulation) {
        readBytesPerSecond = emulation.readBytesPerSecond
        operationsPerSecond = emulation.operationsPerSecond
        switch operation {
        case .product(let product):
            kind = .product
            for factor in product.factors {
                bytes += Double(factor.matrix.range.byteCount)
                operations += 2 * Double(factor.matrix.rows) * Double(factor.matrix.columns)
            }
        case .attend(let attend):
            kind = .attention
            bytes = Double(attend.cache.blockStride) / Double(MK_KV_BLOCK)
            operations = 4 * Double(attend.heads.count * attend.heads.size)
            (pool, tiling, window) = (attend.pool, attend.tiling, attend.window)
        case .embed, .addPositions, .logitsRows, .gather, .pack, .store, .sum, .normalise: break
        }
    }

    func seconds(_ tables: StepTables, _ part: MicroBatch) -> Double {
        switch kind {
        case .free: return 0
        case .product:
            let rows = Double(isForLogits ? part.rowCount : part.tokenCount)
            return max(bytes / readBytesPerSecond, operations * rows / operationsPerSecond)
        case .attention:
            var positions = 0.0, pairs = 0.0
            let tiles = tables.tiles(of: part, tiling: tiling, pool: pool)
            for index in 0..<tiles.count {
                let tile = tiles.lowerBound + index
                let (first, count) = (Double(tables.blocks.tiles[tiling][tile].position), Double(tables.blocks.tiles[tiling][tile].count))
                let seen = window > 0 ? min(Double(window) + count, first + count) : first + count
                positions += seen
                pairs += count * seen
            }
            return max(bytes * positions / readBytesPerSecond, operations * pairs / operationsPerSecond)
        }
    }
}
