// Vectors of one instruction set. Compiled once for each, with CADYQ_ISA and CADYQ_LANES defined.
//
// GCC's and Clang's vector extensions say portably all but the dot product of pairs of 16-bit
// numbers, which is what convolutions spend their time in; and x86's minimum and maximum, which GCC
// does not recognise.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(CADYQ_USE_AVX2) || defined(CADYQ_USE_AVXVNNI) || defined(CADYQ_USE_AVX512VNNI)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace CADYQ_ISA {

constexpr int L = CADYQ_LANES;  // 32-bit numbers in a vector

typedef int32_t Int __attribute__((vector_size(4 * CADYQ_LANES)));
typedef uint32_t Word __attribute__((vector_size(4 * CADYQ_LANES)));  // what wraps around
typedef float Float __attribute__((vector_size(4 * CADYQ_LANES)));
typedef float HalfFloat __attribute__((vector_size(2 * CADYQ_LANES)));
typedef double Double __attribute__((vector_size(4 * CADYQ_LANES)));    // L / 2 of them
typedef int16_t Short __attribute__((vector_size(4 * CADYQ_LANES)));    // 2 L of them
typedef int16_t HalfShort __attribute__((vector_size(2 * CADYQ_LANES)));  // L of them

template <typename V>
static inline V load(const void* from) {
    V v;
    memcpy(&v, from, sizeof v);
    return v;
}

template <typename V>
static inline void store(void* to, V v) {
    memcpy(to, &v, sizeof v);
}

static inline Word splat(uint32_t x) { return Word{} + x; }
static inline Float splat(float x) { return Float{} + x; }
static inline Double splat(double x) { return Double{} + x; }

// sums[i] += a[2i] * b[2i] + a[2i+1] * b[2i+1], modulo 2^32
static inline Word dot(Word sums, Short a, Short b) {
#if defined(CADYQ_USE_AVX512VNNI)
    return (Word)_mm512_dpwssd_epi32((__m512i)sums, (__m512i)a, (__m512i)b);
#elif defined(CADYQ_USE_AVXVNNI)
    return (Word)_mm256_dpwssd_avx_epi32((__m256i)sums, (__m256i)a, (__m256i)b);
#elif defined(CADYQ_USE_AVX2)
    return sums + (Word)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__aarch64__)
    const int32x4_t low = vmull_s16(vget_low_s16((int16x8_t)a), vget_low_s16((int16x8_t)b));
    const int32x4_t high = vmull_high_s16((int16x8_t)a, (int16x8_t)b);
    return sums + (Word)vpaddq_s32(low, high);
#else
    // Little-endian: the first of two numbers is the lower half of their 32 bits.
    const Int first_a = (Int)((Word)a << 16) >> 16, first_b = (Int)((Word)b << 16) >> 16;
    const Int second_a = (Int)a >> 16, second_b = (Int)b >> 16;
    return sums + (Word)(first_a * first_b) + (Word)(second_a * second_b);
#endif
}

static inline Float to_float(Int x) { return __builtin_convertvector(x, Float); }
static inline Float to_float(HalfShort x) { return __builtin_convertvector(x, Float); }
static inline Float to_float(Double low, Double high) {
    const HalfFloat halves[] = {__builtin_convertvector(low, HalfFloat),
                                __builtin_convertvector(high, HalfFloat)};
    return load<Float>(halves);
}

#if defined(CADYQ_USE_AVX512VNNI)
static inline Float lower(Float a, Float b) { return (Float)_mm512_min_ps((__m512)a, (__m512)b); }
static inline Float higher(Float a, Float b) { return (Float)_mm512_max_ps((__m512)a, (__m512)b); }
#elif defined(CADYQ_USE_AVX2) || defined(CADYQ_USE_AVXVNNI)
static inline Float lower(Float a, Float b) { return (Float)_mm256_min_ps((__m256)a, (__m256)b); }
static inline Float higher(Float a, Float b) { return (Float)_mm256_max_ps((__m256)a, (__m256)b); }
#else
static inline Float lower(Float a, Float b) { return a < b ? a : b; }
static inline Float higher(Float a, Float b) { return a > b ? a : b; }
#endif

// a * b + c, rounded once where the processor can.
static inline Float fused(Float a, Float b, Float c) {
#if defined(CADYQ_USE_AVX512VNNI)
    return (Float)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(CADYQ_USE_AVX2) || defined(CADYQ_USE_AVXVNNI)
    return (Float)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (Float)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

static inline Double fused(Double a, Double b, Double c) {
#if defined(CADYQ_USE_AVX512VNNI)
    return (Double)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(CADYQ_USE_AVX2) || defined(CADYQ_USE_AVXVNNI)
    return (Double)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    return a * b + c;
#endif
}

// Whole numbers nearest to x, ties to even; |x| < 2^22. Adding 1.5 * 2^23 leaves no fraction bits.
constexpr float kMagic = 12582912.0f;
static inline Float nearest(Float x) { return (x + kMagic) - kMagic; }

// x / y, where 1 / y is known. Division takes about as long as ten products, but two fused ones take
// off what the product with the reciprocal is wrong by (Markstein's theorem).
static inline Float quotient(Float x, Float y, Float reciprocal) {
#if defined(CADYQ_USE_AVX512VNNI) || defined(CADYQ_USE_AVX2) || defined(CADYQ_USE_AVXVNNI)
    const Float near = x * reciprocal;
    return fused(fused(-near, y, x), reciprocal, near);
#else
    return x / y;
#endif
}

}  // namespace CADYQ_ISA
