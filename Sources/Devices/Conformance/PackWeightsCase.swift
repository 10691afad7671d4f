import CKernels
import Checkpoints

/// A range of rows and columns of a stored matrix, packed: products with it are those with a matrix that consists of the range alone.
struct PackWeightsCase: KernelCase {
    /// As a file has it; columns x rows where transposed.
    let stored: RandomMatrix
    let isTransposed: Bool
    let rows: Range<Int>
    let columns: Range<Int>
    /// With the range as a matrix of its own.
    let product: ProductCase

    init(format: TensorFormat, isTransposed: Bool, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let block = format.blockElements
        let most = block == 1 ? 150 : block == 32 ? 9 : 4
        let whole = RandomMatrix(format: format, rows: 1 + random.below(60), columns: block * (1 + random.below(most)), random: &random)
        func range(of count: Int) -> Range<Int> {
            let first = random.below(count)
            return first..<first + 1 + random.below(count - first)
        }
        rows = range(of: whole.rows)
        let blocks = range(of: whole.columns / block)
        columns = blocks.lowerBound * block..<blocks.upperBound * block
        stored = isTransposed ? whole.transposed : whole
        self.isTransposed = isTransposed
        let alone = whole.cut(rows: rows, columns: columns)
        product = ProductCase(alone, tokens: 3, pattern: .normal, bias: false, add: false, random: &random)
    }

    var operation: KernelOperation { .packWeights }
    var variant: String { stored.format.name }
    var shape: String {
        "rows \(rows), columns \(columns) of \(stored.rows)x\(stored.columns)" + (isTransposed ? " stored transposed" : "")
    }

    func expected() -> Expectation { product.expected() }

    func outputs(_ instructionSet: mk_isa, memory: GuardedMemory) -> [Float] {
        product.outputs(instructionSet, memory: memory, weights: packed(in: memory, slab: false))
    }

    /// The same bytes as the range alone, from the whole matrix and from the stored rows that hold the range.
    func brokenPromises(_ instructionSet: mk_isa, memory: GuardedMemory, outputs: [Float], expected: Expectation) -> [String] {
        let count = product.matrix.packedByteCount
        let alone = UnsafeBufferPointer(start: product.matrix.packed(in: memory), count: count)
        return [false, true].filter { !alone.elementsEqual(UnsafeBufferPointer(start: packed(in: memory, slab: $0), count: count)) }.map {
            "a range packed from \($0 ? "the stored rows that hold it" : "the whole matrix") differs from a matrix of its own"
        }
    }

    private func packed(in memory: GuardedMemory, slab: Bool) -> UnsafeMutablePointer<UInt8> {
        let held = !slab ? 0..<stored.rows : isTransposed ? columns : rows
        let source = memory.make("stored rows", held.count * stored.rowBytes, of: UInt8.self)
        let skipped = held.lowerBound * stored.rowBytes
        for index in 0..<held.count * stored.rowBytes { source[index] = stored.bytes[skipped + index] }
        let packed = memory.make("packed range", product.matrix.packedByteCount, of: UInt8.self)
        var job = mk_packing_job()
        job.format = stored.format.kernelFormat
        job.source = UnsafePointer(source)
        job.source_row = Int64(held.lowerBound)
        job.row_bytes = Int64(stored.rowBytes)
        job.transposed = isTransposed
        job.first_row = Int64(rows.lowerBound)
        job.rows = Int64(rows.count)
        job.first_column = Int64(columns.lowerBound)
        job.columns = Int64(columns.count)
        job.destination = packed
        job.scratch = memory.make("scratch", isTransposed ? 16 * columns.count * stored.format.blockBytes : 0, of: UInt8.self)
        mk_run_packing(&job, 0, 1)
        return packed
    }
}
