// The kernels for AVX-512 with VNNI.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))), apply_to = function)
#define MK_ISA_LEVEL 2
#define MK_TABLE mk_table_avx512
#include "table.h"
#include "vector.h"
#include "exact.h"
#include "product.h"
#include "attention.h"
#include "elementwise.h"
#pragma clang attribute pop
#endif
