// The kernels for AVX2 with FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define MK_ISA_LEVEL 1
#define MK_TABLE mk_table_avx2
#include "table.h"
#include "vector.h"
#include "exact.h"
#include "product.h"
#include "attention.h"
#include "elementwise.h"
#pragma clang attribute pop
#endif
