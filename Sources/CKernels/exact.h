// Sums over chunks of columns that come out the same however a matrix is cut. Included once per instruction set, after vector.h.
//
// The sum of a chunk is one chain of floats. It is rounded to whole units of 2^-MK_SUM_UNIT_BITS and becomes a double. As long as no sum of
// chunks exceeds 2^53 units, adding such doubles is exact, hence associative: any grouping in any order gives the same bits. What rounds
// again is the end alone: the bias, what the output held before, and the float that is stored.
//
// The chunks of a matrix share the 2^53 units. A sum beyond its chunk's share makes the output NaN, as one that is no number does: nothing
// is cut off in silence. To find it costs one multiplication: sums are scaled by the power of two that makes floats overflow there, and no
// later addition gets rid of an infinity. `end_chunks` makes NaN of it.
#ifndef MK_EXACT
#define MK_EXACT
typedef struct {
    float scale;     // a power of two; the first sum that is too large becomes 2^128
    double magic;    // 1.5 * 2^52 scaled units: x + magic - magic is x in whole units
    double unscale;  // 1 / scale
} chunk_rounding;
#endif

INLINE chunk_rounding rounding_of(int64_t chunks) {
    // Whatever the share: x + magic is in whole units for less than 2^51 of them.
    int bits = 51;
    while ((int64_t)1 << (53 - bits) < chunks) bits--;
    const int power = 128 - (bits - MK_SUM_UNIT_BITS);
    return (chunk_rounding){ldexpf(1, power), ldexp(1.5, 52 - MK_SUM_UNIT_BITS + power), ldexp(1, -power)};
}

/// Adds the sums of one chunk of 16 rows to the totals; the first chunk's take their place.
INLINE void add_chunk(vf sums, const chunk_rounding *rounding, bool first, double *totals) {
    const vd magic = vd_set(rounding->magic);
    const vd units = vd_sub(vd_add(vd_from_f(vf_mul(sums, vf_set(rounding->scale))), magic), magic);
    vd_store(totals, first ? units : vd_add(vd_load(totals), units));
}

/// The sums of 16 rows that add_chunk gathered.
INLINE vd end_chunks(const double *totals, const chunk_rounding *rounding) {
    const vd sum = vd_mul(vd_load(totals), vd_set(rounding->unscale));
    return vd_add(sum, vd_sub(sum, sum));
}

/// y = (add ? y : 0) + (sum + bias) of 16 rows, rounded to floats once.
INLINE void store_sum(vd sum, const float *bias, bool add, float *y) {
    if (bias) sum = vd_add(sum, vd_from_f(vf_load(bias)));
    if (add) sum = vd_add(vd_from_f(vf_load(y)), sum);
    vf_store(y, vf_from_d(sum));
}

static void sum_parts(const double *const *parts, int64_t count, int64_t first, int64_t n, const float *bias, bool add, float *y) {
    for (int64_t i = 0; i < n; i += 16) {
        vd sum = vd_set(0);
        for (int64_t part = 0; part < count; part++) sum = vd_add(sum, vd_load(parts[part] + first + i));
        store_sum(sum, bias ? bias + i : 0, add, y + i);
    }
}
