// Choice of instruction set at run time, and the jobs that the worker pool runs.
#include "table.h"

mk_isa mk_best_isa(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool base = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    if (base && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni"))
        return __builtin_cpu_supports("avx512bf16") ? MK_AVX512_BF16 : MK_AVX512;
    if (base) return MK_AVX2;
#endif
    return MK_SCALAR;
}

#define table mk_table_of

const char *mk_isa_name(mk_isa isa) {
    switch (isa) {
    case MK_AVX512_BF16: return "AVX-512 VNNI+BF16";
    case MK_AVX512: return "AVX-512 VNNI";
    case MK_AVX2: return "AVX2";
    default: return "scalar";
    }
}

const mk_table *mk_table_of(mk_isa isa) {
#if defined(__x86_64__)
    switch (isa) {
    case MK_AVX512_BF16: return &mk_table_avx512_bf16;
    case MK_AVX512: return &mk_table_avx512;
    case MK_AVX2: return &mk_table_avx2;
    default: break;
    }
#endif
    (void)isa;
    return &mk_table_scalar;
}

int mk_tile_tokens(mk_isa isa) { return table(isa)->tile; }
void mk_pack_input(mk_isa isa, mk_input kind, const float *x, int64_t ldx, int64_t tokens, int64_t first, int64_t last, int64_t columns,
                   void *to) {
    table(isa)->pack_input(kind, x, ldx, tokens, first, last, columns, to);
}
void mk_product(mk_isa isa, const mk_matrix *m, int64_t first, int64_t last, const void *input, int64_t tokens, float *y, int64_t ldy,
                bool add, void *scratch) {
    const mk_product_output to = {.y = y, .stride = ldy, .add = add};
    table(isa)->product(m, first, last, input, tokens, &to, scratch);
}
void mk_product_parts(mk_isa isa, const mk_matrix *m, int64_t first, int64_t last, const void *input, int64_t tokens, double *parts,
                      int64_t stride, void *scratch) {
    const mk_product_output to = {.parts = parts, .stride = stride};
    table(isa)->product(m, first, last, input, tokens, &to, scratch);
}
void mk_sum_parts(mk_isa isa, const double *const *parts, int64_t count, int64_t first, int64_t n, const float *bias, bool add, float *y) {
    table(isa)->sum_parts(parts, count, first, n, bias, add, y);
}
void mk_rms_norm(mk_isa isa, const float *x, int64_t n, const float *weight, float epsilon, float *y) {
    table(isa)->rms_norm(x, n, weight, epsilon, y);
}
void mk_layer_norm(mk_isa isa, const float *x, int64_t n, const float *weight, const float *bias, float epsilon, float *y) {
    table(isa)->layer_norm(x, n, weight, bias, epsilon, y);
}
void mk_activate(mk_isa isa, mk_activation kind, const float *x, const float *up, int64_t n, float *y) {
    table(isa)->activate(kind, x, up, n, y);
}
void mk_rotate(mk_isa isa, float *x, int64_t heads, int64_t head_size, int64_t dimensions, bool interleaved, const float *cosine,
               const float *sine) {
    table(isa)->rotate(x, heads, head_size, dimensions, interleaved, cosine, sine);
}
void mk_add(mk_isa isa, float *x, const float *y, int64_t n) { table(isa)->add(x, y, n); }
double mk_log_sum_exp(mk_isa isa, const float *x, int64_t n) { return table(isa)->log_sum_exp(x, n); }
void mk_kv_store(mk_isa isa, mk_kv_format format, void *block, int64_t head_size, int64_t slot, const float *key, const float *value) {
    table(isa)->kv_store(format, block, head_size, slot, key, value);
}
void mk_attention(mk_isa isa, const mk_attention_call *call, void *scratch) { table(isa)->attention(call, scratch); }
double mk_peak_loop(mk_isa isa, mk_input kind, int64_t iterations) { return table(isa)->peak_loop(kind, iterations); }
uint64_t mk_read(mk_isa isa, const void *data, size_t bytes) { return table(isa)->read(data, bytes); }

int64_t mk_take(int64_t *counter, int64_t count) { return __atomic_fetch_add(counter, count, __ATOMIC_RELAXED); }

/// Takes a chunk of what is left: a third of a worker's share, at most `most`, at least one. Large chunks stream, small last ones balance.
static int64_t take_guided(int64_t *next, int64_t total, int workers, int64_t most, int64_t *count) {
    int64_t at = __atomic_load_n(next, __ATOMIC_RELAXED), n;
    do {
        if (at >= total) return -1;
        n = (total - at) / (3 * workers);
        if (n > most) n = most;
        if (n < 1) n = 1;
    } while (!__atomic_compare_exchange_n(next, &at, at + n, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    *count = n;
    return at;
}

void mk_run_product(void *context, int worker, int workers) {
    mk_product_job *job = context;
    const mk_table *k = table(job->isa);
    uint8_t *scratch = job->scratch + worker * job->scratch_stride;
    int matrices = job->gated == 1 ? 1 : job->count;
    int64_t total = 0, most = 1 << 20;
    for (int i = 0; i < matrices; i++) {
        total += job->matrices[i].groups;
        // Several tiles of tokens pass over a chunk of weights: keep the chunk within half of a small second-level cache.
        int64_t bytes = (int64_t)mk_packed_group_bytes(job->matrices[i].format, job->matrices[i].columns) * (job->gated == 1 ? 2 : 1);
        int64_t fit = bytes ? 393216 / bytes : 1;
        if (fit < most) most = fit;
    }
    if (most < 1) most = 1;
    int64_t at, count;
    while ((at = take_guided(&job->next, total, workers, most, &count)) >= 0) {
        int64_t base = 0;
        for (int i = 0; i < matrices; i++) {
            int64_t groups = job->matrices[i].groups, first = at - base, last = at + count - base;
            base += groups;
            if (first < 0) first = 0;
            if (last > groups) last = groups;
            if (first >= last) continue;
            const mk_product_output to = {job->outputs[i], job->parts[i], job->strides[i], job->add};
            k->product(&job->matrices[i], first, last, job->inputs[i], job->tokens, &to, scratch);
            if (job->gated == 1) {
                const mk_product_output up = {.y = job->outputs[1], .stride = job->strides[1]};
                k->product(&job->matrices[1], first, last, job->inputs[1], job->tokens, &up, scratch);
            }
            if (job->gated)
                for (int64_t t = 0; t < job->tokens; t++) {
                    float *y = job->outputs[0] + t * job->strides[0] + 16 * first;
                    const float *up = job->gated == 1 ? job->outputs[1] + t * job->strides[1] + 16 * first : 0;
                    k->activate(job->activation, y, up, 16 * (last - first), y);
                }
        }
    }
}

void mk_run_sum(void *context, int worker, int workers) {
    (void)worker;
    (void)workers;
    enum { PIECE = 1024 };
    mk_sum_job *job = context;
    const mk_table *k = table(job->isa);
    const int64_t pieces = (job->rows + PIECE - 1) / PIECE;
    int64_t item;
    while ((item = mk_take(&job->next, 1)) < pieces * job->tokens) {
        const int64_t token = item / pieces, first = item % pieces * PIECE, left = job->rows - first;
        k->sum_parts(job->parts, job->count, token * job->part_stride + first, left < PIECE ? left : PIECE,
                     job->bias ? job->bias + first : 0, job->add, job->y + token * job->stride + first);
    }
}

void mk_run_pack(void *context, int worker, int workers) {
    (void)workers;
    mk_pack_job *job = context;
    const mk_table *k = table(job->isa);
    float *row = (float *)(job->scratch + worker * job->scratch_stride);
    const int64_t tiles = (job->tokens + k->tile - 1) / k->tile;
    int64_t tile;
    while ((tile = mk_take(&job->next, 1)) < tiles) {
        int64_t first = tile * k->tile, last = first + k->tile < job->tokens ? first + k->tile : job->tokens;
        for (int64_t t = first; t < last; t++) {
            float *x = job->x + t * job->stride;
            const float *from = x;
            if (job->norm != MK_NORM_NONE) {
                float *to = job->in_place ? x : row;
                if (job->norm == MK_NORM_RMS) k->rms_norm(x, job->columns, job->weight, job->epsilon, to);
                else k->layer_norm(x, job->columns, job->weight, job->bias, job->epsilon, to);
                from = to;
            }
            // The kernels address a token's row as base + token * stride.
            for (int i = 0; i < 4; i++)
                if (job->packed[i]) k->pack_input((mk_input)i, from, 0, job->tokens, t, t + 1, job->columns, job->packed[i]);
        }
    }
}

void mk_run_store(void *context, int worker, int workers) {
    (void)worker;
    (void)workers;
    mk_store_job *job = context;
    const mk_table *k = table(job->isa);
    int64_t first;
    while ((first = mk_take(&job->next, 4)) < job->tokens) {
        for (int64_t t = first; t < first + 4 && t < job->tokens; t++) {
            float *query = job->q + t * job->q_stride, *key = job->k + t * job->k_stride, *value = job->v + t * job->v_stride;
            if (job->q_norm)
                for (int64_t h = 0; h < job->heads; h++)
                    k->rms_norm(query + h * job->head_size, job->head_size, job->q_norm, job->q_epsilon, query + h * job->head_size);
            if (job->k_norm)
                for (int64_t h = 0; h < job->kv_heads; h++)
                    k->rms_norm(key + h * job->head_size, job->head_size, job->k_norm, job->k_epsilon, key + h * job->head_size);
            if (job->rotary) {
                const float *c = job->cosine + t * (job->rotary / 2), *s = job->sine + t * (job->rotary / 2);
                k->rotate(query, job->heads, job->head_size, job->rotary, job->interleaved, c, s);
                k->rotate(key, job->kv_heads, job->head_size, job->rotary, job->interleaved, c, s);
            }
            uint8_t *block = job->cache + job->blocks[t] * job->block_stride;
            for (int64_t h = 0; h < job->kv_heads; h++)
                k->kv_store(job->format, block + h * job->head_stride, job->head_size, job->slots[t], key + h * job->head_size,
                            value + h * job->head_size);
        }
    }
}

int64_t mk_attention_tile_tokens(int64_t heads) { return heads >= MK_ATTENTION_ROWS ? 1 : MK_ATTENTION_ROWS / heads; }

void mk_run_attention(void *context, int worker, int workers) {
    (void)workers;
    mk_attention_job *job = context;
    const mk_table *k = table(job->isa);
    const int64_t group = job->heads / job->kv_heads, parts = (group + MK_ATTENTION_ROWS - 1) / MK_ATTENTION_ROWS;
    const int64_t per_part = (group + parts - 1) / parts, items = job->tile_count * job->kv_heads * parts;
    int64_t item;
    while ((item = mk_take(&job->next, 1)) < items) {
        // Late tiles see the most positions: first.
        const mk_attention_tile *tile = &job->tiles[job->tile_count - 1 - item / (job->kv_heads * parts)];
        const int64_t head = item / parts % job->kv_heads, part = item % parts;
        const int64_t from = head * group + part * per_part;
        const int64_t to = head * group + ((part + 1) * per_part < group ? (part + 1) * per_part : group);
        mk_attention_call call = {.format = job->format, .head_size = job->head_size, .scale = job->scale,
                                  .base = job->cache + head * job->head_stride, .blocks = tile->blocks,
                                  .block_stride = job->block_stride, .window = job->window};
        for (int64_t t = 0; t < tile->count; t++)
            for (int64_t h = from; h < to; h++) {
                int64_t row = call.rows++;
                call.queries[row] = job->q + (tile->token + t) * job->q_stride + h * job->head_size;
                call.outputs[row] = job->out + (tile->token + t) * job->out_stride + h * job->head_size;
                call.positions[row] = tile->position + t;
            }
        k->attention(&call, job->scratch + worker * job->scratch_stride);
    }
}

void mk_run_packing(void *context, int worker, int workers) {
    mk_packing_job *job = context;
    const int64_t groups = (job->rows + MK_GROUP_ROWS - 1) / MK_GROUP_ROWS;
    const int64_t size = (int64_t)mk_packed_group_bytes(job->format, job->columns);
    uint8_t *scratch = job->scratch + worker * job->scratch_stride;
    // The first stored row that is read, and from there the first block of a row.
    const uint8_t *source = job->source + ((job->transposed ? job->first_column : job->first_row) - job->source_row) * job->row_bytes;
    const int64_t skipped = job->first_column / mk_block_elements(job->format) * mk_block_bytes(job->format);
    const int64_t gathered = job->columns * mk_block_bytes(job->format);
    int64_t first, count;
    while ((first = take_guided(&job->next, groups, workers, 64, &count)) >= 0) {
        for (int64_t g = first; g < first + count; g++) {
            const void *rows[MK_GROUP_ROWS];
            for (int64_t r = 0; r < MK_GROUP_ROWS; r++) {
                int64_t row = g * MK_GROUP_ROWS + r;
                if (row >= job->rows) {
                    rows[r] = 0;
                } else if (job->transposed) {
                    rows[r] = scratch + r * gathered;
                    mk_gather_column(job->format, source, job->row_bytes, job->first_row + row, job->columns, scratch + r * gathered);
                } else {
                    rows[r] = source + row * job->row_bytes + skipped;
                }
            }
            mk_pack_group(job->format, rows, job->columns, job->destination + g * size);
        }
    }
}
