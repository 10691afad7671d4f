// Packed layouts: how 16 rows are interleaved. Documented in docs/formats.md; sizes equal those of 16 rows in the file.
//
// A *word* below is 64 bytes: 16 rows x 4 consecutive bytes of the row's quantised data. Words are loaded whole and should not
// straddle cache lines, so formats whose block is an odd number of half lines keep the 16 halves of two blocks together behind both:
// data 0, data 1, halves 0, halves 1. A last single block is followed by its own halves and padding.
#ifndef MOTLEY_LAYOUT_H
#define MOTLEY_LAYOUT_H
#include "motley_kernels.h"

// Per block of 32 elements: data words, then 8 masks of 64 bits per group of 4 elements (Q5), then 16 half scales, 16 half minima.
#define Q4_0_SIZE 256
#define Q4_1_SCALES 256
#define Q4_1_MINS 288
#define Q4_1_SIZE 320
#define Q5_0_BITS 256
#define Q5_0_SIZE 320
#define Q5_1_BITS 256
#define Q5_1_SCALES 320
#define Q5_1_MINS 352
#define Q5_1_SIZE 384
#define Q8_0_SIZE 512

// Per super-block of 256 elements. SIX: sixteen 6-bit values per row in 192 bytes (see pack_six).
#define Q4_K_SIX 2048
#define Q4_K_D 2240
#define Q4_K_DMIN 2272
#define Q4_K_SIZE 2304
#define Q5_K_BITS 2048
#define Q5_K_SIX 2560
#define Q5_K_D 2752
#define Q5_K_DMIN 2784
#define Q5_K_SIZE 2816
#define Q6_K_SCALES 3072
#define Q6_K_SIZE 3328
#define Q3_K_BITS 1024
#define Q3_K_SIX 1536
#define Q3_K_SIZE 1728
#define Q2_K_SCALES 1024
#define Q2_K_D 1280
#define Q2_K_DMIN 1312
#define Q2_K_SIZE 1344

/// Where value b (0...7) of kind 0 or 1 stands in the 256 bytes that six-bit unpacking makes, 16 rows each.
#define SIX_AT(kind, b) (((((b) >> 2) * 2 + ((b) & 1)) * 64) + ((kind) * 2 + (((b) >> 1) & 1)) * 16)

/// Bytes of a group of `blocks` blocks whose halves are paired (Q4_0, Q5_0, Q8_0: scales; Q3_K, Q6_K: d).
static inline int64_t paired_bytes(int64_t blocks, int64_t size) { return blocks / 2 * (2 * size + 64) + blocks % 2 * (size + 64); }
/// Where block b's data is, and its halves relative to its data.
static inline int64_t paired_data(int64_t b, int64_t size) { return b / 2 * (2 * size + 64) + b % 2 * size; }
static inline int64_t paired_halves(int64_t b, int64_t blocks, int64_t size) {
    return b % 2 ? size + 32 : b + 1 == blocks ? size : 2 * size;
}

// Packed inputs: bytes per token and 32 or 256 elements.
#define Q32_TOKEN 40   // 32 int8, float scale, int32 sum
#define Q256_TOKEN 308 // 256 int8, float scale, 16 int16 sums of 16, 8 int16 sums of 32
#endif
