// CPU kernels of Motley: packed matrix products, attention over a paged KV cache, norms, rotations, activations, and the worker pool.
//
// Plain C, no allocation inside kernels, no state but what the caller hands in. Every kernel exists for several instruction sets
// (mk_isa); the same source is compiled for each, with the same order of floating-point operations, so that a result depends on
// the row and the token alone: not on tile sizes, thread counts or who else is in the batch.
#ifndef MOTLEY_KERNELS_H
#define MOTLEY_KERNELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Instruction sets the kernels exist for, in ascending order of speed.
typedef enum { MK_SCALAR = 0, MK_AVX2 = 1, MK_AVX512 = 2, MK_AVX512_BF16 = 3 } mk_isa;

/// The best instruction set this processor and operating system support.
mk_isa mk_best_isa(void);
/// "scalar", "AVX2", "AVX-512 VNNI", "AVX-512 VNNI+BF16".
const char *mk_isa_name(mk_isa isa);

// ---------------------------------------------------------------------------------------------------------------- formats

/// Weight formats; numbers are GGML's type numbers. F16 is packed as BF16 (see docs/decisions.md).
typedef enum {
    MK_F32 = 0, MK_F16 = 1, MK_Q4_0 = 2, MK_Q4_1 = 3, MK_Q5_0 = 6, MK_Q5_1 = 7, MK_Q8_0 = 8,
    MK_Q2_K = 10, MK_Q3_K = 11, MK_Q4_K = 12, MK_Q5_K = 13, MK_Q6_K = 14, MK_BF16 = 30
} mk_format;

/// Elements per block and bytes per block of a format as stored in files; 0 for an unknown format.
int mk_block_elements(mk_format format);
int mk_block_bytes(mk_format format);

/// One row of `n` elements (a whole number of blocks) as floats.
void mk_dequantise_row(mk_format format, const void *source, int64_t n, float *destination);

/// Rows per packed group; row counts are padded to it with zero rows.
#define MK_GROUP_ROWS 16

/// Bytes of one packed group of 16 rows by `columns`. Columns must be a whole number of blocks.
size_t mk_packed_group_bytes(mk_format format, int64_t columns);

/// Packs 16 rows of `columns` elements each; `rows[i]` points at the row's first block, NULL means a zero row.
void mk_pack_group(mk_format format, const void *const rows[MK_GROUP_ROWS], int64_t columns, void *destination);

/// Gathers one output row of a matrix stored inputs x outputs in F32, F16 or BF16: element `column` of `inputs` stored rows that are
/// `row_bytes` apart.
void mk_gather_column(mk_format format, const void *source, int64_t row_bytes, int64_t column, int64_t inputs, void *destination);

// ------------------------------------------------------------------------------------------------------------ activations

/// How a matrix product wants its input vectors.
typedef enum {
    MK_INPUT_F32 = 0,   ///< floats
    MK_INPUT_BF16 = 1,  ///< pairs of bfloat16
    MK_INPUT_Q32 = 2,   ///< 8-bit, one scale per 32 elements
    MK_INPUT_Q256 = 3   ///< 8-bit, one scale per 256 elements
} mk_input;

mk_input mk_input_kind(mk_format format);
/// Tokens per tile of packed inputs for an instruction set.
int mk_tile_tokens(mk_isa isa);
/// Bytes of packed inputs of `tokens` vectors of `columns` elements.
size_t mk_input_bytes(mk_isa isa, mk_input kind, int64_t tokens, int64_t columns);

/// Packs vectors `first ..< last` of x (row t at x + t * ldx) into `destination`, which holds all `tokens`.
void mk_pack_input(mk_isa isa, mk_input kind, const float *x, int64_t ldx, int64_t tokens, int64_t first, int64_t last, int64_t columns,
                   void *destination);

// --------------------------------------------------------------------------------------------------------------- products

/// A packed matrix: `groups` groups of 16 rows.
///
/// A matrix that may be cut along its columns, to be shared between devices, is summed in chunks of columns which belong to the model and
/// not to the cut: each chunk is one chain of floats, rounded to whole units of 2^-MK_SUM_UNIT_BITS, and these are added exactly. Sums then
/// do not depend on the cut. A chunk's sum that is infinite, no number, or 2^53 / chunks units and more (chunks rounded up to a power of
/// two, 4 at least) makes the output NaN.
typedef struct {
    const uint8_t *data;
    mk_format format;
    int64_t columns;
    int64_t groups;
    const float *bias;  ///< 16 * groups floats, or NULL
    /// Columns of a chunk, a multiple of 16, of 64 for blocks of 32 and of 512 for blocks of 256; the last chunk may be shorter.
    /// 0: all columns are one chain of floats and nothing else.
    int64_t chunk;
    int64_t chunks;     ///< of the whole matrix, of which this may be some columns from the beginning of a chunk; unused without chunks
} mk_matrix;

#define MK_SUM_UNIT_BITS 28

/// y[t * ldy + row] = (add ? y : 0) + (W x_t)[row] + bias[row] for the rows of groups first ..< last and all tokens.
/// y rows hold 16 * groups floats at least. `scratch` must have mk_product_scratch bytes.
void mk_product(mk_isa isa, const mk_matrix *matrix, int64_t first, int64_t last, const void *input, int64_t tokens, float *y, int64_t ldy,
                bool add, void *scratch);
size_t mk_product_scratch(int64_t columns);

/// The same sums without bias as parts, whole units: parts[t * stride + row]. The matrix must be in chunks.
void mk_product_parts(mk_isa isa, const mk_matrix *matrix, int64_t first, int64_t last, const void *input, int64_t tokens, double *parts,
                      int64_t stride, void *scratch);
/// y[i] = (add ? y[i] : 0) + (sum of the parts' elements first + i, and bias[i]), n elements, a multiple of 16. Where the parts are those
/// of all columns of a matrix, in any order, y has the bits that mk_product gives for the whole matrix. `bias` may be NULL.
void mk_sum_parts(mk_isa isa, const double *const *parts, int64_t count, int64_t first, int64_t n, const float *bias, bool add, float *y);

// -------------------------------------------------------------------------------------------------------------- vector ops

/// RMSNorm: y = x / sqrt(mean(x^2) + epsilon) * weight.
void mk_rms_norm(mk_isa isa, const float *x, int64_t n, const float *weight, float epsilon, float *y);
/// LayerNorm with weight and optional bias.
void mk_layer_norm(mk_isa isa, const float *x, int64_t n, const float *weight, const float *bias, float epsilon, float *y);

typedef enum { MK_RELU = 0, MK_SILU = 1, MK_GELU = 2, MK_GELU_TANH = 3 } mk_activation;
/// y = activation(x) * (gate product: up) for n elements; up may be NULL. In place allowed.
void mk_activate(mk_isa isa, mk_activation kind, const float *x, const float *up, int64_t n, float *y);

/// Rotates heads in place. `cosine` and `sine`: dimensions / 2 values of the token's position.
/// interleaved: pairs (2i, 2i+1); otherwise (i, i + dimensions / 2).
void mk_rotate(mk_isa isa, float *x, int64_t heads, int64_t head_size, int64_t dimensions, bool interleaved, const float *cosine,
               const float *sine);

/// Adds y into x.
void mk_add(mk_isa isa, float *x, const float *y, int64_t n);

/// Exponentials and their sum relative to the maximum are not kept: returns log(sum(exp(x))) of n floats.
double mk_log_sum_exp(mk_isa isa, const float *x, int64_t n);

// --------------------------------------------------------------------------------------------------------------- attention

typedef enum { MK_KV_F16 = 0, MK_KV_Q8 = 1 } mk_kv_format;

/// Tokens per KV block.
#define MK_KV_BLOCK 64

/// Bytes of one KV block (keys and values of 64 tokens) of one KV head of one layer.
/// F16: keys as [head_size][64], values as [64][head_size]. Q8: the same in int8, then 64 key scales and 64 value scales (float).
size_t mk_kv_block_bytes(mk_kv_format format, int64_t head_size);

/// Writes one token's key and value of one head at `slot` of a block.
void mk_kv_store(mk_isa isa, mk_kv_format format, void *block, int64_t head_size, int64_t slot, const float *key, const float *value);

/// Most query rows one attention call handles.
#define MK_ATTENTION_ROWS 16

/// One call: up to 16 query rows that share one KV head of one sequence.
typedef struct {
    mk_kv_format format;
    int64_t head_size;
    float scale;
    /// Block i of the sequence for this head: base + blocks[i] * block_stride.
    const uint8_t *base;
    const int32_t *blocks;
    int64_t block_stride;
    int64_t rows;
    const float *queries[MK_ATTENTION_ROWS];  ///< head_size floats each
    float *outputs[MK_ATTENTION_ROWS];
    int64_t positions[MK_ATTENTION_ROWS];     ///< row attends to positions first(row) ... positions[row]
    int64_t window;                           ///< positions a row sees, itself included; 0: all
} mk_attention_call;

void mk_attention(mk_isa isa, const mk_attention_call *call, void *scratch);
size_t mk_attention_scratch(int64_t head_size);

// --------------------------------------------------------------------------------------------------------------------- pool

/// A pinned pool: the caller is worker 0. Workers spin briefly between jobs, then sleep.
typedef struct mk_pool mk_pool;
typedef void (*mk_job)(void *context, int worker, int workers);
mk_pool *mk_pool_create(int workers, bool pin);
void mk_pool_destroy(mk_pool *pool);
int mk_pool_workers(const mk_pool *pool);
/// Runs job(context, worker, workers) on every worker and returns when all are done. Everything written before is visible to the
/// workers, everything they wrote is visible afterwards. Not reentrant.
void mk_pool_run(mk_pool *pool, mk_job job, void *context);
/// Takes the next chunk of a job's work from a shared counter; returns the first index.
int64_t mk_take(int64_t *counter, int64_t count);

// ------------------------------------------------------------------------------------------------------------------- events

/// A counter that only rises; waiting for a value spins briefly, then sleeps on a futex. What was written before a signal is visible
/// after the wait.
typedef struct { uint32_t value, sleepers; } mk_event;
void mk_event_signal(mk_event *event, uint32_t value);
void mk_event_wait(mk_event *event, uint32_t value);
bool mk_event_has(const mk_event *event, uint32_t value);

// --------------------------------------------------------------------------------------------------------------------- jobs

/// A matrix product over several matrices with the same input, cut into chunks of groups that workers take in turn.
typedef struct {
    mk_isa isa;
    int count;  ///< matrices, at most 4
    mk_matrix matrices[4];
    float *outputs[4];
    double *parts[4];    ///< in place of outputs[i] where not NULL: parts of sums, for mk_run_sum
    int64_t strides[4];  ///< elements per token of each output
    const void *inputs[4];
    int64_t tokens;
    bool add;
    /// 1: after the product, outputs[0] = activation(outputs[0]) * outputs[1] row range by row range; both matrices have equal groups.
    /// 2: outputs[0] = activation(outputs[0]). 0: nothing.
    int gated;
    mk_activation activation;
    uint8_t *scratch;        ///< one area of scratch_stride bytes per worker
    int64_t scratch_stride;
    int64_t next;            ///< set to 0 before the run
} mk_product_job;
void mk_run_product(void *job, int worker, int workers);

/// Sums of parts that products of column ranges made, of all tokens; pieces of rows are taken in turn. See mk_sum_parts.
typedef struct {
    mk_isa isa;
    const double *const *parts;
    int64_t count, part_stride;
    const float *bias;
    float *y;
    int64_t stride, rows, tokens;  ///< rows: a multiple of 16
    bool add;
    int64_t next;
} mk_sum_job;
void mk_run_sum(void *job, int worker, int workers);

typedef enum { MK_NORM_NONE = 0, MK_NORM_RMS = 1, MK_NORM_LAYER = 2 } mk_norm;

/// Optional norm, then packing of inputs for every kind that has an output; tiles of tokens are taken in turn.
typedef struct {
    mk_isa isa;
    mk_norm norm;
    const float *weight, *bias;
    float epsilon;
    float *x;          ///< tokens x stride
    int64_t stride, columns, tokens;
    void *packed[4];   ///< by mk_input; NULL where not wanted
    bool in_place;     ///< also stores the normed values back into x
    uint8_t *scratch;  ///< per worker: columns floats, padded to 16
    int64_t scratch_stride;
    int64_t next;
} mk_pack_job;
void mk_run_pack(void *job, int worker, int workers);

/// Head norms, rotation, and storing of keys and values, token by token.
typedef struct {
    mk_isa isa;
    float *q, *k, *v;  ///< tokens x stride
    int64_t q_stride, k_stride, v_stride;
    int64_t heads, kv_heads, head_size, tokens;
    const float *q_norm, *k_norm;  ///< head_size weights, or NULL
    float q_epsilon, k_epsilon;
    int64_t rotary;                ///< rotated dimensions of a head; 0: none
    bool interleaved;
    const float *cosine, *sine;    ///< tokens x rotary / 2
    mk_kv_format format;
    uint8_t *cache;                ///< of this layer: block b, head h at cache + b * block_stride + h * head_stride
    int64_t block_stride, head_stride;
    const int32_t *blocks;         ///< per token
    const int32_t *slots;          ///< per token
    int64_t next;
} mk_store_job;
void mk_run_store(void *job, int worker, int workers);

/// A run of consecutive tokens of one sequence.
typedef struct {
    const int32_t *blocks;
    int64_t position;  ///< of its first token
    int64_t token;     ///< row of its first token
    int64_t count;
} mk_attention_tile;

/// Attention of all tokens of a step over one layer's cache; (tile, KV head, part of its query heads) are taken in turn.
typedef struct {
    mk_isa isa;
    mk_kv_format format;
    const float *q;
    float *out;
    int64_t q_stride, out_stride, heads, kv_heads, head_size, window;
    float scale;
    const uint8_t *cache;
    int64_t block_stride, head_stride;
    const mk_attention_tile *tiles;
    int64_t tile_count;
    uint8_t *scratch;
    int64_t scratch_stride;
    int64_t next;
} mk_attention_job;
void mk_run_attention(void *job, int worker, int workers);
/// Tokens per tile for a number of query heads per KV head.
int64_t mk_attention_tile_tokens(int64_t heads_per_kv_head);

/// Packs `rows` rows from first_row and `columns` columns from first_column of a matrix as if they were all of it; groups are taken in
/// turn. Of the stored matrix only the rows that hold the range need to be in memory.
typedef struct {
    mk_format format;
    const uint8_t *source;         ///< first byte of stored row `source_row`
    int64_t source_row, row_bytes; ///< row_bytes: from one stored row to the next
    bool transposed;               ///< stored columns x rows: a stored row holds one column of the matrix
    int64_t first_row, rows;
    int64_t first_column, columns; ///< multiples of the format's block
    uint8_t *destination;
    uint8_t *scratch;              ///< per worker, where transposed: 16 x columns elements
    int64_t scratch_stride;
    int64_t next;
} mk_packing_job;
void mk_run_packing(void *job, int worker, int workers);

/// Measured peaks of this core set, for `motley bench`: operations per second of `kind` (MK_INPUT_*) with registers only.
double mk_peak_loop(mk_isa isa, mk_input kind, int64_t iterations);
/// Reads `bytes` and returns a checksum: for measuring read bandwidth.
uint64_t mk_read(mk_isa isa, const void *data, size_t bytes);
#endif
