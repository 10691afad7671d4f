import CKernels
import Checkpoints

/// A product whose columns may be cut: right, and the same bits from the parts of any cut, added in any order.
struct ChunkedProductCase: KernelCase {
    let product: ProductCase
    private let seed: UInt64

    init(
        format: TensorFormat, rows: Int, columns: Int, chunk: Int, tokens: Int, pattern: InputPattern, bias: Bool, add: Bool, seed: UInt64
    ) {
        var product = ProductCase(
            format: format, rows: rows, columns: columns, tokens: tokens, pattern: pattern, bias: bias, add: add, seed: seed)
        product.chunk = chunk
        self.product = product
        self.seed = seed
    }

    var operation: KernelOperation { .chunkedProduct }
    var variant: String { product.variant }
    var shape: String { "\(product.shape), chunks of \(product.chunk)" }

    private var columns: Int { product.matrix.columns }
    private var chunks: Int { (columns + product.chunk - 1) / product.chunk }

    func expected() -> Expectation {
        var expectation = product.expected()
        // Half a unit from each chunk.
        let rounding = Double(chunks) / Double(1 << (MK_SUM_UNIT_BITS + 1))
        for index in expectation.magnitudes.indices { expectation.magnitudes[index] += rounding / expectation.tolerance }
        return expectation
    }

    func outputs(_ instructionSet: mk_isa, memory: GuardedMemory) -> [Float] { product.outputs(instructionSet, memory: memory) }

    func brokenPromises(_ instructionSet: mk_isa, memory: GuardedMemory, outputs: [Float], expected: Expectation) -> [String] {
        var faults = product.brokenPromises(instructionSet, memory: memory, outputs: outputs, expected: expected)
        var random = SeededRandom(seed: seed)
        for _ in 0..<2 {
            let cut = cut(&random)
            if sum(of: cut, instructionSet, memory).map(\.bitPattern) != outputs.map(\.bitPattern) {
                faults.append("the parts \(cut) add up to other bits than the whole")
            }
        }
        return faults
    }

    /// Ranges of columns that end at chunks, shuffled.
    private func cut(_ random: inout SeededRandom) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var first = 0
        while first < chunks {
            let end = first + 1 + random.below(chunks - first)
            ranges.append(first * product.chunk..<min(end * product.chunk, columns))
            first = end
        }
        return random.shuffled(ranges.count).map { ranges[Int($0)] }
    }

    private func sum(of ranges: [Range<Int>], _ instructionSet: mk_isa, _ memory: GuardedMemory) -> [Float] {
        let padded = product.padded, tokens = Int64(product.tokens)
        var parts: [UnsafePointer<Double>?] = []
        let x = memory.make("inputs", product.inputs)
        for range in ranges {
            let matrix = product.matrix.cut(rows: 0..<product.matrix.rows, columns: range)
            let width = Int64(range.count)
            let packed = memory.make(
                "packed inputs", Int(mk_input_bytes(instructionSet, product.kind, tokens, width)), of: UInt8.self)
            mk_pack_input(instructionSet, product.kind, x + range.lowerBound, Int64(columns), tokens, 0, tokens, width, packed)
            var bound = mk_matrix()
            bound.data = UnsafePointer(matrix.packed(in: memory))
            bound.format = matrix.format.kernelFormat
            bound.columns = width
            bound.groups = Int64(product.groups)
            bound.chunk = Int64(product.chunk)
            bound.chunks = Int64(chunks)
            let scratch = memory.make("scratch", mk_product_scratch(width), of: UInt8.self)
            let part = memory.make("part", product.tokens * padded, of: Double.self)
            mk_product_parts(instructionSet, &bound, 0, bound.groups, packed, tokens, part, Int64(padded), scratch)
            parts.append(UnsafePointer(part))
        }
        let bias = product.bias.map { UnsafePointer(memory.make("bias", $0)) }
        let y = product.previous.map { memory.make("outputs", $0) } ?? memory.make("outputs", product.tokens * padded, of: Float.self)
        for token in 0..<product.tokens {
            mk_sum_parts(
                instructionSet, parts, Int64(parts.count), Int64(token * padded), Int64(padded), bias, product.previous != nil,
                y + token * padded)
        }
        return (0..<product.tokens * padded).map { y[$0] }
    }
}
