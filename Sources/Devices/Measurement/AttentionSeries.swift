public import CKernels

/// Times attention over a paged cache, on all workers: the arithmetic with keys and values in a cache, and the reading of those that are in
/// none.
public final class AttentionSeries {
    private let cpu: CPU
    private let memory: HostBuffer
    private static let headSize = 128

    /// Returns nil where there is no memory for it.
    public init?(cpu: CPU, coldBytes: Int = 192 << 20) {
        self.cpu = cpu
        guard let memory = HostBuffer(byteCount: coldBytes, hugePages: true) else { return nil }
        self.memory = memory
    }

    /// Operations per second with `rows` query rows for each key, which lie in a cache.
    ///
    /// Up to 16 rows are the query heads of one new token; more are the tokens of a prompt, four heads each, from its beginning.
    public func operationsPerSecond(_ format: mk_kv_format, rows: Int, launch: Double, budget: Double) -> Double? {
        let group = rows <= 16 ? max(1, rows) : 4, tokens = rows <= 16 ? 1 : rows / 4
        let positions = max(256, tokens)
        // Enough for each worker to have a few parts, few enough to stay in its own cache.
        return run(format, group: group, keyValueHeads: 4 * cpu.workers, tokens: tokens, positions: positions, copies: 1, budget: budget)
            .map { $0.operations / max($0.seconds - launch, $0.seconds / 8) }
    }

    /// Bytes of keys and values read per second by one new token of a long sequence.
    public func bytesPerSecond(_ format: mk_kv_format, positions: Int = 4096, budget: Double) -> Double? {
        run(format, group: 4, keyValueHeads: 8, tokens: 1, positions: positions, copies: .max, budget: budget).map { $0.bytes / $0.seconds }
    }

    private func run(
        _ format: mk_kv_format, group: Int, keyValueHeads: Int, tokens: Int, positions: Int, copies: Int, budget: Double
    ) -> (seconds: Double, operations: Double, bytes: Double)? {
        let size = Self.headSize, heads = group * keyValueHeads
        let blocks = (positions + 63) / 64
        let headStride = Int(mk_kv_block_bytes(format, Int64(size))), blockBytes = keyValueHeads * headStride,
            cacheBytes = blocks * blockBytes
        let copies = min(copies, memory.byteCount / cacheBytes)
        let scratchStride = (Int(mk_attention_scratch(Int64(size))) + 4095) / 4096 * 4096
        let perTile = max(1, Int(mk_attention_tile_tokens(Int64(group))))
        let tileCount = (tokens + perTile - 1) / perTile
        guard copies > 0, let x = HostBuffer(byteCount: (64 + tokens * heads) * size * 4),
            let out = HostBuffer(byteCount: tokens * heads * size * 4),
            let scratch = HostBuffer(byteCount: scratchStride * cpu.workers), let table = HostBuffer(byteCount: blocks * 4),
            let tiles = HostBuffer(byteCount: tileCount * MemoryLayout<mk_attention_tile>.stride)
        else { return nil }
        var random = SeededRandom(seed: 4)
        let some = (0..<65 * size).map { _ in random.normal() }
        let numbers = x.pointer(as: Float.self)
        some.withUnsafeBufferPointer { source in
            guard let first = source.baseAddress else { return }
            var at = 0
            let total = (64 + tokens * heads) * size
            while at < total {
                let count = min(some.count, total - at)
                (numbers + at).update(from: first, count: count)
                at += count
            }
        }
        // One block of keys and values, copied to all.
        for slot in 0..<64 {
            for head in 0..<keyValueHeads {
                let row = numbers + slot * size
                mk_kv_store(cpu.instructionSet, format, memory.base + head * headStride, Int64(size), Int64(slot), row, row + size)
            }
        }
        let base = memory.base
        cpu.forEach(copies * blocks) { if $0 > 0 { (base + $0 * blockBytes).copyMemory(from: base, byteCount: blockBytes) } }
        let blockNumbers = table.pointer(as: Int32.self), tile = tiles.pointer(as: mk_attention_tile.self)
        for index in 0..<blocks { blockNumbers[index] = Int32(index) }
        for index in 0..<tileCount {
            let from = index * perTile
            tile[index] = mk_attention_tile(
                blocks: blockNumbers, position: Int64(positions - tokens + from), token: Int64(from),
                count: Int64(min(perTile, tokens - from)))
        }
        var job = mk_attention_job()
        job.isa = cpu.instructionSet
        job.format = format
        job.q = UnsafePointer(numbers + 64 * size)
        job.out = out.pointer()
        job.q_stride = Int64(heads * size)
        job.out_stride = Int64(heads * size)
        job.heads = Int64(heads)
        job.kv_heads = Int64(keyValueHeads)
        job.head_size = Int64(size)
        job.scale = 1 / Float(size).squareRoot()
        job.block_stride = Int64(blockBytes)
        job.head_stride = Int64(headStride)
        job.tiles = UnsafePointer(tile)
        job.tile_count = Int64(tileCount)
        job.scratch = scratch.pointer()
        job.scratch_stride = Int64(scratchStride)
        // Token t sees positions - tokens + t + 1 positions.
        let seen = Double(tokens) * Double(2 * positions - tokens + 1) / 2
        let cache = UnsafePointer(memory.pointer(as: UInt8.self))
        let seconds = withExtendedLifetime((x, out, scratch, table, tiles)) {
            Stopwatch.median(budget: budget) { turn in
                job.next = 0
                job.cache = cache + turn % copies * cacheBytes
                cpu.run(mk_run_attention, &job)
            }
        }
        return (seconds, 4 * seen * Double(heads * size), Double(cacheBytes))
    }
}
