// The kernels for AVX-512 with VNNI and BF16.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>
#define SET "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16"
#pragma clang attribute push(__attribute__((target(SET))), apply_to = function)
#define MK_ISA_LEVEL 3
#define MK_ONLY_BF16
#define MK_BASE_TABLE mk_table_avx512
#define MK_TABLE mk_table_avx512_bf16
#include "table.h"
#include "vector.h"
#include "exact.h"
#include "product.h"
#include "attention.h"
#include "elementwise.h"
#pragma clang attribute pop
#endif
