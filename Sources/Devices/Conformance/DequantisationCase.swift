import CKernels
import Checkpoints

/// One stored row as floats (embeddings, norms, biases): the very same numbers as the reference.
struct DequantisationCase: KernelCase {
    let matrix: RandomMatrix

    init(format: TensorFormat, columns: Int, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        matrix = RandomMatrix(format: format, rows: 1, columns: columns, random: &random)
    }

    var operation: KernelOperation { .dequantisation }
    var variant: String { matrix.format.name }
    var shape: String { "\(matrix.columns)" }

    func expected() -> Expectation {
        var expectation = Expectation(tolerance: 0)
        for value in matrix.values() { expectation.append(Double(value), magnitude: 1) }
        return expectation
    }

    func outputs(_ instructionSet: mk_isa, memory: GuardedMemory) -> [Float] {
        let stored = memory.make("row", matrix.bytes.count, of: UInt8.self)
        for (index, byte) in matrix.bytes.enumerated() { stored[index] = byte }
        let y = memory.make("values", matrix.columns, of: Float.self)
        mk_dequantise_row(matrix.format.kernelFormat, stored, Int64(matrix.columns), y)
        return (0..<matrix.columns).map { y[$0] }
    }
}
