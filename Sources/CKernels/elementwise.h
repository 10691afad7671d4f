// Norms, activations, rotations and sums. Included once per instruction set, after vector.h and attention.h (for vf_exp).

static void rms_norm(const float *x, int64_t n, const float *weight, float epsilon, float *y) {
    vf squares = vf_zero();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) { vf v = vf_load(x + i); squares = vf_fma(v, v, squares); }
    if (i < n) { vf v = vf_load_n(x + i, (int)(n - i)); squares = vf_fma(v, v, squares); }
    const vf factor = vf_set(1.0f / sqrtf(vf_sum(squares) / (float)n + epsilon));
    for (i = 0; i + 16 <= n; i += 16) vf_store(y + i, vf_mul(vf_mul(vf_load(x + i), factor), vf_load(weight + i)));
    if (i < n) vf_store_n(y + i, vf_mul(vf_mul(vf_load_n(x + i, (int)(n - i)), factor), vf_load_n(weight + i, (int)(n - i))), (int)(n - i));
}

static void layer_norm(const float *x, int64_t n, const float *weight, const float *bias, float epsilon, float *y) {
    vf total = vf_zero();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) total = vf_add(total, vf_load(x + i));
    if (i < n) total = vf_add(total, vf_load_n(x + i, (int)(n - i)));
    const float mean = vf_sum(total) / (float)n;
    vf squares = vf_zero();
    for (i = 0; i + 16 <= n; i += 16) { vf v = vf_sub(vf_load(x + i), vf_set(mean)); squares = vf_fma(v, v, squares); }
    float rest = 0;
    for (; i < n; i++) rest += (x[i] - mean) * (x[i] - mean);
    const float factor = 1.0f / sqrtf((vf_sum(squares) + rest) / (float)n + epsilon);
    for (i = 0; i + 16 <= n; i += 16) {
        vf v = vf_mul(vf_mul(vf_sub(vf_load(x + i), vf_set(mean)), vf_set(factor)), vf_load(weight + i));
        vf_store(y + i, bias ? vf_add(v, vf_load(bias + i)) : v);
    }
    for (; i < n; i++) y[i] = (x[i] - mean) * factor * weight[i] + (bias ? bias[i] : 0);
}

INLINE vf vf_sigmoid(vf x) { return vf_div(vf_set(1.0f), vf_add(vf_set(1.0f), vf_exp(vf_min(vf_sub(vf_zero(), x), vf_set(88.0f))))); }

INLINE vf vf_activation(mk_activation kind, vf x) {
    switch (kind) {
    case MK_RELU: return vf_max(x, vf_zero());
    case MK_SILU: return vf_mul(x, vf_sigmoid(x));
    case MK_GELU_TANH: {
        // x * (1 + tanh(u)) / 2 = x * sigmoid(2u)
        vf u = vf_mul(vf_mul(x, vf_set(0.7978845608028654f)), vf_fma(vf_mul(x, x), vf_set(0.044715f), vf_set(1.0f)));
        return vf_mul(x, vf_sigmoid(vf_add(u, u)));
    }
    case MK_GELU: {
        float v[16];
        vf_store(v, x);
        for (int i = 0; i < 16; i++) v[i] = 0.5f * v[i] * (1.0f + erff(v[i] * 0.70710678118654752f));
        return vf_load(v);
    }
    }
    return x;
}

static void activate(mk_activation kind, const float *x, const float *up, int64_t n, float *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        vf v = vf_activation(kind, vf_load(x + i));
        vf_store(y + i, up ? vf_mul(v, vf_load(up + i)) : v);
    }
    if (i < n) {
        int rest = (int)(n - i);
        vf v = vf_activation(kind, vf_load_n(x + i, rest));
        vf_store_n(y + i, up ? vf_mul(v, vf_load_n(up + i, rest)) : v, rest);
    }
}

static void rotate(float *x, int64_t heads, int64_t head_size, int64_t dimensions, bool interleaved, const float *cosine,
                   const float *sine) {
    const int64_t half = dimensions / 2;
    for (int64_t h = 0; h < heads; h++, x += head_size) {
        if (interleaved) {
            for (int64_t i = 0; i < half; i++) {
                float a = x[2 * i], b = x[2 * i + 1];
                x[2 * i] = a * cosine[i] - b * sine[i];
                x[2 * i + 1] = a * sine[i] + b * cosine[i];
            }
            continue;
        }
        int64_t i = 0;
        for (; i + 16 <= half; i += 16) {
            vf a = vf_load(x + i), b = vf_load(x + half + i), c = vf_load(cosine + i), s = vf_load(sine + i);
            vf_store(x + i, vf_sub(vf_mul(a, c), vf_mul(b, s)));
            vf_store(x + half + i, vf_add(vf_mul(a, s), vf_mul(b, c)));
        }
        for (; i < half; i++) {
            float a = x[i], b = x[half + i];
            x[i] = a * cosine[i] - b * sine[i];
            x[half + i] = a * sine[i] + b * cosine[i];
        }
    }
}

static void add(float *x, const float *y, int64_t n) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) vf_store(x + i, vf_add(vf_load(x + i), vf_load(y + i)));
    for (; i < n; i++) x[i] += y[i];
}

static double log_sum_exp(const float *x, int64_t n) {
    float top = -INFINITY;
    for (int64_t i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
    double total = 0;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) total += (double)vf_sum(vf_exp(vf_sub(vf_load(x + i), vf_set(top))));
    for (; i < n; i++) total += exp((double)(x[i] - top));
    return (double)top + log(total);
}

static double peak_loop(mk_input kind, int64_t iterations) {
    // Independent sums that hide the latency of a multiplication and that registers hold.
    enum { SUMS = TILE == 16 ? 12 : 5 };
    uint8_t bytes[128] = {1};
    float floats[16] = {0};
    vf acc[SUMS];
    vi sums[SUMS];
    for (int i = 0; i < SUMS; i++) { acc[i] = vf_set((float)i); sums[i] = vi_set(i); }
    // What the compiler cannot see through it can neither fold nor hoist.
#define OPAQUE __asm__ volatile("" : "+m"(*(uint8_t(*)[128])bytes), "+m"(*(float(*)[16])floats))
    OPAQUE;
    const vb w = vb_load(bytes);
    const vf f = vf_load(floats);
    (void)w; (void)f;
    for (int64_t n = 0; n < iterations; n++) {
        if (kind == MK_INPUT_F32) for (int i = 0; i < SUMS; i++) acc[i] = vf_fma(f, vf_set(floats[0]), acc[i]);
        else if (kind == MK_INPUT_BF16) for (int i = 0; i < SUMS; i++) acc[i] = vf_dot_bf16(acc[i], bytes, bytes);
#if TILE == 16
        else for (int i = 0; i < SUMS; i++) sums[i] = vi_dot(sums[i], w, (const int8_t *)bytes);
#else
        // The most that any format's dots reach: those of blocks of 4-bit values, once unpacked.
#define PEAK_WORD(i, j) w
        else DOT_WORDS(TILE, 8, IN_TURN, PEAK_WORD, FIT_4, bytes, ZERO_START, { sums[t] = vi_add(sums[t], dot); })
#endif
        OPAQUE;
    }
    vf total = vf_zero();
    for (int i = 0; i < SUMS; i++) total = vf_add(total, vf_add(acc[i], vf_from_i(sums[i])));
    const bool dots = kind != MK_INPUT_F32 && kind != MK_INPUT_BF16;
    const double each = TILE == 16 || !dots ? SUMS : 8 * TILE, operations = kind == MK_INPUT_F32 ? 32 : kind == MK_INPUT_BF16 ? 64 : 128;
    return (double)vf_sum(total) * 0 + each * operations * (double)iterations;
}

/// Halves to bfloat16, to nearest even.
static void half_to_bfloat(const uint16_t *x, int64_t n, uint16_t *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        float f[16];
        uint32_t bits[16];
        vf_store(f, vf_load_f16(x + i));
        memcpy(bits, f, 64);
        for (int j = 0; j < 16; j++) {
            const bool number = (bits[j] & 0x7fffffff) <= 0x7f800000;
            y[i + j] = (uint16_t)((number ? bits[j] + 0x7fff + (bits[j] >> 16 & 1) : bits[j] | 0x400000) >> 16);
        }
    }
    if (i < n) {
        uint16_t rest[16] = {0}, out[16];
        memcpy(rest, x + i, 2 * (size_t)(n - i));
        half_to_bfloat(rest, 16, out);
        memcpy(y + i, out, 2 * (size_t)(n - i));
    }
}

static uint64_t read_all(const void *data, size_t bytes) {
    const uint8_t *p = data;
    vb a = vb_load(p), b = a, c = a, d = a;
    for (size_t i = 0; i + 256 <= bytes; i += 256) {
        for (int line = 0; line < 256; line += 64) prefetch(p + i + 4096 + line);
        a = vb_or(a, vb_load(p + i));
        b = vb_or(b, vb_load(p + i + 64));
        c = vb_or(c, vb_load(p + i + 128));
        d = vb_or(d, vb_load(p + i + 192));
    }
    uint8_t out[64];
    vb_store(out, vb_or(vb_or(a, b), vb_or(c, d)));
    uint64_t v; memcpy(&v, out, 8);
    return v;
}

/// What dispatch.c calls through.
const mk_table MK_TABLE = {TILE, pack_input, product, sum_parts, rms_norm, layer_norm, activate, rotate, add, log_sum_exp,
                           kv_store, attention, peak_loop, read_all, half_to_bfloat};
