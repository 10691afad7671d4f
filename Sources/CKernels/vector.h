// Sixteen-lane vectors over three instruction sets, so that every kernel is written once.
//
// The including file defines MK_ISA_LEVEL (0 scalar, 1 AVX2+FMA, 2 AVX-512 VNNI, 3 AVX-512 VNNI+BF16) first.
//   vf: 16 floats   vd: 16 doubles   vi: 16 int32   vb: 64 bytes, read as 16 lanes of 4 bytes
//   vp: 32 int16, two sums of products of bytes in each lane; not with AVX-512, which adds all four at once in 32 bits
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline, unused))

INLINE int32_t load_i32(const void *p) { int32_t v; memcpy(&v, p, 4); return v; }

#if MK_ISA_LEVEL >= 2
#include <immintrin.h>
#define TILE 16
#define Q8_OFFSET 128
typedef __m512 vf;
typedef __m512i vi;
typedef __m512i vb;
INLINE vf vf_zero(void) { return _mm512_setzero_ps(); }
INLINE vf vf_set(float x) { return _mm512_set1_ps(x); }
INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
INLINE vf vf_load_n(const float *p, int n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
INLINE void vf_store_n(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v); }
INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
INLINE vf vf_abs(vf a) { return _mm512_abs_ps(a); }
INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vf vf_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE vf vf_from_i(vi a) { return _mm512_cvtepi32_ps(a); }
INLINE vf vf_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INLINE void vf_store_f16(uint16_t *p, vf v) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
INLINE vf vf_load_i8(const int8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p))); }
INLINE vf vf_load_u8(const uint8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p))); }
INLINE void vf_store_i8(int8_t *p, vf v) { _mm_storeu_si128((__m128i *)p, _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(v))); }
INLINE vf vf_scale2(vf x, vf n) { return _mm512_scalef_ps(x, n); }
/// Lanes of `value` where a > b, else `other`.
INLINE vf vf_where_greater(vf a, vf b, vf value, vf other) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), other, value);
}
INLINE vi vi_zero(void) { return _mm512_setzero_si512(); }
INLINE vi vi_set(int32_t x) { return _mm512_set1_epi32(x); }
INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
INLINE vi vi_load(const int32_t *p) { return _mm512_loadu_si512(p); }
INLINE void vi_store(int32_t *p, vi v) { _mm512_storeu_si512(p, v); }
INLINE vi vi_scale(vi a, int32_t n) { return _mm512_mullo_epi32(a, _mm512_set1_epi32(n)); }
INLINE vi vi_load_u8(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
INLINE vi vi_or_shift16(vi low, vi high) { return _mm512_or_si512(low, _mm512_slli_epi32(high, 16)); }
INLINE vb vb_load(const uint8_t *p) { return _mm512_loadu_si512(p); }
INLINE void vb_store(uint8_t *p, vb v) { _mm512_storeu_si512(p, v); }
INLINE vb vb_bits(vb v, int shift, int mask) {
    return _mm512_and_si512(shift ? _mm512_srli_epi16(v, (unsigned)shift) : v, _mm512_set1_epi8((char)mask));
}
INLINE vb vb_or(vb a, vb b) { return _mm512_or_si512(a, b); }
INLINE vb vb_shift_left(vb v, int shift) { return _mm512_slli_epi16(v, (unsigned)shift); }
/// Adds `value` to the bytes whose bit is set in the 64-bit mask at `bits`.
INLINE vb vb_add_bits(vb v, const uint8_t *bits, int value) {
    uint64_t m; memcpy(&m, bits, 8);
    return _mm512_mask_add_epi8(v, (__mmask64)m, v, _mm512_set1_epi8((char)value));
}
/// acc + sum of 4 products of unsigned bytes of w and the 4 signed bytes at a.
INLINE vi vi_dot(vi acc, vb w, const int8_t *a) { return _mm512_dpbusd_epi32(acc, w, _mm512_set1_epi32(load_i32(a))); }
/// acc + sum of 2 products of 16-bit pairs.
INLINE vi vi_dot16(vi acc, vi w, const int16_t *a) { return _mm512_dpwssd_epi32(acc, w, _mm512_set1_epi32(load_i32(a))); }
typedef struct { __m512d a, b; } vd;
INLINE vd vd_set(double x) { return (vd){_mm512_set1_pd(x), _mm512_set1_pd(x)}; }
INLINE vd vd_load(const double *p) { return (vd){_mm512_loadu_pd(p), _mm512_loadu_pd(p + 8)}; }
INLINE void vd_store(double *p, vd v) { _mm512_storeu_pd(p, v.a); _mm512_storeu_pd(p + 8, v.b); }
INLINE vd vd_add(vd x, vd y) { return (vd){_mm512_add_pd(x.a, y.a), _mm512_add_pd(x.b, y.b)}; }
INLINE vd vd_sub(vd x, vd y) { return (vd){_mm512_sub_pd(x.a, y.a), _mm512_sub_pd(x.b, y.b)}; }
INLINE vd vd_mul(vd x, vd y) { return (vd){_mm512_mul_pd(x.a, y.a), _mm512_mul_pd(x.b, y.b)}; }
INLINE vd vd_from_f(vf x) {
    return (vd){_mm512_cvtps_pd(_mm512_castps512_ps256(x)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1))};
}
INLINE vf vf_from_d(vd x) { return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(x.a)), _mm512_cvtpd_ps(x.b), 1); }
INLINE float vf_sum(vf v) { return _mm512_reduce_add_ps(v); }
INLINE float vf_maximum(vf v) { return _mm512_reduce_max_ps(v); }
INLINE void prefetch(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }
INLINE void prefetch_second(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T1); }

#elif MK_ISA_LEVEL == 1
#include <immintrin.h>
#define TILE 4
#define Q8_OFFSET 0
typedef struct { __m256 a, b; } vf;
typedef struct { __m256i a, b; } vi;
typedef struct { __m256i a, b; } vb;
#define EACH2(T, f) ((T){f(a), f(b)})
INLINE vf vf_zero(void) { return (vf){_mm256_setzero_ps(), _mm256_setzero_ps()}; }
INLINE vf vf_set(float x) { return (vf){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
INLINE vf vf_load(const float *p) { return (vf){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
INLINE void vf_store(float *p, vf v) { _mm256_storeu_ps(p, v.a); _mm256_storeu_ps(p + 8, v.b); }
INLINE vf vf_load_n(const float *p, int n) { float t[16] = {0}; memcpy(t, p, 4 * (size_t)n); return vf_load(t); }
INLINE void vf_store_n(float *p, vf v, int n) { float t[16]; vf_store(t, v); memcpy(p, t, 4 * (size_t)n); }
INLINE vf vf_add(vf x, vf y) { return (vf){_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
INLINE vf vf_sub(vf x, vf y) { return (vf){_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
INLINE vf vf_mul(vf x, vf y) { return (vf){_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
INLINE vf vf_div(vf x, vf y) { return (vf){_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
INLINE vf vf_max(vf x, vf y) { return (vf){_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
INLINE vf vf_min(vf x, vf y) { return (vf){_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
INLINE vf vf_abs(vf x) {
    __m256 m = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    return (vf){_mm256_and_ps(x.a, m), _mm256_and_ps(x.b, m)};
}
INLINE vf vf_fma(vf x, vf y, vf z) { return (vf){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
INLINE vf vf_round(vf x) { return (vf){_mm256_round_ps(x.a, 8), _mm256_round_ps(x.b, 8)}; }
INLINE vf vf_from_i(vi x) { return (vf){_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
INLINE vf vf_load_f16(const uint16_t *p) {
    return (vf){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)), _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)))};
}
INLINE void vf_store_f16(uint16_t *p, vf v) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v.a, 8));
    _mm_storeu_si128((__m128i *)(p + 8), _mm256_cvtps_ph(v.b, 8));
}
INLINE vi vi_load_u8(const uint8_t *p) {
    return (vi){_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)), _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8)))};
}
INLINE vf vf_load_u8(const uint8_t *p) { return vf_from_i(vi_load_u8(p)); }
INLINE vf vf_load_i8(const int8_t *p) {
    return (vf){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p))),
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8))))};
}
INLINE void vf_store_i8(int8_t *p, vf v) {
    int32_t t[16];
    _mm256_storeu_si256((__m256i *)t, _mm256_cvtps_epi32(v.a));
    _mm256_storeu_si256((__m256i *)(t + 8), _mm256_cvtps_epi32(v.b));
    for (int i = 0; i < 16; i++) p[i] = (int8_t)t[i];
}
INLINE vf vf_scale2(vf x, vf n) {
    __m256i bias = _mm256_set1_epi32(127);
    __m256 sa = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.a), bias), 23));
    __m256 sb = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.b), bias), 23));
    return (vf){_mm256_mul_ps(x.a, sa), _mm256_mul_ps(x.b, sb)};
}
INLINE vf vf_where_greater(vf x, vf y, vf value, vf other) {
    return (vf){_mm256_blendv_ps(other.a, value.a, _mm256_cmp_ps(x.a, y.a, _CMP_GT_OQ)),
                _mm256_blendv_ps(other.b, value.b, _mm256_cmp_ps(x.b, y.b, _CMP_GT_OQ))};
}
INLINE vi vi_zero(void) { return (vi){_mm256_setzero_si256(), _mm256_setzero_si256()}; }
INLINE vi vi_set(int32_t x) { return (vi){_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
INLINE vi vi_add(vi x, vi y) { return (vi){_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
INLINE vi vi_load(const int32_t *p) { return (vi){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 8))}; }
INLINE void vi_store(int32_t *p, vi v) { _mm256_storeu_si256((__m256i *)p, v.a); _mm256_storeu_si256((__m256i *)(p + 8), v.b); }
INLINE vi vi_scale(vi x, int32_t n) {
    return (vi){_mm256_mullo_epi32(x.a, _mm256_set1_epi32(n)), _mm256_mullo_epi32(x.b, _mm256_set1_epi32(n))};
}
INLINE vi vi_or_shift16(vi low, vi high) {
    return (vi){_mm256_or_si256(low.a, _mm256_slli_epi32(high.a, 16)), _mm256_or_si256(low.b, _mm256_slli_epi32(high.b, 16))};
}
INLINE vb vb_load(const uint8_t *p) { return (vb){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32))}; }
INLINE void vb_store(uint8_t *p, vb v) { _mm256_storeu_si256((__m256i *)p, v.a); _mm256_storeu_si256((__m256i *)(p + 32), v.b); }
INLINE vb vb_bits(vb v, int shift, int mask) {
    __m256i m = _mm256_set1_epi8((char)mask);
    return (vb){_mm256_and_si256(_mm256_srli_epi16(v.a, shift), m), _mm256_and_si256(_mm256_srli_epi16(v.b, shift), m)};
}
INLINE vb vb_or(vb x, vb y) { return (vb){_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
INLINE vb vb_shift_left(vb v, int shift) { return (vb){_mm256_slli_epi16(v.a, shift), _mm256_slli_epi16(v.b, shift)}; }
INLINE __m256i spread_bits(const uint8_t *bits, int value) {
    const __m256i index = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201ull);
    __m256i m = _mm256_shuffle_epi8(_mm256_set1_epi32(load_i32(bits)), index);
    m = _mm256_cmpeq_epi8(_mm256_and_si256(m, bit), bit);
    return _mm256_and_si256(m, _mm256_set1_epi8((char)value));
}
INLINE vb vb_add_bits(vb v, const uint8_t *bits, int value) {
    return (vb){_mm256_add_epi8(v.a, spread_bits(bits, value)), _mm256_add_epi8(v.b, spread_bits(bits + 4, value))};
}
/// Products of unsigned bytes of w and the 4 signed bytes at a, added in pairs.
typedef struct { __m256i a, b; } vp;
INLINE vp vp_zero(void) { return (vp){_mm256_setzero_si256(), _mm256_setzero_si256()}; }
INLINE vp vp_dot(vb w, const int8_t *a) {
    __m256i x = _mm256_set1_epi32(load_i32(a));
    return (vp){_mm256_maddubs_epi16(w.a, x), _mm256_maddubs_epi16(w.b, x)};
}
INLINE vp vp_add(vp x, vp y) { return (vp){_mm256_add_epi16(x.a, y.a), _mm256_add_epi16(x.b, y.b)}; }
/// acc + both pair sums of each lane.
INLINE vi vi_add_pairs(vi acc, vp x) {
    __m256i one = _mm256_set1_epi16(1);
    return (vi){_mm256_add_epi32(acc.a, _mm256_madd_epi16(x.a, one)), _mm256_add_epi32(acc.b, _mm256_madd_epi16(x.b, one))};
}
/// Weights stored with offset 128: back to signed, then |w| * sign(w) x, which cannot saturate.
INLINE vp vp_dot8(vb w, const int8_t *a) {
    __m256i x = _mm256_set1_epi32(load_i32(a)), flip = _mm256_set1_epi8((char)0x80);
    __m256i wa = _mm256_xor_si256(w.a, flip), wb = _mm256_xor_si256(w.b, flip);
    return (vp){_mm256_maddubs_epi16(_mm256_abs_epi8(wa), _mm256_sign_epi8(x, wa)),
                _mm256_maddubs_epi16(_mm256_abs_epi8(wb), _mm256_sign_epi8(x, wb))};
}
INLINE vi vi_dot16(vi acc, vi w, const int16_t *a) {
    __m256i x = _mm256_set1_epi32(load_i32(a));
    return (vi){_mm256_add_epi32(acc.a, _mm256_madd_epi16(w.a, x)), _mm256_add_epi32(acc.b, _mm256_madd_epi16(w.b, x))};
}
typedef struct { __m256d a, b, c, d; } vd;
INLINE vd vd_set(double x) { __m256d v = _mm256_set1_pd(x); return (vd){v, v, v, v}; }
INLINE vd vd_load(const double *p) {
    return (vd){_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4), _mm256_loadu_pd(p + 8), _mm256_loadu_pd(p + 12)};
}
INLINE void vd_store(double *p, vd v) {
    _mm256_storeu_pd(p, v.a);
    _mm256_storeu_pd(p + 4, v.b);
    _mm256_storeu_pd(p + 8, v.c);
    _mm256_storeu_pd(p + 12, v.d);
}
#define EACH4(OPERATION) ((vd){OPERATION(x.a, y.a), OPERATION(x.b, y.b), OPERATION(x.c, y.c), OPERATION(x.d, y.d)})
INLINE vd vd_add(vd x, vd y) { return EACH4(_mm256_add_pd); }
INLINE vd vd_sub(vd x, vd y) { return EACH4(_mm256_sub_pd); }
INLINE vd vd_mul(vd x, vd y) { return EACH4(_mm256_mul_pd); }
INLINE vd vd_from_f(vf x) {
    return (vd){_mm256_cvtps_pd(_mm256_castps256_ps128(x.a)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.a, 1)),
                _mm256_cvtps_pd(_mm256_castps256_ps128(x.b)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.b, 1))};
}
INLINE vf vf_from_d(vd x) {
    return (vf){_mm256_set_m128(_mm256_cvtpd_ps(x.b), _mm256_cvtpd_ps(x.a)), _mm256_set_m128(_mm256_cvtpd_ps(x.d), _mm256_cvtpd_ps(x.c))};
}
INLINE float vf_sum(vf v) {
    float t[16]; vf_store(t, v);
    for (int s = 8; s; s /= 2) for (int i = 0; i < s; i++) t[i] += t[i + s];
    return t[0];
}
INLINE float vf_maximum(vf v) {
    float t[16]; vf_store(t, v);
    float m = t[0];
    for (int i = 1; i < 16; i++) m = t[i] > m ? t[i] : m;
    return m;
}
INLINE void prefetch(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }
INLINE void prefetch_second(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T1); }

#else
#define TILE 4
#define Q8_OFFSET 128
typedef struct { float v[16]; } vf;
typedef struct { int32_t v[16]; } vi;
typedef struct { uint8_t v[64]; } vb;
#define LANES for (int i = 0; i < 16; i++)
INLINE float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023, bits;
    if (exponent == 31) bits = sign | 0x7f800000 | mantissa << 13;
    else if (exponent) bits = sign | (exponent + 112) << 23 | mantissa << 13;
    else { float f = (float)mantissa * 5.9604644775390625e-8f; memcpy(&bits, &f, 4); bits |= sign; }
    float f; memcpy(&f, &bits, 4); return f;
}
INLINE uint16_t float_to_half(float f) {
    uint32_t x; memcpy(&x, &f, 4);
    uint32_t sign = x >> 16 & 0x8000; x &= 0x7fffffff;
    if (x > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (x >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (x < 0x38800000) {
        float a; memcpy(&a, &x, 4);
        a += 0.5f;  // rounds to a multiple of 2^-24, to nearest even
        memcpy(&x, &a, 4);
        return (uint16_t)(sign | (x - 0x3f000000));
    }
    x += 0xfff + (x >> 13 & 1);
    return (uint16_t)(sign | ((x - 0x38000000) >> 13));
}
INLINE vf vf_zero(void) { vf r; LANES r.v[i] = 0; return r; }
INLINE vf vf_set(float x) { vf r; LANES r.v[i] = x; return r; }
INLINE vf vf_load(const float *p) { vf r; memcpy(r.v, p, 64); return r; }
INLINE void vf_store(float *p, vf v) { memcpy(p, v.v, 64); }
INLINE vf vf_load_n(const float *p, int n) { vf r = vf_zero(); memcpy(r.v, p, 4 * (size_t)n); return r; }
INLINE void vf_store_n(float *p, vf v, int n) { memcpy(p, v.v, 4 * (size_t)n); }
INLINE vf vf_add(vf a, vf b) { LANES a.v[i] += b.v[i]; return a; }
INLINE vf vf_sub(vf a, vf b) { LANES a.v[i] -= b.v[i]; return a; }
INLINE vf vf_mul(vf a, vf b) { LANES a.v[i] *= b.v[i]; return a; }
INLINE vf vf_div(vf a, vf b) { LANES a.v[i] /= b.v[i]; return a; }
INLINE vf vf_max(vf a, vf b) { LANES a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i]; return a; }
INLINE vf vf_min(vf a, vf b) { LANES a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i]; return a; }
INLINE vf vf_abs(vf a) { LANES a.v[i] = fabsf(a.v[i]); return a; }
INLINE vf vf_fma(vf a, vf b, vf c) { LANES c.v[i] += a.v[i] * b.v[i]; return c; }
INLINE vf vf_round(vf a) { LANES a.v[i] = rintf(a.v[i]); return a; }
INLINE vf vf_from_i(vi a) { vf r; LANES r.v[i] = (float)a.v[i]; return r; }
INLINE vf vf_load_f16(const uint16_t *p) { vf r; LANES r.v[i] = half_to_float(p[i]); return r; }
INLINE void vf_store_f16(uint16_t *p, vf v) { LANES p[i] = float_to_half(v.v[i]); }
INLINE vf vf_load_i8(const int8_t *p) { vf r; LANES r.v[i] = (float)p[i]; return r; }
INLINE vf vf_load_u8(const uint8_t *p) { vf r; LANES r.v[i] = (float)p[i]; return r; }
INLINE void vf_store_i8(int8_t *p, vf v) { LANES p[i] = (int8_t)rintf(v.v[i]); }
INLINE vf vf_scale2(vf x, vf n) { LANES x.v[i] = ldexpf(x.v[i], (int)n.v[i]); return x; }
INLINE vf vf_where_greater(vf a, vf b, vf value, vf other) { LANES other.v[i] = a.v[i] > b.v[i] ? value.v[i] : other.v[i]; return other; }
INLINE vi vi_zero(void) { vi r; LANES r.v[i] = 0; return r; }
INLINE vi vi_set(int32_t x) { vi r; LANES r.v[i] = x; return r; }
INLINE vi vi_add(vi a, vi b) { LANES a.v[i] += b.v[i]; return a; }
INLINE vi vi_load(const int32_t *p) { vi r; memcpy(r.v, p, 64); return r; }
INLINE void vi_store(int32_t *p, vi v) { memcpy(p, v.v, 64); }
INLINE vi vi_scale(vi a, int32_t n) { LANES a.v[i] *= n; return a; }
INLINE vi vi_load_u8(const uint8_t *p) { vi r; LANES r.v[i] = p[i]; return r; }
INLINE vi vi_or_shift16(vi low, vi high) { LANES low.v[i] |= (int32_t)((uint32_t)high.v[i] << 16); return low; }
INLINE vb vb_load(const uint8_t *p) { vb r; memcpy(r.v, p, 64); return r; }
INLINE void vb_store(uint8_t *p, vb v) { memcpy(p, v.v, 64); }
INLINE vb vb_bits(vb v, int shift, int mask) { for (int i = 0; i < 64; i++) v.v[i] = (uint8_t)(v.v[i] >> shift & mask); return v; }
INLINE vb vb_or(vb a, vb b) { for (int i = 0; i < 64; i++) a.v[i] |= b.v[i]; return a; }
INLINE vb vb_shift_left(vb v, int shift) { for (int i = 0; i < 64; i++) v.v[i] = (uint8_t)(v.v[i] << shift); return v; }
INLINE vb vb_add_bits(vb v, const uint8_t *bits, int value) {
    for (int i = 0; i < 64; i++) v.v[i] = (uint8_t)(v.v[i] + ((bits[i / 8] >> (i % 8) & 1) ? value : 0));
    return v;
}
INLINE vi vi_dot(vi acc, vb w, const int8_t *a) {
    LANES acc.v[i] += w.v[4 * i] * a[0] + w.v[4 * i + 1] * a[1] + w.v[4 * i + 2] * a[2] + w.v[4 * i + 3] * a[3];
    return acc;
}
/// The reference has no narrower sums.
typedef vi vp;
INLINE vp vp_zero(void) { return vi_zero(); }
INLINE vp vp_dot(vb w, const int8_t *a) { return vi_dot(vi_zero(), w, a); }
INLINE vp vp_dot8(vb w, const int8_t *a) { return vp_dot(w, a); }
INLINE vp vp_add(vp x, vp y) { return vi_add(x, y); }
INLINE vi vi_add_pairs(vi acc, vp x) { return vi_add(acc, x); }
INLINE vi vi_dot16(vi acc, vi w, const int16_t *a) {
    LANES acc.v[i] += (int16_t)(w.v[i] & 0xffff) * a[0] + (int16_t)(w.v[i] >> 16) * a[1];
    return acc;
}
typedef struct { double v[16]; } vd;
INLINE vd vd_set(double x) { vd r; LANES r.v[i] = x; return r; }
INLINE vd vd_load(const double *p) { vd r; memcpy(r.v, p, 128); return r; }
INLINE void vd_store(double *p, vd v) { memcpy(p, v.v, 128); }
INLINE vd vd_add(vd a, vd b) { LANES a.v[i] += b.v[i]; return a; }
INLINE vd vd_sub(vd a, vd b) { LANES a.v[i] -= b.v[i]; return a; }
INLINE vd vd_mul(vd a, vd b) { LANES a.v[i] *= b.v[i]; return a; }
INLINE vd vd_from_f(vf x) { vd r; LANES r.v[i] = (double)x.v[i]; return r; }
INLINE vf vf_from_d(vd a) { vf r; LANES r.v[i] = (float)a.v[i]; return r; }
INLINE float vf_sum(vf v) { for (int s = 8; s; s /= 2) for (int i = 0; i < s; i++) v.v[i] += v.v[i + s]; return v.v[0]; }
INLINE float vf_maximum(vf v) { float m = v.v[0]; for (int i = 1; i < 16; i++) m = v.v[i] > m ? v.v[i] : m; return m; }
INLINE void prefetch(const void *p) { (void)p; }
INLINE void prefetch_second(const void *p) { (void)p; }
#endif
