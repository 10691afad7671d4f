// The functions each instruction set provides; see motley_kernels.h for what they do.
#ifndef MOTLEY_TABLE_H
#define MOTLEY_TABLE_H
#include "motley_kernels.h"

/// Where the sums of a product go: into y, or as parts of sums into `parts`.
typedef struct {
    float *y;
    double *parts;
    int64_t stride;  ///< elements per token
    bool add;        ///< to y
} mk_product_output;

typedef struct {
    int tile;
    void (*pack_input)(mk_input, const float *, int64_t, int64_t, int64_t, int64_t, int64_t, void *);
    void (*product)(const mk_matrix *, int64_t, int64_t, const void *, int64_t, const mk_product_output *, void *);
    void (*sum_parts)(const double *const *, int64_t, int64_t, int64_t, const float *, bool, float *);
    void (*rms_norm)(const float *, int64_t, const float *, float, float *);
    void (*layer_norm)(const float *, int64_t, const float *, const float *, float, float *);
    void (*activate)(mk_activation, const float *, const float *, int64_t, float *);
    void (*rotate)(float *, int64_t, int64_t, int64_t, bool, const float *, const float *);
    void (*add)(float *, const float *, int64_t);
    double (*log_sum_exp)(const float *, int64_t);
    void (*kv_store)(mk_kv_format, void *, int64_t, int64_t, const float *, const float *);
    void (*attention)(const mk_attention_call *, void *);
    double (*peak_loop)(mk_input, int64_t);
    uint64_t (*read)(const void *, size_t);
    void (*half_to_bfloat)(const uint16_t *, int64_t, uint16_t *);
} mk_table;

/// The table of an instruction set; dispatch.c.
const mk_table *mk_table_of(mk_isa isa);

extern const mk_table mk_table_scalar;
#if defined(__x86_64__)
extern const mk_table mk_table_avx2, mk_table_avx512, mk_table_avx512_bf16;
#endif
#endif
