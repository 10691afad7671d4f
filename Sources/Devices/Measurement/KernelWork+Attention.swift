import CKernels

extension KernelTimer {
    private static let heads = 32, keyValueHeads = 8, headSize = 128

    private func format(_ variant: String) -> mk_kv_format? {
        switch variant {
        case "f16": MK_KV_F16
        case "q8": MK_KV_Q8
        default: nil
        }
    }

    /// The last tokens of a sequence of at least 2048 positions, over a cache stored by the kernels themselves.
    func attention(_ variant: String, _ tokens: Int) -> KernelWork? {
        guard let format = format(variant) else { return nil }
        let (heads, keyHeads, size) = (Self.heads, Self.keyValueHeads, Self.headSize)
        let positions = max(2048, tokens), blocks = (positions + 63) / 64
        let headStride = Int(mk_kv_block_bytes(format, Int64(size))), cacheBytes = blocks * keyHeads * headStride
        let copies = max(1, (coldBytes + cacheBytes - 1) / cacheBytes)
        let scratchStride = (Int(mk_attention_scratch(Int64(size))) + 4095) / 4096 * 4096
        let perTile = Int(mk_attention_tile_tokens(Int64(heads / keyHeads)))
        let tileCount = (tokens + perTile - 1) / perTile
        guard let cache = HostBuffer(byteCount: copies * cacheBytes, hugePages: true), let x = numbers(64 * keyHeads * size + 64),
            let queries = numbers(tokens * heads * size), let out = HostBuffer(byteCount: tokens * heads * size * 4),
            let scratch = HostBuffer(byteCount: scratchStride * cpu.workers), let table = HostBuffer(byteCount: blocks * 4),
            let tiles = HostBuffer(byteCount: tileCount * MemoryLayout<mk_attention_tile>.stride)
        else { return nil }
        // One block of keys and values, copied to all.
        for slot in 0..<64 {
            for head in 0..<keyHeads {
                let row = x.pointer(as: Float.self) + (slot * keyHeads + head) * size
                mk_kv_store(cpu.instructionSet, format, cache.base + head * headStride, Int64(size), Int64(slot), row, row + 64)
            }
        }
        let blockBytes = keyHeads * headStride, base = cache.base
        cpu.forEach(copies * blocks) { if $0 > 0 { (base + $0 * blockBytes).copyMemory(from: base, byteCount: blockBytes) } }
        let numbersOfBlocks = table.pointer(as: Int32.self), tile = tiles.pointer(as: mk_attention_tile.self)
        for index in 0..<blocks { numbersOfBlocks[index] = Int32(index) }
        for index in 0..<tileCount {
            let from = index * perTile
            tile[index] = mk_attention_tile(
                blocks: numbersOfBlocks, position: Int64(positions - tokens + from), token: Int64(from),
                count: Int64(min(perTile, tokens - from)))
        }
        var job = mk_attention_job()
        job.isa = cpu.instructionSet
        job.format = format
        job.q = UnsafePointer(queries.pointer(as: Float.self))
        job.out = out.pointer()
        job.q_stride = Int64(heads * size)
        job.out_stride = Int64(heads * size)
        job.heads = Int64(heads)
        job.kv_heads = Int64(keyHeads)
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
        let cpu = cpu
        return KernelWork(
            shape: "\(heads)/\(keyHeads) heads of \(size), \(positions) positions", operations: 4 * seen * Double(heads * size),
            bytes: Double(cacheBytes + 2 * tokens * heads * size * 4), isCold: true
        ) { turn in
            job.next = 0
            job.cache = UnsafePointer(cache.pointer(as: UInt8.self)) + turn % copies * cacheBytes
            withExtendedLifetime((queries, out, scratch, table, tiles)) { cpu.run(mk_run_attention, &job) }
        }
    }

    /// Keys and values of consecutive tokens into the cache.
    func keyValueStore(_ variant: String, _ tokens: Int) -> KernelWork? {
        guard let format = format(variant) else { return nil }
        let (heads, keyHeads, size) = (Self.heads, Self.keyValueHeads, Self.headSize)
        let blocks = (tokens + 63) / 64, headStride = Int(mk_kv_block_bytes(format, Int64(size)))
        guard let cache = HostBuffer(byteCount: blocks * keyHeads * headStride, hugePages: true), let q = numbers(tokens * heads * size),
            let k = numbers(tokens * keyHeads * size), let v = numbers(tokens * keyHeads * size),
            let places = HostBuffer(byteCount: tokens * 8)
        else { return nil }
        let block = places.pointer(as: Int32.self), slot = block + tokens
        for token in 0..<tokens {
            block[token] = Int32(token / 64)
            slot[token] = Int32(token % 64)
        }
        var job = mk_store_job()
        job.isa = cpu.instructionSet
        job.q = q.pointer()
        job.k = k.pointer()
        job.v = v.pointer()
        job.q_stride = Int64(heads * size)
        job.k_stride = Int64(keyHeads * size)
        job.v_stride = Int64(keyHeads * size)
        job.heads = Int64(heads)
        job.kv_heads = Int64(keyHeads)
        job.head_size = Int64(size)
        job.tokens = Int64(tokens)
        job.format = format
        job.cache = cache.pointer()
        job.block_stride = Int64(keyHeads * headStride)
        job.head_stride = Int64(headStride)
        job.blocks = UnsafePointer(block)
        job.slots = UnsafePointer(slot)
        let cpu = cpu
        let perToken = keyHeads * (2 * size * 4 + headStride / 64)
        return KernelWork(shape: "\(keyHeads) heads of \(size)", operations: 0, bytes: Double(tokens * perToken)) { _ in
            job.next = 0
            withExtendedLifetime((cache, q, k, v, places)) { cpu.run(mk_run_store, &job) }
        }
    }
}
