#include "fma_peak.h"

#include "tconv/tconv.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tconv::tool {

namespace {

// Chains enough to cover a latency of four or five cycles on two units (SSE2: of a multiplication and an addition),
// and few enough to stay in registers beside the two constants. The factor below one keeps values from overflowing,
// the addend keeps them from becoming subnormal. Inlined into functions for one instruction set each, where the
// compiler makes one instruction of product and sum if there is one.
template<typename Number, int kBytes, int kChains>
[[gnu::always_inline]] inline double run_chains(int64_t steps) {
    typedef Number Vector [[gnu::vector_size(kBytes)]];
    const Vector factor = Vector{} + Number(0.75), addend = Vector{} + Number(0.5);
    Vector sums[kChains];
    for (int i = 0; i < kChains; i++)
        sums[i] = Vector{} + (static_cast<Number>(i) + Number(0.25));  // a chain that began at 2 would stay there
    for (int64_t step = 0; step < steps; step++) {
#pragma GCC unroll 24
        for (int i = 0; i < kChains; i++)
            sums[i] = sums[i] * factor + addend;
    }
    double total = 0;
    for (int i = 0; i < kChains; i++)
        total += static_cast<double>(sums[i][0]);
    return total;
}

template<typename Number, int kBytes, int kChains>
constexpr double kFlopsPerStep = 2.0 * kChains * kBytes / sizeof(Number);

#if defined(__x86_64__)

constexpr int kSse2Chains = 12, kAvx2Chains = 12, kAvx512Chains = 24;

template<typename Number>
double sse2_loop(int64_t steps) {
    return run_chains<Number, 16, kSse2Chains>(steps);
}

template<typename Number>
__attribute__((target("avx2,fma"))) double avx2_loop(int64_t steps) {
    return run_chains<Number, 32, kAvx2Chains>(steps);
}

template<typename Number>
__attribute__((target("avx512f"))) double avx512_loop(int64_t steps) {
    return run_chains<Number, 64, kAvx512Chains>(steps);
}

// Of pairs of zeros: what is multiplied makes no difference to the speed.
__attribute__((target("avx512bf16"))) double dot_loop(int64_t steps) {
    const __m512bh pairs = reinterpret_cast<__m512bh>(_mm512_setzero_si512());
    __m512 sums[kAvx512Chains] = {};
    for (int64_t step = 0; step < steps; step++) {
#pragma GCC unroll 24
        for (int i = 0; i < kAvx512Chains; i++) {
            asm volatile("" : "+v"(sums[i]));  // or one product of zeros would do for all
            sums[i] = _mm512_dpbf16_ps(sums[i], pairs, pairs);
        }
    }
    double total = 0;
    for (int i = 0; i < kAvx512Chains; i++)
        total += static_cast<double>(sums[i][0]);
    return total;
}
constexpr FmaLoop kDotLoop = {dot_loop, 2 * kFlopsPerStep<float, 64, kAvx512Chains>};

template<typename Number>
FmaLoop loop_of(Isa isa) {
    switch (isa) {
        case Isa::avx512:
        case Isa::avx512bf16:
            return {avx512_loop<Number>, kFlopsPerStep<Number, 64, kAvx512Chains>};
        case Isa::avx2:
            return {avx2_loop<Number>, kFlopsPerStep<Number, 32, kAvx2Chains>};
        default:
            return {sse2_loop<Number>, kFlopsPerStep<Number, 16, kSse2Chains>};
    }
}

#elif defined(__aarch64__)

template<typename Number>
FmaLoop loop_of(Isa) {
    return {run_chains<Number, 16, 24>, kFlopsPerStep<Number, 16, 24>};
}

#else
#error "fma_peak.cpp: no loop for this architecture"
#endif

}  // namespace

FmaLoop fma_loop(Isa isa, int32_t dtype) {
#if defined(__x86_64__)
    if (isa == Isa::avx512bf16 && dtype == TCONV_BF16)
        return kDotLoop;
#endif
    return dtype == TCONV_F64 ? loop_of<double>(isa) : loop_of<float>(isa);
}

}  // namespace tconv::tool
