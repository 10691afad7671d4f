// CPU kernels of Motley. Everything here is plain C with run-time dispatch between instruction sets.
#ifndef MOTLEY_KERNELS_H
#define MOTLEY_KERNELS_H
#include <stddef.h>
#include <stdint.h>

/// Instruction sets the kernels exist for, in ascending order of speed.
typedef enum { MK_SCALAR = 0, MK_AVX2 = 1, MK_AVX512 = 2 } mk_isa;

/// The best instruction set this processor and operating system support.
mk_isa mk_best_isa(void);
#endif
