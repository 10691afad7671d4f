import CKernels
import Plans
import Testing

/// The planner's figures for keys and values are the kernels' own.
struct KeyValueBytesTests {
    @Test func blocksHaveTheKernelsSize() {
        #expect(ReplicaSchedule.keyValueBlockTokens == Int(MK_KV_BLOCK))
        for size in [1, 8, 15, 16, 64, 72, 80, 96, 128, 256] {
            #expect(KeyValueFormat.f16.blockBytes(headSize: size) == Int(mk_kv_block_bytes(MK_KV_F16, Int64(size))))
            #expect(KeyValueFormat.q8.blockBytes(headSize: size) == Int(mk_kv_block_bytes(MK_KV_Q8, Int64(size))))
        }
        // Nibbles, and for each of 64 tokens a scale and a minimum of keys and of values per group of 64 elements.
        #expect(KeyValueFormat.q4.blockBytes(headSize: 128) == 128 * 64 + 2 * 64 * 2 * 4)
        #expect(KeyValueFormat.q4.blockBytes(headSize: 32) == 32 * 64 + 2 * 64 * 4)
        for format in KeyValueFormat.allCases { #expect(format.blockBytes(headSize: .max) == .max) }
    }
}
