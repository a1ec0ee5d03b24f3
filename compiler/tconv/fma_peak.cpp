#include "fma_peak.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace tconv::tool {

namespace {

// Chains enough to cover a latency of four or five cycles on two units (SSE2: of a multiplication and an addition),
// and few enough to stay in registers beside the two constants. The factor below one keeps values from overflowing,
// the addend keeps them from becoming subnormal.
constexpr float kFactor = 0.75f, kAddend = 0.5f;

#if defined(__x86_64__)

float sse2_loop(int64_t steps) {
    constexpr int kChains = 12;
    const __m128 factor = _mm_set1_ps(kFactor), addend = _mm_set1_ps(kAddend);
    __m128 sums[kChains];
    for (int i = 0; i < kChains; i++)
        sums[i] = _mm_set1_ps(static_cast<float>(i));
    for (int64_t step = 0; step < steps; step++) {
#pragma GCC unroll 12
        for (int i = 0; i < kChains; i++)
            sums[i] = _mm_add_ps(_mm_mul_ps(sums[i], factor), addend);
    }
    for (int i = 1; i < kChains; i++)
        sums[0] = _mm_add_ps(sums[0], sums[i]);
    return _mm_cvtss_f32(sums[0]);
}

__attribute__((target("avx2,fma"))) float avx2_loop(int64_t steps) {
    constexpr int kChains = 12;
    const __m256 factor = _mm256_set1_ps(kFactor), addend = _mm256_set1_ps(kAddend);
    __m256 sums[kChains];
    for (int i = 0; i < kChains; i++)
        sums[i] = _mm256_set1_ps(static_cast<float>(i));
    for (int64_t step = 0; step < steps; step++) {
#pragma GCC unroll 12
        for (int i = 0; i < kChains; i++)
            sums[i] = _mm256_fmadd_ps(sums[i], factor, addend);
    }
    for (int i = 1; i < kChains; i++)
        sums[0] = _mm256_add_ps(sums[0], sums[i]);
    return _mm256_cvtss_f32(sums[0]);
}

__attribute__((target("avx512f"))) float avx512_loop(int64_t steps) {
    constexpr int kChains = 24;
    const __m512 factor = _mm512_set1_ps(kFactor), addend = _mm512_set1_ps(kAddend);
    __m512 sums[kChains];
    for (int i = 0; i < kChains; i++)
        sums[i] = _mm512_set1_ps(static_cast<float>(i));
    for (int64_t step = 0; step < steps; step++) {
#pragma GCC unroll 24
        for (int i = 0; i < kChains; i++)
            sums[i] = _mm512_fmadd_ps(sums[i], factor, addend);
    }
    for (int i = 1; i < kChains; i++)
        sums[0] = _mm512_add_ps(sums[0], sums[i]);
    return _mm512_cvtss_f32(sums[0]);
}

#elif defined(__aarch64__)

float neon_loop(int64_t steps) {
    constexpr int kChains = 24;
    const float32x4_t factor = vdupq_n_f32(kFactor), addend = vdupq_n_f32(kAddend);
    float32x4_t sums[kChains];
    for (int i = 0; i < kChains; i++)
        sums[i] = vdupq_n_f32(static_cast<float>(i));
    for (int64_t step = 0; step < steps; step++) {
#pragma GCC unroll 24
        for (int i = 0; i < kChains; i++)
            sums[i] = vfmaq_f32(sums[i], factor, addend);
    }
    for (int i = 1; i < kChains; i++)
        sums[0] = vaddq_f32(sums[0], sums[i]);
    return vgetq_lane_f32(sums[0], 0);
}

#endif

}  // namespace

FmaLoop fma_loop(Isa isa) {
#if defined(__x86_64__)
    switch (isa) {
        case Isa::avx512:
            return {avx512_loop, 2.0 * 16 * 24};
        case Isa::avx2:
            return {avx2_loop, 2.0 * 8 * 12};
        default:
            return {sse2_loop, 2.0 * 4 * 12};
    }
#elif defined(__aarch64__)
    (void)isa;
    return {neon_loop, 2.0 * 4 * 24};
#else
#error "fma_peak.cpp: no loop for this architecture"
#endif
}

}  // namespace tconv::tool
