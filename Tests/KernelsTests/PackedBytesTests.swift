import Checkpoints
import Devices
import Testing

/// The planner's figures for packed weights are the kernels' own.
struct PackedBytesTests {
    @Test(arguments: TensorFormat.allCases) func packedMatricesHaveTheKernelsSize(format: TensorFormat) {
        for rows in [1, 15, 16, 17, 64, 100, 4096] {
            for blocks in [1, 2, 3, 8, 17] {
                let columns = blocks * format.blockElements
                #expect(
                    format.packedByteCount(rows: rows, columns: columns) == packedByteCount(format: format, rows: rows, columns: columns))
            }
        }
        #expect(format.packedByteCount(rows: .max, columns: format.blockElements) == nil)
        #expect(format.packedByteCount(rows: 16, columns: .max / format.blockElements * format.blockElements) == nil)
        #expect(format.packedByteCount(rows: -1, columns: 0) == nil)
        if format.isQuantised { #expect(format.packedByteCount(rows: 16, columns: 1) == nil) }
    }
}
