import Checkpoints
import Models
import Testing

/// Where matrices may be cut, against the rule in its own words and against numbers worked out by hand.
@Suite struct CutRuleTests {
    @Test func knownModels() {
        // Llama 7B: 11008 columns, heads of 128; four heads are a grain in any format.
        #expect(CutGrain.feedForward(size: 11008, formats: [.f16]) == 512)
        #expect(CutGrain.attention(keyValueHeads: 32, groupColumns: 128, formats: [.q4_0, .q6_K]) == 4)
        // At least 32 grains before they are doubled.
        #expect(CutGrain.feedForward(size: 2048, formats: [.q4_0]) == 128)
        #expect(CutGrain.feedForward(size: 2047, formats: [.q4_0]) == 64)
        #expect(CutGrain.feedForward(size: 72, formats: [.f32]) == 16)
        // One matrix in a K format among others decides.
        #expect(CutGrain.feedForward(size: 4864, formats: [.f16]) == 256)
        #expect(CutGrain.feedForward(size: 4864, formats: [.f16, .q6_K]) == 512)
        // Groups of 448 columns: seven blocks of 64, and eight groups are seven K blocks, more than there are.
        #expect(CutGrain.attention(keyValueHeads: 2, groupColumns: 448, formats: [.q4_0]) == 1)
        #expect(CutGrain.attention(keyValueHeads: 2, groupColumns: 448, formats: [.q4_K]) == 8)
        // Heads of 24 columns: two are a multiple of 16, then doubled while there are enough heads.
        #expect(CutGrain.attention(keyValueHeads: 2, groupColumns: 24, formats: [.f32]) == 2)
        #expect(CutGrain.attention(keyValueHeads: 32, groupColumns: 24, formats: [.f32]) == 16)
    }

    /// Whole blocks of every format and of 16 columns, at most 512 columns unless one block of all is longer, and not to be doubled.
    @Test(arguments: [[TensorFormat.f32], [.bf16], [.q5_1, .f32], [.q8_0], [.q2_K, .q8_0]]) func grainsAreAsLongAsTheyMayBe(_ formats: [TensorFormat])
    {
        let blocks = formats.map { $0.blockElements == 1 ? ($0 == .f32 ? 1 : 2) : 2 * $0.blockElements }
        let quantum = blocks.max().map { max(16, $0) } ?? 16
        for size in stride(from: 8, to: 30_000, by: 104) {
            let grain = CutGrain.feedForward(size: size, formats: formats)
            #expect(blocks.allSatisfy { grain % $0 == 0 } && grain % 16 == 0)
            #expect(grain == quantum || grain <= 512 && 16 * grain <= size)
            #expect(2 * grain > 512 || 32 * grain > size)
        }
        for columns in [8, 24, 64, 80, 128, 448, 512, 1024] {
            for heads in [1, 2, 3, 8, 40] {
                let grain = CutGrain.attention(keyValueHeads: heads, groupColumns: columns, formats: formats)
                #expect(blocks.allSatisfy { grain * columns % $0 == 0 } && grain * columns % 16 == 0)
                #expect(2 * grain * columns > 512 || 2 * grain > heads)
            }
        }
    }
}
