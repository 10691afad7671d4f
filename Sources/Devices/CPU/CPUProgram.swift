import CKernels

/// Segments compiled for the processor: flat lists of jobs that run per micro-batch with different sizes.
final class CPUProgram: DeviceProgram {
    private let device: CPUDevice
    private let segments: [[CPUInstruction]]
    private let workspace: CPUWorkspace
    private let jobs = JobStorage()
    /// Everything the jobs point into.
    private let operations: [[Operation]]

    init(_ operations: [[Operation]], device: CPUDevice, workspace: CPUWorkspace) throws(DeviceError) {
        self.device = device
        self.workspace = workspace
        self.operations = operations
        let lowering = CPULowering(device: device, workspace: workspace, jobs: jobs)
        var segments: [[CPUInstruction]] = []
        for list in operations {
            var segment: [CPUInstruction] = []
            for operation in list { segment.append(try lowering.lower(operation)) }
            segments.append(segment)
        }
        self.segments = segments
    }

    /// Steps this small pack and store on the calling thread: waking the workers costs more.
    private static let inlineTokens: Int64 = 4

    func run(_ segment: Int, _ tables: StepTables, _ part: MicroBatch) {
        device.turn.lock()
        defer { device.turn.unlock() }
        let cpu = device.cpu, first = part.firstToken, local = first - tables.tokenBase
        // From `logitsRows` or `gather` on the rows are those whose logits are wanted.
        var rows = Int64(part.tokenCount)
        var start = first
        // By index here and below: iterators over arrays allocate in unoptimised builds, and no step may.
        for index in segments[segment].indices {
            switch segments[segment][index] {
            case .embed(let table, let format, let rowBytes, let columns, let output):
                for token in 0..<part.tokenCount {
                    mk_dequantise_row(
                        format, table + Int(tables.tokens[local + token]) * rowBytes, Int64(columns),
                        output.first(first) + token * output.stride)
                }
            case .addPositions(let table, let format, let rowBytes, let columns, let offset, let target):
                let scratch = UnsafeMutableRawPointer(workspace.scratch).assumingMemoryBound(to: Float.self)
                for token in 0..<part.tokenCount {
                    let row = table + (Int(tables.positions[local + token]) + offset) * rowBytes
                    mk_dequantise_row(format, row, Int64(columns), scratch)
                    mk_add(cpu.instructionSet, target.first(first) + token * target.stride, scratch, Int64(columns))
                }
            case .logitsRows:
                rows = Int64(part.rowCount)
                start = part.firstRow
            case .gather(let input, let output):
                for row in 0..<part.rowCount {
                    let token = Int(tables.chosen[part.firstRow - tables.rowBase + row])
                    let from = input.skip == 0 ? token - local : token + tables.tokenBase
                    (output.first(part.firstRow) + row * output.stride).update(from: input.base + from * input.stride, count: output.stride)
                }
                rows = Int64(part.rowCount)
                start = part.firstRow
            case .pack(let job, let places):
                places.set(stepRow: start)
                job.pointee.tokens = rows
                job.pointee.next = 0
                rows <= Self.inlineTokens ? mk_run_pack(job, 0, 1) : cpu.run(mk_run_pack, job)
            case .product(let job, let places):
                places.set(stepRow: start)
                job.pointee.tokens = rows
                job.pointee.next = 0
                cpu.run(mk_run_product, job)
            case .store(let job, let rotary, let pool, let isStaged, let places):
                let inPool = tables.tokens(of: part, pool: pool)
                if inPool.isEmpty { continue }
                let at = local + inPool.lowerBound
                places.set(stepRow: first + inPool.lowerBound, localRow: inPool.lowerBound)
                if rotary >= 0 {
                    let pairs = Int(job.pointee.rotary) / 2
                    job.pointee.cosine = UnsafePointer(tables.cosine[rotary] + at * pairs)
                    job.pointee.sine = UnsafePointer(tables.sine[rotary] + at * pairs)
                }
                job.pointee.blocks = UnsafePointer(tables.places(isStaged).blockOfToken + at)
                job.pointee.slots = UnsafePointer(tables.slotOfToken + at)
                job.pointee.tokens = Int64(inPool.count)
                job.pointee.next = 0
                inPool.count <= Self.inlineTokens ? mk_run_store(job, 0, 1) : cpu.run(mk_run_store, job)
            case .attend(let job, let tiling, let pool, let isStaged, let places):
                let tiles = tables.tiles(of: part, tiling: tiling, pool: pool)
                if tiles.isEmpty { continue }
                places.set(stepRow: first)
                job.pointee.tiles = UnsafePointer(tables.places(isStaged).tiles[tiling] + tiles.lowerBound)
                job.pointee.tile_count = Int64(tiles.count)
                job.pointee.next = 0
                cpu.run(mk_run_attention, job)
            case .sum(let job, let places):
                places.set(stepRow: start)
                job.pointee.tokens = rows
                job.pointee.next = 0
                cpu.run(mk_run_sum, job)
            }
        }
    }
}
