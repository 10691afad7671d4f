// Matrix products of packed groups with packed inputs. Included once per instruction set, after vector.h.
//
// For every (row, token) the order of floating-point operations is the same whatever the tile size:
//   Q32 formats:   acc = fma(float(dot of 32), scale_w * scale_x, acc), block by block
//   Q256 formats:  part = sum over sub-blocks of fma(float(dot), d * scale, part); acc = fma(part - minima, scale_x, acc)
//   BF16, F32:     one chain along the columns.
// A matrix in chunks has such a chain for each chunk of its columns, and exact.h says how these are added.
#include "layout.h"

/// Some columns of one group, and a tile of inputs. The kernels of a group leave the pointers behind the columns they have multiplied.
typedef struct {
    const uint8_t *weights;
    const uint8_t *input;
    const void *starts;      // prepared per tile: first accumulator values or scaled sums
    int64_t columns;
} product_tile;

#define Q256_SCALES(T) (const float *)(x + 256 * (T))
#define Q256_SUMS16(T) (const int16_t *)(x + 260 * (T))
#define Q256_SUMS32(T) (const int16_t *)(x + 292 * (T))

/// The word of a block at place i + j, where j is 0 or 1 and i even. Halves of the same bytes that are words four apart come one after the
/// other, so that one load serves both.
#define IN_TURN(i, j) ((i) + (j))
#define HALVES_IN_TURN(i, j) ((i) / 2 + (j) * 4)

#define PRAGMA(TEXT) _Pragma(#TEXT)
#define EACH(COUNT, i) PRAGMA(clang loop unroll(full)) for (int i = 0; i < (COUNT); i++)

/// Dots of COUNT words with T tokens, then BODY per token. WORD(i, j) unpacks the word at place i + j. FIT: of how many words the products
/// of two bytes add up within 16 bits. Integer sums are exact in any order, so that each instruction set has its own.
#if TILE == 4
// Sixteen registers hold a word or two and the sums of four tokens. Loops over words must stay loops for that: of a straight line of words
// the compiler unpacks all at first and spills them. One token has registers to spare and gains from straight lines, but for 6-bit words,
// which take most steps to unpack.
// Where bytes are multiplied and added in pairs, widening the pairs for every word costs as much again: they stay narrow while they FIT.
#define DOT_WORDS(T, COUNT, ORDER, WORD, FIT, ACT, START, BODY)                                                                    \
    {                                                                                                                              \
        vi sum[TILE];                                                                                                              \
        if ((T) == 1 && (FIT) != FIT_6) {                                                                                          \
            DOT_RUNS(full, full, true, T, COUNT, ORDER, WORD, FIT, ACT, START)                                                     \
        } else if ((FIT) >= 4) {                                                                                                   \
            DOT_RUNS(full, disable, true, T, COUNT, ORDER, WORD, FIT, ACT, START)                                                  \
        } else {                                                                                                                   \
            EACH(T, t) sum[t] = START(t);                                                                                          \
            DOT_RUNS(disable, disable, false, T, COUNT, ORDER, WORD, FIT, ACT, START)                                              \
        }                                                                                                                          \
        EACH(T, t) { const vi dot = sum[t]; BODY }                                                                                 \
    }
/// Runs of words that FIT together. STARTS: the first run begins the sums.
#define DOT_RUNS(UNROLL_RUNS, UNROLL_WORDS, STARTS, T, COUNT, ORDER, WORD, FIT, ACT, START)                                        \
    enum { RUN = (FIT) < (COUNT) ? (FIT) : (COUNT), STEP = RUN < 2 ? RUN : 2 };                                                    \
    PRAGMA(clang loop unroll(UNROLL_RUNS)) for (int first = 0; first < (COUNT); first += RUN) {                                    \
        vp narrow[TILE];                                                                                                           \
        EACH(T, t) narrow[t] = vp_zero();                                                                                          \
        PRAGMA(clang loop unroll(UNROLL_WORDS)) for (int i = first; i < first + RUN; i += STEP) {                                  \
            if ((T) == 1) KEEP_ORDER;                                                                                              \
            EACH(STEP, j) {                                                                                                        \
                const vb word = WORD(i, j);                                                                                        \
                EACH(T, t) {                                                                                                       \
                    const int8_t *a = (const int8_t *)(ACT) + 32 * t + 4 * ORDER(i, j);                                            \
                    narrow[t] = vp_add(narrow[t], (FIT) == FIT_8 ? vp_dot8(word, a) : vp_dot(word, a));                            \
                }                                                                                                                  \
            }                                                                                                                      \
        }                                                                                                                          \
        EACH(T, t) sum[t] = vi_add_pairs((STARTS) && first == 0 ? START(t) : sum[t], narrow[t]);                                   \
    }
#else
// All words fit into registers, and up to 4 tokens are multiplied at once. One or two tokens split their sums into four chains: long
// enough to hide the latency of the dot instruction either way.
#define DOT_WORDS(T, COUNT, ORDER, WORD, FIT, ACT, START, BODY)                                                                    \
    vb word[COUNT];                                                                                                                \
    for (int i = 0; i < (COUNT); i++) word[ORDER(i - i % 2, i % 2)] = WORD(i - i % 2, i % 2);                                      \
    _Pragma("clang loop unroll(full)") for (int t0 = 0; t0 < (T); t0 += 4) {                                                       \
        vi i0, i1, i2, i3;                                                                                                         \
        if ((T) > 4 && (COUNT) == 4) KEEP_ORDER;                                                                                   \
        const int8_t *a0 = (const int8_t *)(ACT) + 32 * t0;                                                                        \
        i0 = START(t0);                                                                                                            \
        if ((T) <= 2) {                                                                                                            \
            i1 = (T) == 2 ? START(t0 + 1) : vi_zero();                                                                             \
            i2 = vi_zero();                                                                                                        \
            i3 = vi_zero();                                                                                                        \
            _Pragma("clang loop unroll(full)") for (int g = 0; g < (COUNT); g += 2) {                                              \
                if ((T) == 2) {                                                                                                    \
                    i0 = vi_dot(i0, word[g], a0 + 4 * g);                                                                          \
                    i1 = vi_dot(i1, word[g], a0 + 32 + 4 * g);                                                                     \
                    i2 = vi_dot(i2, word[g + 1], a0 + 4 * g + 4);                                                                  \
                    i3 = vi_dot(i3, word[g + 1], a0 + 32 + 4 * g + 4);                                                             \
                } else if (g % 4 == 0) {                                                                                           \
                    i0 = vi_dot(i0, word[g], a0 + 4 * g);                                                                          \
                    i1 = vi_dot(i1, word[g + 1], a0 + 4 * g + 4);                                                                  \
                } else {                                                                                                           \
                    i2 = vi_dot(i2, word[g], a0 + 4 * g);                                                                          \
                    i3 = vi_dot(i3, word[g + 1], a0 + 4 * g + 4);                                                                  \
                }                                                                                                                  \
            }                                                                                                                      \
            if ((T) == 2) {                                                                                                        \
                i0 = vi_add(i0, i2);                                                                                               \
                i1 = vi_add(i1, i3);                                                                                               \
            } else {                                                                                                               \
                i0 = vi_add(vi_add(i0, i1), vi_add(i2, i3));                                                                       \
            }                                                                                                                      \
        } else {                                                                                                                   \
            if (t0 + 1 < (T)) i1 = START(t0 + 1);                                                                                  \
            if (t0 + 2 < (T)) i2 = START(t0 + 2);                                                                                  \
            if (t0 + 3 < (T)) i3 = START(t0 + 3);                                                                                  \
            EACH(COUNT, g) {                                                                                                       \
                i0 = vi_dot(i0, word[g], a0 + 4 * g);                                                                              \
                if (t0 + 1 < (T)) i1 = vi_dot(i1, word[g], a0 + 32 + 4 * g);                                                       \
                if (t0 + 2 < (T)) i2 = vi_dot(i2, word[g], a0 + 64 + 4 * g);                                                       \
                if (t0 + 3 < (T)) i3 = vi_dot(i3, word[g], a0 + 96 + 4 * g);                                                       \
            }                                                                                                                      \
        }                                                                                                                          \
        { const int t = t0; const vi dot = i0; BODY }                                                                              \
        if (t0 + 1 < (T)) { const int t = t0 + 1; const vi dot = i1; BODY }                                                        \
        if (t0 + 2 < (T)) { const int t = t0 + 2; const vi dot = i2; BODY }                                                        \
        if (t0 + 3 < (T)) { const int t = t0 + 3; const vi dot = i3; BODY }                                                        \
    }
#endif

#define ZERO_START(t) vi_zero()
#define GIVEN_START(t) vi_set(start[(t)])

// Products of two bytes, one of them signed, that 16 bits hold the sum of, for words of so many bits: 8 x 2 x 15 x 128 = 30,720.
#define FIT_4 8
#define FIT_5 4
#define FIT_6 2
#define FIT_8 1

/// Bytes that weights are fetched ahead of their use. Fetches are spread evenly over the work: a burst fills the line buffers and stalls.
/// One token of a 4- or 5-bit format needs no fetches with AVX-512: the processor's own follow its single stream, and it has no slots to
/// spare. Zen 3 does not follow blocks that are not all the same distance apart: fetches take Q4_0 from 9 to 12 GB/s, Q5_0 from 8 to 11.
#define FETCH_ONE (MK_ISA_LEVEL == 1)
#define AHEAD 4096
#define FAR_AHEAD 8192  // formats that jump about in their super-block
#define PLAIN_AHEAD 2048
#define F32_AHEAD (MK_ISA_LEVEL == 1 ? 1024 : PLAIN_AHEAD)
#define SECOND_AHEAD 12288  // into the second-level cache
/// Keeps the compiler from moving loads of later words up: there they would push accumulators out of the registers, and the processor's own
/// fetches do not follow lines that are read out of order.
#define KEEP_ORDER __asm__ volatile("" ::: "memory")
INLINE void fetch(const uint8_t *w, int from, int to) {
    PRAGMA(clang loop unroll(full)) for (int line = (from + 63) / 64 * 64; line < to; line += 64) prefetch(w + AHEAD + line);
}

INLINE void fetch_second(const uint8_t *w, int from, int to) {
    PRAGMA(clang loop unroll(full)) for (int line = (from + 63) / 64 * 64; line < to; line += 64)
        prefetch_second(w + SECOND_AHEAD + line);
}

// Where an instruction set differs from the one below in bfloat16 alone, MK_ONLY_BF16 compiles just that product.
#ifndef MK_ONLY_BF16
// --------------------------------------------------------------------------------------------------- blocks of 32, one input scale each

/// WORD, FIT: see DOT_WORDS; STEP_MOST, STEP: bytes from this block to the next, STEP_MOST of any block; SCALES: where the block's are.
#define BLOCK32(NAME, STEP_MOST, SCALES, STEP, ORDER, WORD, FIT, START, MIN)                                                       \
    INLINE void group_##NAME(const int T, product_tile *p, vf *acc) {                                                              \
        const uint8_t *w = p->weights, *x = p->input;                                                                              \
        const int32_t *start = p->starts;                                                                                          \
        const float *sums = p->starts;                                                                                             \
        (void)start; (void)sums;                                                                                                   \
        for (int64_t b = 0, blocks = p->columns / 32; b < blocks; b++) {                                                           \
            if ((T) > 1 || STEP_MOST > 512 || FETCH_ONE) fetch(w, 0, STEP_MOST);                                                   \
            const vf scale = vf_load_f16((const uint16_t *)(w + SCALES));                                                          \
            const float *scales = (const float *)(x + 32 * T);                                                                     \
            MIN(LOAD)                                                                                                              \
            DOT_WORDS(T, 8, ORDER, WORD, FIT, x, START, {                                                                          \
                acc[t] = vf_fma(vf_from_i(dot), vf_mul(scale, vf_set(scales[t])), acc[t]);                                         \
                MIN(APPLY)                                                                                                         \
            })                                                                                                                     \
            w += STEP;                                                                                                             \
            x += Q32_TOKEN * T;                                                                                                    \
            start += T;                                                                                                            \
            sums += T;                                                                                                             \
        }                                                                                                                          \
        p->weights = w;                                                                                                            \
        p->input = x;                                                                                                              \
        p->starts = start;                                                                                                         \
    }

#define NO_MIN(WHAT)
#define MIN_4_1(WHAT) MIN_##WHAT(Q4_1_MINS)
#define MIN_5_1(WHAT) MIN_##WHAT(Q5_1_MINS)
#define MIN_LOAD(AT) const vf minimum = vf_load_f16((const uint16_t *)(w + AT));
#define MIN_APPLY(AT) acc[t] = vf_fma(minimum, vf_set(sums[t]), acc[t]);

#define WORD_4(i, j) vb_bits(vb_load(w + 64 * ((i) / 2)), 4 * (j), 15)
#define WORD_5_0(i, j) vb_add_bits(WORD_4(i, j), w + Q5_0_BITS + 8 * HALVES_IN_TURN(i, j), 16)
#define WORD_5_1(i, j) vb_add_bits(WORD_4(i, j), w + Q5_1_BITS + 8 * HALVES_IN_TURN(i, j), 16)
#define WORD_8(i, j) vb_load(w + 64 * ((i) + (j)))
#define STEP_4_0 Q4_0_SIZE + b % 2 * 64
#define STEP_5_0 Q5_0_SIZE + b % 2 * 64
#define STEP_8_0 Q8_0_SIZE + b % 2 * 64

BLOCK32(q4_0, Q4_0_SIZE + 32, paired_halves(b, blocks, Q4_0_SIZE), STEP_4_0, HALVES_IN_TURN, WORD_4, FIT_4, GIVEN_START, NO_MIN)
BLOCK32(q4_1, Q4_1_SIZE, Q4_1_SCALES, Q4_1_SIZE, HALVES_IN_TURN, WORD_4, FIT_4, ZERO_START, MIN_4_1)
BLOCK32(q5_0, Q5_0_SIZE + 32, paired_halves(b, blocks, Q5_0_SIZE), STEP_5_0, HALVES_IN_TURN, WORD_5_0, FIT_5, GIVEN_START, NO_MIN)
BLOCK32(q5_1, Q5_1_SIZE, Q5_1_SCALES, Q5_1_SIZE, HALVES_IN_TURN, WORD_5_1, FIT_5, ZERO_START, MIN_5_1)
BLOCK32(q8_0, Q8_0_SIZE + 32, paired_halves(b, blocks, Q8_0_SIZE), STEP_8_0, IN_TURN, WORD_8, FIT_8, GIVEN_START, NO_MIN)

// --------------------------------------------------------------------------------------------- super-blocks of 256, one input scale each

/// Unpacks sixteen 6-bit values per row into 256 bytes, placed as SIX_AT says.
INLINE void unpack_six(const uint8_t *six, uint8_t *to) {
    vb low0 = vb_load(six), low1 = vb_load(six + 64), high = vb_load(six + 128);
    vb_store(to, vb_or(vb_bits(low0, 0, 15), vb_shift_left(vb_bits(high, 0, 3), 4)));
    vb_store(to + 64, vb_or(vb_bits(low0, 4, 15), vb_shift_left(vb_bits(high, 2, 3), 4)));
    vb_store(to + 128, vb_or(vb_bits(low1, 0, 15), vb_shift_left(vb_bits(high, 4, 3), 4)));
    vb_store(to + 192, vb_or(vb_bits(low1, 4, 15), vb_shift_left(vb_bits(high, 6, 3), 4)));
}

/// Q4_K and Q5_K: 8 sub-blocks of 32, value = d * scale * q - dmin * min.
INLINE void group_k45(const int T, const bool five, product_tile *p, vf *acc) {
    const uint8_t *w = p->weights, *x = p->input;
    const int size = five ? Q5_K_SIZE : Q4_K_SIZE;
    for (int64_t s = 0, blocks = p->columns / 256; s < blocks; s++) {
        _Alignas(64) uint8_t six[256];
        unpack_six(w + (five ? Q5_K_SIX : Q4_K_SIX), six);
        const vf d = vf_load_f16((const uint16_t *)(w + (five ? Q5_K_D : Q4_K_D)));
        vf part[TILE];
        for (int t = 0; t < T; t++) part[t] = vf_zero();
        _Pragma("clang loop unroll(disable)") for (int c = 0; c < 4; c++) {
            const uint8_t *chunk = w + 512 * c;
            const int8_t *q = (const int8_t *)x + 64 * T * c;
            const uint8_t *at = six + (c >> 1) * 128 + (c & 1) * 16;  // SIX_AT(0, 2c)
#define K45_BLOCK(J, WORD, FIT)                                                                                                    \
    {                                                                                                                              \
        if (T > 1 || FETCH_ONE) fetch(w + size / 4 * c, size / 8 * (J), size / 8 * ((J) + 1));                                     \
        const vf scale = vf_mul(d, vf_load_u8(at + 64 * (J)));                                                                     \
        DOT_WORDS(T, 8, IN_TURN, WORD, FIT, q + 32 * T * (J), ZERO_START, { part[t] = vf_fma(vf_from_i(dot), scale, part[t]); })   \
    }
#define LOW_4(i, j) vb_bits(vb_load(chunk + 64 * ((i) + (j))), 0, 15)
#define HIGH_4(i, j) vb_bits(vb_load(chunk + 64 * ((i) + (j))), 4, 15)
#define LOW_5(i, j) vb_add_bits(LOW_4(i, j), w + Q5_K_BITS + 128 * c + 8 * ((i) + (j)), 16)
#define HIGH_5(i, j) vb_add_bits(HIGH_4(i, j), w + Q5_K_BITS + 128 * c + 64 + 8 * ((i) + (j)), 16)
            if (five) {
                K45_BLOCK(0, LOW_5, FIT_5)
                K45_BLOCK(1, HIGH_5, FIT_5)
            } else {
                K45_BLOCK(0, LOW_4, FIT_4)
                K45_BLOCK(1, HIGH_4, FIT_4)
            }
        }
        const vf dmin = vf_load_f16((const uint16_t *)(w + (five ? Q5_K_DMIN : Q4_K_DMIN)));
        vi minimum[4];
        for (int c = 0; c < 4; c++) minimum[c] = vi_or_shift16(vi_load_u8(six + SIX_AT(1, 2 * c)), vi_load_u8(six + SIX_AT(1, 2 * c + 1)));
        const float *scales = Q256_SCALES(T);
        const int16_t *sums = Q256_SUMS32(T);
        EACH(T, t) {
            vi m = vi_zero();
            for (int c = 0; c < 4; c++) m = vi_dot16(m, minimum[c], sums + 8 * t + 2 * c);
            part[t] = vf_sub(part[t], vf_mul(dmin, vf_from_i(m)));
            acc[t] = vf_fma(part[t], vf_set(scales[t]), acc[t]);
        }
        w += size;
        x += Q256_TOKEN * T;
    }
    p->weights = w;
    p->input = x;
}
INLINE void group_q4_K(const int T, product_tile *p, vf *acc) { group_k45(T, false, p, acc); }
INLINE void group_q5_K(const int T, product_tile *p, vf *acc) { group_k45(T, true, p, acc); }

/// Q6_K: 16 sub-blocks of 16, value = d * scale * (q - 32). Starts hold -32 * sum of 16.
INLINE void group_q6_K(const int T, product_tile *p, vf *acc) {
    const uint8_t *w = p->weights, *x = p->input;
    const int32_t *start = p->starts;
    for (int64_t s = 0, blocks = p->columns / 256; s < blocks; s++) {
        const vf d = vf_load_f16((const uint16_t *)(w + paired_halves(s, blocks, Q6_K_SIZE)));
        vf part[TILE];
        for (int t = 0; t < T; t++) part[t] = vf_zero();
        _Pragma("clang loop unroll(disable)") for (int half = 0; half < 2; half++) {
#define Q6_HALF(J, H)                                                                                                              \
    {                                                                                                                              \
        KEEP_ORDER;                                                                                                                \
        enum { SHIFT = 2 * (J) };                                                                                                  \
        const uint8_t *low = w + 1536 * half + 64 * ((H) + 8 * ((J) & 1)), *high = w + 1536 * half + 1024 + 64 * (H);              \
        const int8_t *q = (const int8_t *)x + 32 * T * (4 * half + (J)) + 4 * (H);                                                 \
        const uint8_t *at = w + Q6_K_SCALES + 16 * (8 * half + 2 * (J) + (H) / 4);                                                 \
        const vf scale = vf_mul(d, vf_load_i8((const int8_t *)at));                                                                \
        DOT_WORDS(T, 4, IN_TURN, WORD_6, FIT_6, q, GIVEN_START, { part[t] = vf_fma(vf_from_i(dot), scale, part[t]); })             \
        start += T;                                                                                                                \
    }
#define WORD_6(i, j) vb_or(vb_bits(vb_load(low + 64 * ((i) + (j))), SHIFT / 4 * 4, 15),                                            \
                        vb_shift_left(vb_bits(vb_load(high + 64 * ((i) + (j))), SHIFT, 3), 4))
#define Q6_BLOCK(J)                                                                                                                \
    fetch_second(w + 1664 * half, 416 * (J), 416 * (J) + 416);                                                                     \
    Q6_HALF(J, 0)                                                                                                                  \
    Q6_HALF(J, 4)
            Q6_BLOCK(0) Q6_BLOCK(1) Q6_BLOCK(2) Q6_BLOCK(3)
        }
        const float *scales = Q256_SCALES(T);
        EACH(T, t) acc[t] = vf_fma(part[t], vf_set(scales[t]), acc[t]);
        w += Q6_K_SIZE + s % 2 * 64;
        x += Q256_TOKEN * T;
    }
    p->weights = w;
    p->input = x;
    p->starts = start;
}

/// Q3_K: 16 sub-blocks of 16, value = d * (scale - 32) * (q - 4). Starts hold -4 * sum of 16.
INLINE void group_q3_K(const int T, product_tile *p, vf *acc) {
    const uint8_t *w = p->weights, *x = p->input;
    const int32_t *start = p->starts;
    for (int64_t s = 0, blocks = p->columns / 256; s < blocks; s++) {
        _Alignas(64) uint8_t six[256];
        unpack_six(w + Q3_K_SIX, six);
        const vf d = vf_load_f16((const uint16_t *)(w + paired_halves(s, blocks, Q3_K_SIZE))), offset = vf_set(32);
        vf part[TILE];
        for (int t = 0; t < T; t++) part[t] = vf_zero();
        _Pragma("clang loop unroll(disable)") for (int half = 0; half < 2; half++) {
#define Q3_HALF(J, H)                                                                                                              \
    {                                                                                                                              \
        KEEP_ORDER;                                                                                                                \
        enum { SHIFT = (J) };                                                                                                      \
        const uint8_t *low = w + 512 * half + 64 * (H), *high = w + Q3_K_BITS + 64 * (H);                                          \
        const int8_t *q = (const int8_t *)x + 32 * T * (4 * half + (J)) + 4 * (H);                                                 \
        const uint8_t *at = six + SIX_AT(0, 2 * (J) + (H) / 4) + 32 * half;                                                        \
        const vf scale = vf_mul(d, vf_sub(vf_load_u8(at), offset));                                                                \
        DOT_WORDS(T, 4, IN_TURN, WORD_3, FIT_4, q, GIVEN_START, { part[t] = vf_fma(vf_from_i(dot), scale, part[t]); })             \
        start += T;                                                                                                                \
    }
#define HIGH_3(i, j) vb_bits(vb_load(high + 64 * ((i) + (j))), half ? SHIFT + 4 : SHIFT, 1)
#define WORD_3(i, j) vb_or(vb_bits(vb_load(low + 64 * ((i) + (j))), 2 * SHIFT, 3), vb_shift_left(HIGH_3(i, j), 2))
#define Q3_BLOCK(J)                                                                                                                \
    fetch(w + FAR_AHEAD - AHEAD + 864 * half, 216 * (J), 216 * (J) + 216);                                                         \
    Q3_HALF(J, 0)                                                                                                                  \
    Q3_HALF(J, 4)
            Q3_BLOCK(0) Q3_BLOCK(1) Q3_BLOCK(2) Q3_BLOCK(3)
        }
        const float *scales = Q256_SCALES(T);
        EACH(T, t) acc[t] = vf_fma(part[t], vf_set(scales[t]), acc[t]);
        w += Q3_K_SIZE + s % 2 * 64;
        x += Q256_TOKEN * T;
    }
    p->weights = w;
    p->input = x;
    p->starts = start;
}

/// Q2_K: 16 sub-blocks of 16, value = d * scale * q - dmin * min.
INLINE void group_q2_K(const int T, product_tile *p, vf *acc) {
    const uint8_t *w = p->weights, *x = p->input;
    for (int64_t s = 0, blocks = p->columns / 256; s < blocks; s++) {
        const vf d = vf_load_f16((const uint16_t *)(w + Q2_K_D)), dmin = vf_load_f16((const uint16_t *)(w + Q2_K_DMIN));
        _Alignas(64) uint8_t scales4[256], mins4[256];
        for (int c = 0; c < 4; c++) {
            vb v = vb_load(w + Q2_K_SCALES + 64 * c);
            vb_store(scales4 + 64 * c, vb_bits(v, 0, 15));
            vb_store(mins4 + 64 * c, vb_bits(v, 4, 15));
        }
        vf part[TILE];
        for (int t = 0; t < T; t++) part[t] = vf_zero();
        _Pragma("clang loop unroll(disable)") for (int half = 0; half < 2; half++) {
#define Q2_HALF(J, H)                                                                                                              \
    {                                                                                                                              \
        KEEP_ORDER;                                                                                                                \
        enum { SHIFT = 2 * (J) };                                                                                                  \
        const uint8_t *low = w + 512 * half + 64 * (H);                                                                            \
        const int8_t *q = (const int8_t *)x + 32 * T * (4 * half + (J)) + 4 * (H);                                                 \
        const vf scale = vf_mul(d, vf_load_u8(scales4 + 16 * (8 * half + 2 * (J) + (H) / 4)));                                     \
        DOT_WORDS(T, 4, IN_TURN, WORD_2, FIT_4, q, ZERO_START, { part[t] = vf_fma(vf_from_i(dot), scale, part[t]); })              \
    }
#define WORD_2(i, j) vb_bits(vb_load(low + 64 * ((i) + (j))), SHIFT, 3)
#define Q2_BLOCK(J)                                                                                                                \
    fetch(w + FAR_AHEAD - AHEAD + 672 * half, 168 * (J), 168 * (J) + 168);                                                         \
    Q2_HALF(J, 0)                                                                                                                  \
    Q2_HALF(J, 4)
            Q2_BLOCK(0) Q2_BLOCK(1) Q2_BLOCK(2) Q2_BLOCK(3)
        }
        const float *scales = Q256_SCALES(T);
        const int16_t *sums = Q256_SUMS16(T);
        vi minimum[8];
        for (int c = 0; c < 8; c++) minimum[c] = vi_or_shift16(vi_load_u8(mins4 + 32 * c), vi_load_u8(mins4 + 32 * c + 16));
        EACH(T, t) {
            vi m = vi_zero();
            for (int c = 0; c < 8; c++) m = vi_dot16(m, minimum[c], sums + 16 * t + 2 * c);
            part[t] = vf_sub(part[t], vf_mul(dmin, vf_from_i(m)));
            acc[t] = vf_fma(part[t], vf_set(scales[t]), acc[t]);
        }
        w += Q2_K_SIZE;
        x += Q256_TOKEN * T;
    }
    p->weights = w;
    p->input = x;
}

#endif
// ------------------------------------------------------------------------------------------------------------------- plain formats

#if MK_ISA_LEVEL >= 3
INLINE vf vf_dot_bf16(vf acc, const uint8_t *w, const uint8_t *x) {
    return _mm512_dpbf16_ps(acc, (__m512bh)_mm512_loadu_si512(w), (__m512bh)_mm512_set1_epi32(load_i32(x)));
}
#else
INLINE float bits_float(uint32_t b) { float f; memcpy(&f, &b, 4); return f; }
INLINE vf vf_dot_bf16(vf acc, const uint8_t *w, const uint8_t *x) {
    uint32_t pair = (uint32_t)load_i32(x);
#if MK_ISA_LEVEL == 2
    vi v = _mm512_loadu_si512(w), m = _mm512_set1_epi32((int)0xffff0000u);
    vf low = _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)), high = _mm512_castsi512_ps(_mm512_and_si512(v, m));
#elif MK_ISA_LEVEL == 1
    __m256i a = _mm256_loadu_si256((const __m256i *)w), b = _mm256_loadu_si256((const __m256i *)(w + 32));
    __m256i m = _mm256_set1_epi32((int)0xffff0000u);
    vf low = {_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
    vf high = {_mm256_castsi256_ps(_mm256_and_si256(a, m)), _mm256_castsi256_ps(_mm256_and_si256(b, m))};
#else
    vf low, high;
    for (int i = 0; i < 16; i++) {
        uint32_t v = (uint32_t)load_i32(w + 4 * i);
        low.v[i] = bits_float(v << 16);
        high.v[i] = bits_float(v & 0xffff0000u);
    }
#endif
    return vf_fma(low, vf_set(bits_float(pair << 16)), vf_fma(high, vf_set(bits_float(pair & 0xffff0000u)), acc));
}
#endif

/// G groups (stride bytes apart) at once, so that few tokens still give enough independent chains. One token reads one stream: memory is
/// the limit then, and several streams cost a fifth of it.
INLINE void groups_bf16(const int T, const int G, int64_t stride, product_tile *p, vf *acc) {
    const uint8_t *w = p->weights, *x = p->input;
    for (int64_t k = 0, pairs = (p->columns + 1) / 2; k < pairs; k++, w += 64, x += 4 * T) {
        EACH(G, g) {
            prefetch(w + g * stride + PLAIN_AHEAD);
            EACH(T, t) acc[g * T + t] = vf_dot_bf16(acc[g * T + t], w + g * stride, x + 4 * t);
        }
    }
    p->weights = w;
    p->input = x;
}

#ifndef MK_ONLY_BF16
/// With AVX2 eight accumulators keep the two pipes just busy, and a loop as short as this costs a fifth more where it happens to lie across
/// three cache lines: two steps of it do not.
#if MK_ISA_LEVEL == 1
#define TWO_STEPS PRAGMA(clang loop unroll_count(2))
#else
#define TWO_STEPS
#endif
INLINE void groups_f32(const int T, const int G, int64_t stride, product_tile *p, vf *acc) {
    const uint8_t *w = p->weights, *x = p->input;
    TWO_STEPS for (int64_t k = 0, columns = p->columns; k < columns; k++, w += 64, x += 4 * T) {
        EACH(G, g) {
            prefetch(w + g * stride + (T > 1 ? F32_AHEAD : PLAIN_AHEAD));
            const vf v = vf_load((const float *)(w + g * stride));
            EACH(T, t) acc[g * T + t] = vf_fma(v, vf_set(((const float *)x)[t]), acc[g * T + t]);
        }
    }
    p->weights = w;
    p->input = x;
}
#endif

// ------------------------------------------------------------------------------------------------------------------------ drivers

/// Where a tile's sums go.
typedef struct {
    mk_product_output to;     // of the first group and the tile's first token
    const float *bias;        // of the first group, or NULL
    int64_t chunk;            // columns
    bool exact;               // whether the sums of chunks are rounded and added up in `totals`; else `sums` are those of the only one
    chunk_rounding rounding;
    float *sums;              // 16 x MOST_SUMS
    double *totals;           // 16 x MOST_SUMS
} tile_output;

/// Stores the sums of group g, which begin at `from`: of the only chunk, or the totals of all.
INLINE void finish(const int T, const int from, int64_t g, const tile_output *out) {
    const float *bias = out->bias ? out->bias + 16 * g : 0;
    for (int t = 0; t < T; t++) {
        const int64_t at = t * out->to.stride + 16 * g;
        if (out->exact) {
            const vd sum = end_chunks(out->totals + 16 * (from + t), &out->rounding);
            if (out->to.parts) vd_store(out->to.parts + at, out->to.add ? vd_add(vd_load(out->to.parts + at), sum) : sum);
            else store_sum(sum, bias, out->to.add, out->to.y + at);
        } else {
            vf v = vf_load(out->sums + 16 * (from + t));
            if (bias) v = vf_add(v, vf_load(bias));
            if (out->to.add) v = vf_add(v, vf_load(out->to.y + at));
            vf_store(out->to.y + at, v);
        }
    }
}

/// First accumulator values of one tile: minus offset times the sums, or for minima the scaled sums.
static void prepare_starts(mk_format format, const uint8_t *x, int T, int64_t columns, void *to) {
    int32_t *start = to;
    float *sums = to;
    switch (format) {
    case MK_Q4_0: case MK_Q5_0: case MK_Q8_0: {
        int offset = format == MK_Q4_0 ? 8 : format == MK_Q5_0 ? 16 : Q8_OFFSET;
        for (int64_t b = 0; b < columns / 32; b++, x += Q32_TOKEN * T) {
            const int32_t *sum = (const int32_t *)(x + 36 * T);
            if (T == TILE && TILE == 16) vi_store(start, vi_scale(vi_load(sum), -offset));
            else for (int t = 0; t < T; t++) start[t] = -offset * sum[t];
            start += T;
        }
        break;
    }
    case MK_Q4_1: case MK_Q5_1:
        for (int64_t b = 0; b < columns / 32; b++, x += Q32_TOKEN * T) {
            const float *scale = (const float *)(x + 32 * T);
            const int32_t *sum = (const int32_t *)(x + 36 * T);
            for (int t = 0; t < T; t++) *sums++ = scale[t] * (float)sum[t];
        }
        break;
    case MK_Q6_K: case MK_Q3_K: {
        int offset = format == MK_Q6_K ? 32 : 4;
        for (int64_t s = 0; s < columns / 256; s++, x += Q256_TOKEN * T) {
            const int16_t *sum = Q256_SUMS16(T);
            for (int b = 0; b < 16; b++)
                for (int t = 0; t < T; t++) *start++ = -offset * sum[16 * t + b];
        }
        break;
    }
    default: break;
    }
}

/// Begins the frame where vectors may: otherwise those that find no register may lie across two cache lines, by chance of where the stack
/// is, and some kernels then lose a fifth.
#if MK_ISA_LEVEL > 0
#define ALIGNED_FRAME __attribute__((force_align_arg_pointer))
#else
#define ALIGNED_FRAME
#endif

/// Multiplies one or two groups, `stride` bytes apart, and leaves 16 sums per group and token.
typedef void (*groups_function)(const product_tile *tile, int64_t stride, const tile_output *out);

#define GROUPS_OF(NAME, T, G, MULTIPLY)                                                                                            \
    static ALIGNED_FRAME void groups_##NAME##_##T##_##G(const product_tile *tile, int64_t stride, const tile_output *out) {        \
        (void)stride;                                                                                                              \
        product_tile chunk = *tile, *p = &chunk;                                                                                   \
        for (int64_t left = tile->columns; left > 0; left -= p->columns) {                                                         \
            p->columns = left < out->chunk ? left : out->chunk;                                                                    \
            vf acc[(G) * (T)];                                                                                                     \
            EACH((G) * (T), i) acc[i] = vf_zero();                                                                                 \
            MULTIPLY;                                                                                                              \
            const bool first = left == tile->columns;                                                                              \
            if (out->exact) {                                                                                                      \
                EACH((G) * (T), i) add_chunk(acc[i], &out->rounding, first, out->totals + 16 * i);                                 \
            } else {                                                                                                               \
                EACH((G) * (T), i) vf_store(out->sums + 16 * i, acc[i]);                                                           \
            }                                                                                                                      \
        }                                                                                                                          \
    }
#define BLOCKS(NAME, T) GROUPS_OF(NAME, T, 1, group_##NAME(T, p, acc))
#define PLAIN(NAME, T) GROUPS_OF(NAME, T, 1, groups_##NAME(T, 1, stride, p, acc))
#define PLAIN_PAIRS(NAME, T) GROUPS_OF(NAME, T, 2, groups_##NAME(T, 2, stride, p, acc))

/// Tokens of the tile that starts at `token` of `tokens`: full tiles, then what is left in the sizes kernels exist for.
INLINE int tile_size(int64_t tokens, int64_t token) {
    int64_t left = tokens - token;
    if (left >= TILE) return TILE;
    return (int)(left >= 12 ? 12 : left >= 8 ? 8 : left >= 6 ? 6 : left >= 4 ? 4 : left);
}

#if TILE == 16
#define EACH_TILE(M, NAME) M(NAME, 1) M(NAME, 2) M(NAME, 3) M(NAME, 4) M(NAME, 6) M(NAME, 8) M(NAME, 12) M(NAME, 16)
#define TABLE(NAME) {[1] = groups_##NAME##_1_1, [2] = groups_##NAME##_2_1, [3] = groups_##NAME##_3_1, [4] = groups_##NAME##_4_1,   \
    [6] = groups_##NAME##_6_1, [8] = groups_##NAME##_8_1, [12] = groups_##NAME##_12_1, [16] = groups_##NAME##_16_1}
#define MOST_PAIRED 4
#define EACH_PAIR(NAME) PLAIN_PAIRS(NAME, 2) PLAIN_PAIRS(NAME, 3) PLAIN_PAIRS(NAME, 4)
#define PAIR_TABLE(NAME) {[2] = groups_##NAME##_2_2, [3] = groups_##NAME##_3_2, [4] = groups_##NAME##_4_2}
#else
#define EACH_TILE(M, NAME) M(NAME, 1) M(NAME, 2) M(NAME, 3) M(NAME, 4)
#define TABLE(NAME) {[1] = groups_##NAME##_1_1, [2] = groups_##NAME##_2_1, [3] = groups_##NAME##_3_1, [4] = groups_##NAME##_4_1}
#define MOST_PAIRED 3
#define EACH_PAIR(NAME) PLAIN_PAIRS(NAME, 2) PLAIN_PAIRS(NAME, 3)
#define PAIR_TABLE(NAME) {[2] = groups_##NAME##_2_2, [3] = groups_##NAME##_3_2}
#endif

/// Tokens times groups that are multiplied at once.
enum { MOST_SUMS = TILE > 2 * MOST_PAIRED ? TILE : 2 * MOST_PAIRED };

EACH_TILE(PLAIN, bf16)
EACH_PAIR(bf16)

#ifdef MK_ONLY_BF16
static groups_function function_for(mk_format format, int tokens, int groups) {
    static const groups_function bf16[] = TABLE(bf16), bf16_pairs[] = PAIR_TABLE(bf16);
    (void)format;
    return groups == 2 ? bf16_pairs[tokens] : bf16[tokens];
}
#else
EACH_TILE(BLOCKS, q4_0)
EACH_TILE(BLOCKS, q4_1)
EACH_TILE(BLOCKS, q5_0)
EACH_TILE(BLOCKS, q5_1)
EACH_TILE(BLOCKS, q8_0)
EACH_TILE(BLOCKS, q2_K)
EACH_TILE(BLOCKS, q3_K)
EACH_TILE(BLOCKS, q4_K)
EACH_TILE(BLOCKS, q5_K)
EACH_TILE(BLOCKS, q6_K)
EACH_TILE(PLAIN, f32)
EACH_PAIR(f32)

static groups_function function_for(mk_format format, int tokens, int groups) {
    static const groups_function q4_0[] = TABLE(q4_0), q4_1[] = TABLE(q4_1), q5_0[] = TABLE(q5_0), q5_1[] = TABLE(q5_1);
    static const groups_function q8_0[] = TABLE(q8_0), q2_K[] = TABLE(q2_K), q3_K[] = TABLE(q3_K), q4_K[] = TABLE(q4_K);
    static const groups_function q5_K[] = TABLE(q5_K), q6_K[] = TABLE(q6_K), bf16[] = TABLE(bf16), bf16_pairs[] = PAIR_TABLE(bf16);
    static const groups_function f32[] = TABLE(f32), f32_pairs[] = PAIR_TABLE(f32);
    switch (format) {
    case MK_F32: return groups == 2 ? f32_pairs[tokens] : f32[tokens];
    case MK_F16: case MK_BF16: return groups == 2 ? bf16_pairs[tokens] : bf16[tokens];
    case MK_Q4_0: return q4_0[tokens];
    case MK_Q4_1: return q4_1[tokens];
    case MK_Q5_0: return q5_0[tokens];
    case MK_Q5_1: return q5_1[tokens];
    case MK_Q8_0: return q8_0[tokens];
    case MK_Q2_K: return q2_K[tokens];
    case MK_Q3_K: return q3_K[tokens];
    case MK_Q4_K: return q4_K[tokens];
    case MK_Q5_K: return q5_K[tokens];
    case MK_Q6_K: return q6_K[tokens];
    }
    return 0;
}
#endif

/// Groups first ..< last of one tile, `together` at once.
static void multiply_groups(mk_format format, int T, int together, int64_t first, int64_t last, int64_t stride, const product_tile *tile,
                            const tile_output *out) {
    const groups_function multiply = function_for(format, T, together);
    for (int64_t g = first; g < last; g += together) {
        product_tile p = *tile;
        p.weights += g * stride;
        multiply(&p, stride, out);
        for (int i = 0; i < together; i++) finish(T, i * T, g + i, out);
    }
}

static void product(const mk_matrix *m, int64_t first, int64_t last, const void *input, int64_t tokens, const mk_product_output *to,
                    void *scratch) {
#ifdef MK_ONLY_BF16
    if (m->format != MK_F16 && m->format != MK_BF16) {
        MK_BASE_TABLE.product(m, first, last, input, tokens, to, scratch);
        return;
    }
#endif
    const int64_t stride = (int64_t)mk_packed_group_bytes(m->format, m->columns), groups = last - first;
    const mk_input kind = mk_input_kind(m->format);
    const bool exact = m->chunk != 0;
    // Totals, sums and starts, in this order: see mk_product_scratch.
    double *totals = scratch;
    float *sums = (float *)(totals + 16 * MOST_SUMS);
    void *starts = sums + 16 * MOST_SUMS;
    tile_output out = {.to = *to, .chunk = exact ? m->chunk : m->columns, .exact = exact, .sums = sums, .totals = totals};
    if (exact) out.rounding = rounding_of(m->chunks);
    if (m->bias) out.bias = m->bias + 16 * first;
    if (to->parts) out.to.parts += 16 * first;
    else out.to.y += 16 * first;
    for (int64_t t = 0, count; t < tokens; t += count) {
        count = tile_size(tokens, t);
        const uint8_t *x = (const uint8_t *)input + mk_input_bytes(MK_SCALAR, kind, t, m->columns);
        const product_tile tile = {m->data + first * stride, x, starts, m->columns};
        prepare_starts(m->format, x, (int)count, m->columns, starts);
        // Few tokens of a plain format take two groups at once, as long as the accumulators stay in registers.
        const bool pairs = (kind == MK_INPUT_F32 || kind == MK_INPUT_BF16) && count > 1 && count <= MOST_PAIRED;
        const int64_t paired = pairs ? groups / 2 * 2 : 0;
        if (paired) multiply_groups(m->format, (int)count, 2, 0, paired, stride, &tile, &out);
        if (paired < groups) multiply_groups(m->format, (int)count, 1, paired, groups, stride, &tile, &out);
        if (to->parts) out.to.parts += count * to->stride;
        else out.to.y += count * to->stride;
    }
}

// ------------------------------------------------------------------------------------------------------------------ packing inputs

/// 32 values to int8 with the given inverse scale; returns their sum.
INLINE int32_t quantise32(const float *x, vf inverse, int8_t *to) {
    vf_store_i8(to, vf_round(vf_mul(vf_load(x), inverse)));
    vf_store_i8(to + 16, vf_round(vf_mul(vf_load(x + 16), inverse)));
    int32_t sum = 0;
    for (int i = 0; i < 32; i++) sum += to[i];
    return sum;
}

static uint16_t bfloat_bits(float f) {
    uint32_t x; memcpy(&x, &f, 4);
    if ((x & 0x7fffffff) > 0x7f800000) return (uint16_t)(x >> 16 | 0x40);
    return (uint16_t)((x + 0x7fff + (x >> 16 & 1)) >> 16);
}

static void pack_input(mk_input kind, const float *x, int64_t ldx, int64_t tokens, int64_t first, int64_t last, int64_t columns,
                       void *destination) {
    for (int64_t token = first; token < last; token++) {
        int64_t tile = token / TILE * TILE;
        while (token >= tile + tile_size(tokens, tile)) tile += tile_size(tokens, tile);
        const int T = tile_size(tokens, tile), t = (int)(token - tile);
        uint8_t *to = (uint8_t *)destination + mk_input_bytes(MK_SCALAR, kind, tile, columns);
        const float *row = x + token * ldx;
        switch (kind) {
        case MK_INPUT_F32:
            for (int64_t k = 0; k < columns; k++) ((float *)to)[k * T + t] = row[k];
            break;
        case MK_INPUT_BF16:
            for (int64_t k = 0; k < columns / 2; k++) {
                uint32_t pair = (uint32_t)bfloat_bits(row[2 * k]) | (uint32_t)bfloat_bits(row[2 * k + 1]) << 16;
                ((uint32_t *)to)[k * T + t] = pair;
            }
            if (columns % 2) ((uint32_t *)to)[columns / 2 * T + t] = bfloat_bits(row[columns - 1]);
            break;
        case MK_INPUT_Q32:
            for (int64_t b = 0; b < columns / 32; b++, to += Q32_TOKEN * T) {
                float top = vf_maximum(vf_max(vf_abs(vf_load(row + 32 * b)), vf_abs(vf_load(row + 32 * b + 16))));
                float inverse = top > 0 ? 127.0f / top : 0;
                if (!(inverse < 3e38f)) inverse = 0;
                int32_t sum = quantise32(row + 32 * b, vf_set(inverse), (int8_t *)to + 32 * t);
                ((float *)(to + 32 * T))[t] = inverse > 0 ? top / 127.0f : 0;
                ((int32_t *)(to + 36 * T))[t] = sum;
            }
            break;
        case MK_INPUT_Q256:
            for (int64_t s = 0; s < columns / 256; s++, to += Q256_TOKEN * T) {
                const float *v = row + 256 * s;
                vf most = vf_abs(vf_load(v));
                for (int i = 16; i < 256; i += 16) most = vf_max(most, vf_abs(vf_load(v + i)));
                float top = vf_maximum(most), inverse = top > 0 ? 127.0f / top : 0;
                if (!(inverse < 3e38f)) inverse = 0;
                int16_t *sums16 = (int16_t *)(to + 260 * T) + 16 * t, *sums32 = (int16_t *)(to + 292 * T) + 8 * t;
                for (int b = 0; b < 8; b++) {
                    int8_t *q = (int8_t *)to + 32 * (T * b + t);
                    int32_t sum = quantise32(v + 32 * b, vf_set(inverse), q), low = 0;
                    for (int i = 0; i < 16; i++) low += q[i];
                    sums16[2 * b] = (int16_t)low;
                    sums16[2 * b + 1] = (int16_t)(sum - low);
                    sums32[b] = (int16_t)sum;
                }
                ((float *)(to + 256 * T))[t] = inverse > 0 ? top / 127.0f : 0;
            }
            break;
        }
    }
}
