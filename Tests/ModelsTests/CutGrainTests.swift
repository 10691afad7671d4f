import Checkpoints
import Models
import Testing

struct CutGrainTests {
    @Test func blocks() {
        #expect(CutGrain.block(.f32) == 1 && CutGrain.block(.f16) == 2 && CutGrain.block(.bf16) == 2)
        for format in TensorFormat.allCases where format.isQuantised { #expect(CutGrain.block(format) == 2 * format.blockElements) }
    }

    @Test(arguments: [
        (29568, [TensorFormat.q4_K], 512), (11008, [.f16], 512), (4864, [.f16], 256), (4864, [.q8_0], 256), (4864, [.f16, .q6_K], 512),
        (64, [.f32], 16),
        (16, [.f16], 16), (2048, [.q4_0], 128), (2047, [.f16], 64), (8192, [.f16], 512),
    ]) func columns(size: Int, formats: [TensorFormat], grain: Int) {
        #expect(CutGrain.feedForward(size: size, formats: formats) == grain)
    }

    @Test(arguments: [
        // Llama-2-7B: a group is a head of 128 columns; in K formats four of them are one chunk anyway.
        (32, 128, [TensorFormat.f16], 4), (32, 128, [.q4_K], 4), (8, 1024, [.q4_K], 1), (2, 448, [.f16], 1), (2, 448, [.q4_0], 1),
        (2, 448, [.q4_K], 8),
        (32, 80, [.f32], 4), (32, 80, [.q4_0], 4), (4, 8, [.f32], 4), (1, 64, [.f16], 1),
    ]) func heads(count: Int, columns: Int, formats: [TensorFormat], grain: Int) {
        #expect(CutGrain.attention(keyValueHeads: count, groupColumns: columns, formats: formats) == grain)
    }

    /// Every chunk is a whole number of blocks of every format, of 16 columns, and no longer than it need be.
    @Test func grainsAreWholeBlocks() {
        for format in TensorFormat.allCases {
            for size in stride(from: 16, through: 40_000, by: 336) {
                let grain = CutGrain.feedForward(size: size, formats: [format, .f16])
                #expect(grain % 16 == 0 && grain % CutGrain.block(format) == 0 && grain <= 512)
                #expect(grain <= max(16, CutGrain.block(format)) || 16 * grain <= size)
            }
            for (heads, columns) in [(8, 512), (32, 128), (40, 128), (56, 128), (2, 448), (14, 64), (5, 96), (128, 512)] {
                let grain = CutGrain.attention(keyValueHeads: heads, groupColumns: columns, formats: [format])
                #expect(grain * columns % 16 == 0 && grain * columns % CutGrain.block(format) == 0)
            }
        }
    }
}
