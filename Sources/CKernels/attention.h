// Attention of a few query rows over one KV head's paged cache, with a running maximum and sum (arXiv 2205.14135).
//
// Blocks of 64 positions are visited in order; a row's result depends on its own query and positions alone.

INLINE vf vf_exp(vf x) {
    // exp(x) = 2^n * e^r; degree-6 polynomial, 2 ulp; below -87 exactly 0.
    vf clamped = vf_max(x, vf_set(-87.0f));
    vf n = vf_round(vf_mul(clamped, vf_set(1.44269504088896341f)));
    vf r = vf_fma(n, vf_set(-0.693359375f), clamped);
    r = vf_fma(n, vf_set(2.12194440e-4f), r);
    vf p = vf_set(1.9875691500e-4f);
    p = vf_fma(p, r, vf_set(1.3981999507e-3f));
    p = vf_fma(p, r, vf_set(8.3334519073e-3f));
    p = vf_fma(p, r, vf_set(4.1665795894e-2f));
    p = vf_fma(p, r, vf_set(1.6666665459e-1f));
    p = vf_fma(p, r, vf_set(5.0000001201e-1f));
    p = vf_add(vf_fma(vf_mul(p, r), r, r), vf_set(1.0f));
    return vf_where_greater(x, vf_set(-87.0f), vf_scale2(p, n), vf_zero());
}

#define MASKED -1e30f

INLINE vf load_key(const bool f16, const uint8_t *keys, int64_t index) {
    return f16 ? vf_load_f16((const uint16_t *)keys + index) : vf_load_i8((const int8_t *)keys + index);
}

/// Scores of R rows with the 64 keys of a block, P vectors of 16 positions at a time.
INLINE void attention_scores(const int R, const int P, const bool f16, const uint8_t *keys, const float *queries, int64_t head_size,
                             float *scores) {
    for (int at = 0; at < MK_KV_BLOCK; at += 16 * P) {
        vf acc[R * P];
        _Pragma("clang loop unroll(full)") for (int i = 0; i < R * P; i++) acc[i] = vf_zero();
        for (int64_t d = 0; d < head_size; d++) {
            _Pragma("clang loop unroll(full)") for (int p = 0; p < P; p++) {
                const vf k = load_key(f16, keys, d * MK_KV_BLOCK + at + 16 * p);
                _Pragma("clang loop unroll(full)") for (int r = 0; r < R; r++)
                    acc[p * R + r] = vf_fma(k, vf_set(queries[d * R + r]), acc[p * R + r]);
            }
        }
        _Pragma("clang loop unroll(full)") for (int p = 0; p < P; p++)
            _Pragma("clang loop unroll(full)") for (int r = 0; r < R; r++) vf_store(scores + r * MK_KV_BLOCK + at + 16 * p, acc[p * R + r]);
    }
}

/// outputs[r] += probabilities[r] x values over `count` positions, V vectors of 16 dimensions at a time from `at` on.
INLINE void attention_values(const int R, const int V, const bool f16, const uint8_t *values, int64_t width, int64_t at, int64_t count,
                             const float *probabilities, float *outputs) {
    vf acc[R * V];
    _Pragma("clang loop unroll(full)") for (int r = 0; r < R; r++)
        _Pragma("clang loop unroll(full)") for (int v = 0; v < V; v++) acc[r * V + v] = vf_load(outputs + r * width + at + 16 * v);
    for (int64_t j = 0; j < count; j++) {
        _Pragma("clang loop unroll(full)") for (int v = 0; v < V; v++) {
            const vf x = load_key(f16, values, j * width + at + 16 * v);
            _Pragma("clang loop unroll(full)") for (int r = 0; r < R; r++)
                acc[r * V + v] = vf_fma(x, vf_set(probabilities[r * MK_KV_BLOCK + j]), acc[r * V + v]);
        }
    }
    _Pragma("clang loop unroll(full)") for (int r = 0; r < R; r++)
        _Pragma("clang loop unroll(full)") for (int v = 0; v < V; v++) vf_store(outputs + r * width + at + 16 * v, acc[r * V + v]);
}

INLINE void attend(const int R, const bool f16, const mk_attention_call *c, float *scratch) {
    const int64_t size = c->head_size, width = (size + 15) / 16 * 16;
    float *queries = scratch, *outputs = queries + size * R, *scores = outputs + width * R;
    float maximum[R], sum[R];
    int64_t last = 0, lowest = INT64_MAX;
    for (int r = 0; r < R; r++) {
        int from = r < c->rows ? r : 0;
        maximum[r] = MASKED;
        sum[r] = 0;
        for (int64_t d = 0; d < size; d++) queries[d * R + r] = c->queries[from][d] * c->scale;
        if (c->positions[from] > last) last = c->positions[from];
        int64_t begin = c->window && c->positions[from] >= c->window ? c->positions[from] - c->window + 1 : 0;
        if (begin < lowest) lowest = begin;
    }
    memset(outputs, 0, sizeof(float) * (size_t)(width * R));
    const size_t key_bytes = (size_t)size * MK_KV_BLOCK * (f16 ? 2 : 1), value_bytes = (size_t)width * MK_KV_BLOCK * (f16 ? 2 : 1);
    for (int64_t b = lowest / MK_KV_BLOCK; b <= last / MK_KV_BLOCK; b++) {
        const uint8_t *keys = c->base + c->blocks[b] * c->block_stride, *values = keys + key_bytes;
        const float *key_scales = (const float *)(values + value_bytes), *value_scales = key_scales + MK_KV_BLOCK;
        const int64_t origin = b * MK_KV_BLOCK, count = last - origin + 1 < MK_KV_BLOCK ? last - origin + 1 : MK_KV_BLOCK;
        if (R <= 2) attention_scores(R, 4, f16, keys, queries, size, scores);
        else if (R <= 8) attention_scores(R, 2, f16, keys, queries, size, scores);
        else attention_scores(R, 1, f16, keys, queries, size, scores);
        _Pragma("clang loop unroll(disable)") for (int r = 0; r < R; r++) {
            int from = r < c->rows ? r : 0;
            float *s = scores + r * MK_KV_BLOCK;
            int64_t end = c->positions[from] - origin, begin = c->window ? end - c->window + 1 : 0;
            if (!f16) for (int i = 0; i < MK_KV_BLOCK; i += 16) vf_store(s + i, vf_mul(vf_load(s + i), vf_load(key_scales + i)));
            for (int64_t i = end + 1 < 0 ? 0 : end + 1; i < MK_KV_BLOCK; i++) s[i] = MASKED;
            for (int64_t i = 0; i < begin && i < MK_KV_BLOCK; i++) s[i] = MASKED;
            vf s0 = vf_load(s), s1 = vf_load(s + 16), s2 = vf_load(s + 32), s3 = vf_load(s + 48);
            float top = vf_maximum(vf_max(vf_max(s0, s1), vf_max(s2, s3)));
            if (!(top > maximum[r])) top = maximum[r];
            vf shift = vf_set(top);
            s0 = vf_exp(vf_sub(s0, shift));
            s1 = vf_exp(vf_sub(s1, shift));
            s2 = vf_exp(vf_sub(s2, shift));
            s3 = vf_exp(vf_sub(s3, shift));
            float added = vf_sum(vf_add(vf_add(s0, s1), vf_add(s2, s3)));
            if (top > maximum[r]) {
                float correction = vf_maximum(vf_exp(vf_set(maximum[r] - top)));
                sum[r] *= correction;
                for (int64_t d = 0; d < width; d += 16)
                    vf_store(outputs + r * width + d, vf_mul(vf_load(outputs + r * width + d), vf_set(correction)));
                maximum[r] = top;
            }
            sum[r] += added;
            if (!f16) {
                s0 = vf_mul(s0, vf_load(value_scales));
                s1 = vf_mul(s1, vf_load(value_scales + 16));
                s2 = vf_mul(s2, vf_load(value_scales + 32));
                s3 = vf_mul(s3, vf_load(value_scales + 48));
            }
            vf_store(s, s0);
            vf_store(s + 16, s1);
            vf_store(s + 32, s2);
            vf_store(s + 48, s3);
        }
        int64_t at = 0;
        if (R <= 4) for (; at + 64 <= width; at += 64) attention_values(R, 4, f16, values, width, at, count, scores, outputs);
        if (R <= 8) for (; at + 32 <= width; at += 32) attention_values(R, 2, f16, values, width, at, count, scores, outputs);
        for (; at < width; at += 16) attention_values(R, 1, f16, values, width, at, count, scores, outputs);
    }
    for (int64_t r = 0; r < c->rows; r++) {
        const vf inverse = vf_set(1.0f / sum[r]);
        int64_t d = 0;
        for (; d + 16 <= size; d += 16) vf_store(c->outputs[r] + d, vf_mul(vf_load(outputs + r * width + d), inverse));
        if (d < size) vf_store_n(c->outputs[r] + d, vf_mul(vf_load(outputs + r * width + d), inverse), (int)(size - d));
    }
}

#define ATTEND(R) \
    static void attend_##R##_f16(const mk_attention_call *c, float *s) { attend(R, true, c, s); } \
    static void attend_##R##_q8(const mk_attention_call *c, float *s) { attend(R, false, c, s); }
ATTEND(1) ATTEND(2) ATTEND(4) ATTEND(8) ATTEND(16)

static void attention(const mk_attention_call *c, void *scratch) {
    float *s = (float *)(((uintptr_t)scratch + 63) / 64 * 64);
    bool f16 = c->format == MK_KV_F16;
    if (c->rows <= 1) f16 ? attend_1_f16(c, s) : attend_1_q8(c, s);
    else if (c->rows <= 2) f16 ? attend_2_f16(c, s) : attend_2_q8(c, s);
    else if (c->rows <= 4) f16 ? attend_4_f16(c, s) : attend_4_q8(c, s);
    else if (c->rows <= 8) f16 ? attend_8_f16(c, s) : attend_8_q8(c, s);
    else f16 ? attend_16_f16(c, s) : attend_16_q8(c, s);
}

static void kv_store(mk_kv_format format, void *block, int64_t head_size, int64_t slot, const float *key, const float *value) {
    const int64_t width = (head_size + 15) / 16 * 16;
    if (format == MK_KV_F16) {
        uint16_t *keys = block, *values = keys + head_size * MK_KV_BLOCK + slot * width;
        for (int64_t d = 0; d < head_size; d += 16) {
            int n = (int)(head_size - d < 16 ? head_size - d : 16);
            uint16_t half[16];
            vf_store_f16(half, n == 16 ? vf_load(key + d) : vf_load_n(key + d, n));
            for (int i = 0; i < n; i++) keys[(d + i) * MK_KV_BLOCK + slot] = half[i];
            vf_store_f16(values + d, n == 16 ? vf_load(value + d) : vf_load_n(value + d, n));
        }
        return;
    }
    int8_t *keys = block, *values = keys + head_size * MK_KV_BLOCK;
    float *scales = (float *)(values + width * MK_KV_BLOCK);
    float top_key = 0, top_value = 0;
    for (int64_t d = 0; d < head_size; d++) {
        if (fabsf(key[d]) > top_key) top_key = fabsf(key[d]);
        if (fabsf(value[d]) > top_value) top_value = fabsf(value[d]);
    }
    float inverse_key = top_key > 1e-30f ? 127.0f / top_key : 0, inverse_value = top_value > 1e-30f ? 127.0f / top_value : 0;
    for (int64_t d = 0; d < head_size; d++) {
        keys[d * MK_KV_BLOCK + slot] = (int8_t)rintf(key[d] * inverse_key);
        values[slot * width + d] = (int8_t)rintf(value[d] * inverse_value);
    }
    for (int64_t d = head_size; d < width; d++) values[slot * width + d] = 0;
    scales[slot] = top_key / 127.0f;
    scales[MK_KV_BLOCK + slot] = top_value / 127.0f;
}
