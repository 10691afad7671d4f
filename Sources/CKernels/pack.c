// Packing of weights into the interleaved layouts of layout.h, and dequantisation of single rows. Portable C.
#include "layout.h"
#include "table.h"
#include <math.h>
#include <string.h>

int mk_block_elements(mk_format format) {
    switch (format) {
    case MK_F32: case MK_F16: case MK_BF16: return 1;
    case MK_Q4_0: case MK_Q4_1: case MK_Q5_0: case MK_Q5_1: case MK_Q8_0: return 32;
    case MK_Q2_K: case MK_Q3_K: case MK_Q4_K: case MK_Q5_K: case MK_Q6_K: return 256;
    }
    return 0;
}

int mk_block_bytes(mk_format format) {
    switch (format) {
    case MK_F32: return 4;
    case MK_F16: case MK_BF16: return 2;
    case MK_Q4_0: return 18;
    case MK_Q4_1: return 20;
    case MK_Q5_0: return 22;
    case MK_Q5_1: return 24;
    case MK_Q8_0: return 34;
    case MK_Q2_K: return 84;
    case MK_Q3_K: return 110;
    case MK_Q4_K: return 144;
    case MK_Q5_K: return 176;
    case MK_Q6_K: return 210;
    }
    return 0;
}

static float half(const uint8_t *p) {
    uint16_t h; memcpy(&h, p, 2);
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023, bits;
    if (exponent == 31) bits = sign | 0x7f800000 | mantissa << 13;
    else if (exponent) bits = sign | (exponent + 112) << 23 | mantissa << 13;
    else {
        float f = (float)mantissa * 5.9604644775390625e-8f;
        memcpy(&bits, &f, 4);
        bits |= sign;
    }
    float f; memcpy(&f, &bits, 4);
    return f;
}

static float bfloat(const uint8_t *p) {
    uint16_t h; memcpy(&h, p, 2);
    uint32_t bits = (uint32_t)h << 16;
    float f; memcpy(&f, &bits, 4);
    return f;
}

/// Six-bit scale and minimum of sub-block b of Q4_K and Q5_K.
static void scale_min(const uint8_t *s, int b, int *scale, int *min) {
    if (b < 4) {
        *scale = s[b] & 63;
        *min = s[b + 4] & 63;
    } else {
        *scale = (s[b + 4] & 15) | (s[b - 4] >> 6) << 4;
        *min = (s[b + 4] >> 4) | (s[b] >> 6) << 4;
    }
}

/// Six-bit scale (0...63, offset 32) of sub-block b of Q3_K.
static int q3_scale(const uint8_t *s, int b) {
    int low = b < 8 ? s[b] & 15 : s[b - 8] >> 4;
    return low | (s[8 + b % 4] >> (2 * (b / 4)) & 3) << 4;
}

void mk_dequantise_row(mk_format format, const void *source, int64_t n, float *y) {
    const uint8_t *p = source;
    int elements = mk_block_elements(format), bytes = mk_block_bytes(format);
    if (!elements) return;
    for (int64_t i = 0; i < n; i += elements, p += bytes, y += elements) {
        switch (format) {
        case MK_F32: memcpy(y, p, 4); break;
        case MK_F16: *y = half(p); break;
        case MK_BF16: *y = bfloat(p); break;
        case MK_Q4_0: case MK_Q4_1: {
            float d = half(p), m = format == MK_Q4_1 ? half(p + 2) : -8 * d;
            const uint8_t *q = p + (format == MK_Q4_1 ? 4 : 2);
            for (int j = 0; j < 16; j++) {
                y[j] = (float)(q[j] & 15) * d + m;
                y[j + 16] = (float)(q[j] >> 4) * d + m;
            }
            break;
        }
        case MK_Q5_0: case MK_Q5_1: {
            float d = half(p), m = format == MK_Q5_1 ? half(p + 2) : -16 * d;
            const uint8_t *h = p + (format == MK_Q5_1 ? 4 : 2), *q = h + 4;
            uint32_t bits; memcpy(&bits, h, 4);
            for (int j = 0; j < 16; j++) {
                y[j] = (float)((q[j] & 15) | (bits >> j & 1) << 4) * d + m;
                y[j + 16] = (float)((q[j] >> 4) | (bits >> (j + 16) & 1) << 4) * d + m;
            }
            break;
        }
        case MK_Q8_0: {
            float d = half(p);
            for (int j = 0; j < 32; j++) y[j] = (float)(int8_t)p[2 + j] * d;
            break;
        }
        case MK_Q2_K: {
            float d = half(p + 80), dmin = half(p + 82);
            for (int j = 0; j < 256; j++) {
                int s = p[j / 16], q = p[16 + j / 128 * 32 + j % 32] >> (j % 128 / 32 * 2) & 3;
                y[j] = d * (float)(s & 15) * (float)q - dmin * (float)(s >> 4);
            }
            break;
        }
        case MK_Q3_K: {
            float d = half(p + 108);
            for (int j = 0; j < 256; j++) {
                int q = p[32 + j / 128 * 32 + j % 32] >> (j % 128 / 32 * 2) & 3, h = p[j % 32] >> (j / 32) & 1;
                y[j] = d * (float)(q3_scale(p + 96, j / 16) - 32) * (float)(q - (h ? 0 : 4));
            }
            break;
        }
        case MK_Q4_K: case MK_Q5_K: {
            float d = half(p), dmin = half(p + 2);
            const uint8_t *high = p + 16, *q = p + (format == MK_Q5_K ? 48 : 16);
            for (int j = 0; j < 256; j++) {
                int scale, min, b = j / 32;
                scale_min(p + 4, b, &scale, &min);
                int v = q[j / 64 * 32 + j % 32] >> (b % 2 * 4) & 15;
                if (format == MK_Q5_K) v |= (high[j % 32] >> b & 1) << 4;
                y[j] = d * (float)scale * (float)v - dmin * (float)min;
            }
            break;
        }
        case MK_Q6_K: {
            float d = half(p + 208);
            for (int j = 0; j < 256; j++) {
                int half_index = j / 128, k = j % 128, l = k % 32;
                int q = p[half_index * 64 + k % 64] >> (k / 64 * 4) & 15;
                q |= (p[128 + half_index * 32 + l] >> (k / 32 * 2) & 3) << 4;
                y[j] = d * (float)(int8_t)p[192 + j / 16] * (float)(q - 32);
            }
            break;
        }
        }
    }
}

size_t mk_packed_group_bytes(mk_format format, int64_t columns) {
    size_t k = (size_t)columns;
    switch (format) {
    case MK_F32: return k * 64;
    case MK_F16: case MK_BF16: return (k + 1) / 2 * 64;
    case MK_Q4_0: return (size_t)paired_bytes(columns / 32, Q4_0_SIZE);
    case MK_Q4_1: return k / 32 * Q4_1_SIZE;
    case MK_Q5_0: return (size_t)paired_bytes(columns / 32, Q5_0_SIZE);
    case MK_Q5_1: return k / 32 * Q5_1_SIZE;
    case MK_Q8_0: return (size_t)paired_bytes(columns / 32, Q8_0_SIZE);
    case MK_Q2_K: return k / 256 * Q2_K_SIZE;
    case MK_Q3_K: return (size_t)paired_bytes(columns / 256, Q3_K_SIZE);
    case MK_Q4_K: return k / 256 * Q4_K_SIZE;
    case MK_Q5_K: return k / 256 * Q5_K_SIZE;
    case MK_Q6_K: return (size_t)paired_bytes(columns / 256, Q6_K_SIZE);
    }
    return 0;
}

/// Copies `words` groups of 4 bytes of row r into their places.
static inline void interleave(const uint8_t *from, int words, int r, uint8_t *to) {
    for (int j = 0; j < words; j++) memcpy(to + 64 * j + 4 * r, from + 4 * j, 4);
}

/// Sets bit 4r + c of the 64-bit mask g for every set bit 4g + c of `bits`.
static inline void interleave_bits(uint32_t bits, int r, uint8_t *to) {
    for (int g = 0; g < 8; g++) {
        uint32_t four = bits >> (4 * g) & 15;
        to[8 * g + r / 2] |= (uint8_t)(four << (r % 2 * 4));
    }
}

/// Sixteen 6-bit values of one row: kind 0 (values 0...7) and kind 1 (8...15). Two words of low nibbles, one of high pairs.
static void pack_six(const int values[16], int r, uint8_t *to) {
    for (int kind = 0; kind < 2; kind++)
        for (int b = 0; b < 8; b++) {
            int v = values[kind * 8 + b], lane = kind * 2 + (b >> 1 & 1);
            to[(b >> 2) * 64 + lane * 16 + r] |= (uint8_t)((v & 15) << (b & 1) * 4);
            to[128 + lane * 16 + r] |= (uint8_t)((v >> 4) << ((b >> 2) * 4 + (b & 1) * 2));
        }
}

/// Bytes of a block's data where its 16 halves are paired with a neighbour's; 0 for other formats.
static int64_t paired_size(mk_format format) {
    switch (format) {
    case MK_Q4_0: return Q4_0_SIZE;
    case MK_Q5_0: return Q5_0_SIZE;
    case MK_Q8_0: return Q8_0_SIZE;
    case MK_Q3_K: return Q3_K_SIZE;
    case MK_Q6_K: return Q6_K_SIZE;
    default: return 0;
    }
}

static void pack_block(mk_format format, const uint8_t *p, int r, uint8_t *to, uint8_t *halves) {
    switch (format) {
    case MK_Q4_0:
        interleave(p + 2, 4, r, to);
        memcpy(halves + 2 * r, p, 2);
        break;
    case MK_Q4_1:
        interleave(p + 4, 4, r, to);
        memcpy(to + Q4_1_SCALES + 2 * r, p, 2);
        memcpy(to + Q4_1_MINS + 2 * r, p + 2, 2);
        break;
    case MK_Q5_0: {
        uint32_t bits; memcpy(&bits, p + 2, 4);
        interleave(p + 6, 4, r, to);
        interleave_bits(bits, r, to + Q5_0_BITS);
        memcpy(halves + 2 * r, p, 2);
        break;
    }
    case MK_Q5_1: {
        uint32_t bits; memcpy(&bits, p + 4, 4);
        interleave(p + 8, 4, r, to);
        interleave_bits(bits, r, to + Q5_1_BITS);
        memcpy(to + Q5_1_SCALES + 2 * r, p, 2);
        memcpy(to + Q5_1_MINS + 2 * r, p + 2, 2);
        break;
    }
    case MK_Q8_0:
        for (int j = 0; j < 8; j++) {
            uint32_t v; memcpy(&v, p + 2 + 4 * j, 4);
            v ^= 0x80808080u;
            memcpy(to + 64 * j + 4 * r, &v, 4);
        }
        memcpy(halves + 2 * r, p, 2);
        break;
    case MK_Q4_K: case MK_Q5_K: {
        int six[16];
        for (int b = 0; b < 8; b++) scale_min(p + 4, b, &six[b], &six[8 + b]);
        if (format == MK_Q4_K) {
            interleave(p + 16, 32, r, to);
            pack_six(six, r, to + Q4_K_SIX);
            memcpy(to + Q4_K_D + 2 * r, p, 2);
            memcpy(to + Q4_K_DMIN + 2 * r, p + 2, 2);
        } else {
            interleave(p + 48, 32, r, to);
            for (int b = 0; b < 8; b++) {
                uint32_t bits = 0;
                for (int l = 0; l < 32; l++) bits |= (uint32_t)(p[16 + l] >> b & 1) << l;
                interleave_bits(bits, r, to + Q5_K_BITS + 64 * b);
            }
            pack_six(six, r, to + Q5_K_SIX);
            memcpy(to + Q5_K_D + 2 * r, p, 2);
            memcpy(to + Q5_K_DMIN + 2 * r, p + 2, 2);
        }
        break;
    }
    case MK_Q6_K:
        for (int h = 0; h < 2; h++) {
            interleave(p + 64 * h, 16, r, to + 1536 * h);
            interleave(p + 128 + 32 * h, 8, r, to + 1536 * h + 1024);
        }
        for (int b = 0; b < 16; b++) to[Q6_K_SCALES + 16 * b + r] = p[192 + b];
        memcpy(halves + 2 * r, p + 208, 2);
        break;
    case MK_Q3_K: {
        int six[16];
        for (int b = 0; b < 16; b++) six[b] = q3_scale(p + 96, b);
        interleave(p + 32, 16, r, to);
        interleave(p, 8, r, to + Q3_K_BITS);
        pack_six(six, r, to + Q3_K_SIX);
        memcpy(halves + 2 * r, p + 108, 2);
        break;
    }
    case MK_Q2_K:
        interleave(p + 16, 16, r, to);
        for (int b = 0; b < 16; b++) to[Q2_K_SCALES + 16 * b + r] = p[b];
        memcpy(to + Q2_K_D + 2 * r, p + 80, 2);
        memcpy(to + Q2_K_DMIN + 2 * r, p + 82, 2);
        break;
    default: break;
    }
}

/// Plain formats: words of one float or two 16-bit elements per row, in strips that fit the first-level cache. F16 becomes BF16.
static void pack_plain(mk_format format, const void *const rows[MK_GROUP_ROWS], int64_t columns, uint8_t *to) {
    enum { STRIP = 128 };
    const int64_t width = format == MK_F32 ? 4 : 2;
    const mk_table *kernels = mk_table_of(mk_best_isa());
    uint8_t strip[16][STRIP * 4];
    for (int64_t k = 0; k < columns; k += STRIP) {
        const int64_t count = columns - k < STRIP ? columns - k : STRIP, words = format == MK_F32 ? count : (count + 1) / 2;
        for (int r = 0; r < 16; r++) {
            if (count < STRIP || !rows[r]) memset(strip[r], 0, sizeof strip[r]);
            if (!rows[r]) continue;
            memcpy(strip[r], (const uint8_t *)rows[r] + k * width, (size_t)(count * width));
            if (format == MK_F16) {
                uint16_t halves[STRIP];
                memcpy(halves, strip[r], (size_t)(2 * count));
                kernels->half_to_bfloat(halves, count, (uint16_t *)(void *)strip[r]);
            }
        }
        for (int64_t w = 0; w < words; w++, to += 64)
            for (int r = 0; r < 16; r++) memcpy(to + 4 * r, strip[r] + 4 * w, 4);
    }
}

void mk_pack_group(mk_format format, const void *const rows[MK_GROUP_ROWS], int64_t columns, void *destination) {
    uint8_t *to = destination;
    int elements = mk_block_elements(format), bytes = mk_block_bytes(format);
    size_t total = mk_packed_group_bytes(format, columns);
    if (elements == 1) {
        pack_plain(format, rows, columns, to);
        return;
    }
    const int64_t blocks = columns / elements, paired = paired_size(format);
    const int64_t size = paired || !blocks ? paired : (int64_t)total / blocks;
    memset(to, 0, total);
    for (int64_t b = 0; b < blocks; b++) {
        uint8_t *data = to + (paired ? paired_data(b, size) : b * size), *halves = data + (paired ? paired_halves(b, blocks, size) : 0);
        for (int r = 0; r < 16; r++)
            if (rows[r]) pack_block(format, (const uint8_t *)rows[r] + b * bytes, r, data, halves);
    }
    // A missing row has offset-coded zeros nowhere: its scales are zero, so whatever its data says counts nothing.
}

void mk_gather_column(mk_format format, const void *source, int64_t row_bytes, int64_t column, int64_t inputs, void *destination) {
    size_t width = format == MK_F32 ? 4 : 2;
    const uint8_t *from = (const uint8_t *)source + (size_t)column * width;
    uint8_t *to = destination;
    for (int64_t i = 0; i < inputs; i++) memcpy(to + (size_t)i * width, from + i * row_bytes, width);
}

mk_input mk_input_kind(mk_format format) {
    switch (format) {
    case MK_F32: return MK_INPUT_F32;
    case MK_F16: case MK_BF16: return MK_INPUT_BF16;
    case MK_Q4_0: case MK_Q4_1: case MK_Q5_0: case MK_Q5_1: case MK_Q8_0: return MK_INPUT_Q32;
    default: return MK_INPUT_Q256;
    }
}

size_t mk_input_bytes(mk_isa isa, mk_input kind, int64_t tokens, int64_t columns) {
    (void)isa;
    size_t t = (size_t)tokens, k = (size_t)columns;
    switch (kind) {
    case MK_INPUT_F32: return t * k * 4;
    case MK_INPUT_BF16: return t * ((k + 1) / 2) * 4;
    case MK_INPUT_Q32: return t * (k / 32) * Q32_TOKEN;
    case MK_INPUT_Q256: return t * (k / 256) * Q256_TOKEN;
    }
    return 0;
}

size_t mk_product_scratch(int64_t columns) { return (size_t)columns * 8 + 4096; }

static size_t round16(int64_t n) { return (size_t)(n + 15) / 16 * 16; }

size_t mk_kv_block_bytes(mk_kv_format format, int64_t head_size) {
    size_t keys = (size_t)head_size * MK_KV_BLOCK, values = round16(head_size) * MK_KV_BLOCK;
    return format == MK_KV_F16 ? 2 * (keys + values) : keys + values + 2 * 4 * MK_KV_BLOCK;
}

size_t mk_attention_scratch(int64_t head_size) {
    size_t floats = round16(head_size) * MK_ATTENTION_ROWS * 2 + MK_KV_BLOCK * MK_ATTENTION_ROWS + 64;
    return floats * 4 + 64;
}
