import CKernels
import Glibc

/// Attention of a run of consecutive tokens over a paged cache whose blocks lie in random order, among garbage.
struct AttentionCase: KernelCase {
    struct Shape: Sendable {
        var headSize: Int
        var keyValueHeads: Int
        /// Query heads per KV head.
        var group: Int
        var tokens: Int
        /// Position of the first token; the cache holds everything before.
        var start: Int
        /// 0: no window.
        var window: Int
    }

    let operation: KernelOperation
    let format: mk_kv_format
    let form: Shape
    let pattern: InputPattern
    /// tokens x heads x head size.
    let queries: [Float]
    /// positions x KV heads x head size.
    let keys: [Float]
    let values: [Float]
    let blocks: [Int32]

    init(_ form: Shape, format: mk_kv_format, pattern: InputPattern = .normal, operation: KernelOperation = .attention, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        self.operation = operation
        self.format = format
        self.form = form
        self.pattern = pattern
        let positions = form.start + form.tokens, width = form.keyValueHeads * form.headSize
        // Keys of ordinary size and queries of any: scores beyond a few thousand are of no model.
        let queries = InputPattern.normal.values(rows: form.tokens, columns: width * form.group, random: &random)
        switch pattern {
        case .huge: self.queries = queries.map { $0 * 100 }
        case .zeros: self.queries = queries.map { _ in 0 }
        default: self.queries = queries
        }
        let stored = pattern == .huge || pattern == .tiny ? InputPattern.normal : pattern
        keys = stored.values(rows: positions, columns: width, random: &random)
        values = (pattern == .tiny ? pattern : stored).values(rows: positions, columns: width, random: &random)
        blocks = Array(random.shuffled((positions + 63) / 64 + 3).prefix((positions + 63) / 64))
    }

    var variant: String { format == MK_KV_F16 ? "f16" : "q8" }
    var shape: String {
        "\(form.keyValueHeads * form.group)/\(form.keyValueHeads) heads of \(form.headSize), \(form.tokens) tokens at \(form.start)"
            + (form.window > 0 ? ", window \(form.window)" : "") + ", \(pattern)"
    }

    private var scale: Float { 1 / Float(form.headSize).squareRoot() }

    /// A stored vector as it comes back from the cache.
    private func stored(_ vector: ArraySlice<Float>) -> [Double] {
        guard format != MK_KV_F16 else { return vector.map { Double(Float($0.isFinite ? Float16($0) : 0)) } }
        let top = vector.reduce(Float(0)) { max($0, abs($1)) }
        let inverse = top > 1e-30 ? 127 / top : 0
        return vector.map { Double(top / 127) * Double(($0 * inverse).rounded(.toNearestOrEven)) }
    }

    func expected() -> Expectation {
        let size = form.headSize, positions = form.start + form.tokens
        var storedKeys: [[Double]] = [], storedValues: [[Double]] = []
        for row in 0..<positions * form.keyValueHeads {
            storedKeys.append(stored(keys[row * size..<(row + 1) * size]))
            storedValues.append(stored(values[row * size..<(row + 1) * size]))
        }
        let heads = form.keyValueHeads * form.group
        var values: [Double] = [], bounds: [Double] = []
        for token in 0..<form.tokens {
            let position = form.start + token
            let first = form.window > 0 ? max(0, position - form.window + 1) : 0
            for head in 0..<heads {
                let keyHead = head / form.group
                let query = queries[(token * heads + head) * size..<(token * heads + head + 1) * size]
                var scores: [Double] = []
                var largest = 0.0
                for at in first...position {
                    var score = 0.0, sum = 0.0
                    for (q, k) in zip(query, storedKeys[at * form.keyValueHeads + keyHead]) {
                        score += Double(q) * k
                        sum += abs(Double(q) * k)
                    }
                    scores.append(score * Double(scale))
                    largest = max(largest, sum * Double(scale))
                }
                let top = scores.max() ?? 0
                let weights = scores.map { exp($0 - top) }
                let total = weights.reduce(0, +)
                var result = [Double](repeating: 0, count: size)
                var magnitude = 1e-37
                for (at, weight) in weights.enumerated() {
                    let value = storedValues[(first + at) * form.keyValueHeads + keyHead]
                    for d in 0..<size {
                        result[d] += weight / total * value[d]
                        magnitude = max(magnitude, abs(value[d]))
                    }
                }
                // A rounding error of a score moves its weight by as much, relatively.
                for d in 0..<size {
                    values.append(result[d])
                    bounds.append(magnitude * (1 + largest / 4))
                }
            }
        }
        var expectation = Expectation(tolerance: 24 * Expectation.unit)
        expectation.values = values
        expectation.magnitudes = bounds
        return expectation
    }

    func outputs(_ instructionSet: mk_isa, memory: GuardedMemory) -> [Float] {
        run(instructionSet, memory, tileTokens: Int(mk_attention_tile_tokens(Int64(form.group))))
    }

    func brokenPromises(_ instructionSet: mk_isa, memory: GuardedMemory, outputs whole: [Float], expected: Expectation) -> [String] {
        let tile = Int(mk_attention_tile_tokens(Int64(form.group)))
        guard form.tokens > 1 else { return [] }
        var faults: [String] = []
        for size in Set([1, max(1, tile - 1), max(1, tile / 2)]).sorted() where size < tile {
            if run(instructionSet, memory, tileTokens: size) != whole {
                faults.append("the result depends on tokens per tile (\(size) or \(tile))")
            }
        }
        return faults
    }

    private func run(_ instructionSet: mk_isa, _ memory: GuardedMemory, tileTokens: Int) -> [Float] {
        let size = form.headSize, positions = form.start + form.tokens, heads = form.keyValueHeads * form.group
        let headStride = mk_kv_block_bytes(format, Int64(size)), blockStride = headStride * form.keyValueHeads
        // Slots nobody stored into hold what is not a number.
        let cache = memory.make("cache", blockStride * (Int(blocks.max() ?? 0) + 1), of: UInt8.self)
        let key = memory.make("key", size, of: Float.self), value = memory.make("value", size, of: Float.self)
        for position in 0..<positions {
            let block = cache + Int(blocks[position / 64]) * blockStride
            for head in 0..<form.keyValueHeads {
                let from = (position * form.keyValueHeads + head) * size
                for d in 0..<size {
                    key[d] = keys[from + d]
                    value[d] = values[from + d]
                }
                mk_kv_store(instructionSet, format, block + head * headStride, Int64(size), Int64(position % 64), key, value)
            }
        }
        let table = memory.make("block table", blocks.count, of: Int32.self)
        for (index, block) in blocks.enumerated() { table[index] = block }
        var tiles: [mk_attention_tile] = []
        for from in stride(from: 0, to: form.tokens, by: tileTokens) {
            tiles.append(
                mk_attention_tile(
                    blocks: table, position: Int64(form.start + from), token: Int64(from), count: Int64(min(tileTokens, form.tokens - from))
                ))
        }
        let out = memory.make("outputs", form.tokens * heads * size, of: Float.self)
        var job = mk_attention_job()
        job.isa = instructionSet
        job.format = format
        job.q = UnsafePointer(memory.make("queries", queries))
        job.out = out
        job.q_stride = Int64(heads * size)
        job.out_stride = Int64(heads * size)
        job.heads = Int64(heads)
        job.kv_heads = Int64(form.keyValueHeads)
        job.head_size = Int64(size)
        job.window = Int64(form.window)
        job.scale = scale
        job.cache = UnsafePointer(cache)
        job.block_stride = Int64(blockStride)
        job.head_stride = Int64(headStride)
        job.tile_count = Int64(tiles.count)
        job.scratch = memory.make("scratch", mk_attention_scratch(Int64(size)), of: UInt8.self)
        tiles.withUnsafeBufferPointer { buffer in
            job.tiles = buffer.baseAddress
            mk_run_attention(&job, 0, 1)
        }
        return (0..<form.tokens * heads * size).map { out[$0] }
    }
}
