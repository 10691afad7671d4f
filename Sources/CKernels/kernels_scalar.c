// The kernels for any processor.

#define MK_ISA_LEVEL 0
#define MK_TABLE mk_table_scalar
#include "table.h"
#include "vector.h"
#include "exact.h"
#include "product.h"
#include "attention.h"
#include "elementwise.h"

