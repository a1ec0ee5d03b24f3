// Which kernels this processor can run, lowered on request by TCONV_ISA.
#pragma once

#include <cstdint>

#include "message.h"
#include "tconv/tconv.h"

namespace tconv {

// The instruction sets that kernels are compiled for, by rank within one architecture.
enum class Isa : int32_t {
    baseline = 0,  // x86-64: SSE2
    avx2 = 1,      // Haswell: AVX2, FMA, F16C, BMI1/2, LZCNT, MOVBE, POPCNT
    avx512 = 2,    // Skylake server: the above and AVX-512 F, CD, BW, DQ, VL
    // Zen 4, Sapphire Rapids: the above and AVX-512 IFMA, VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ and BF16. Its only kernels
    // are those that multiply pairs of bfloat16; they compete with the ones for avx512.
    avx512bf16 = 3,
    neon = 4,  // arm-64; there TCONV_ISA=baseline means neon as well
};
constexpr int kIsaCount = 5;

const char *isa_name(Isa isa);
bool isa_from_name(const char *name, Isa *isa);

// Whether a kernel for `kernel` may run where `best` is the highest usable instruction set.
bool isa_runs(Isa kernel, Isa best);

// The lowest instruction set whose vectors are as long: what tuned tables are named after.
Isa least_with_vectors_of(Isa isa);
// Whether the kernels of both have vectors of the same length: then estimates decide between them.
bool same_vectors(Isa a, Isa b);

// What the processor and its operating system support.
Isa detected_isa();

// detected_isa lowered by the environment's TCONV_ISA. INVALID_ARGUMENT, with the names that this
// architecture knows, for any other value; unset and empty mean no limit.
tconv_status usable_isa(Isa *isa, Message &message);

// The rule behind usable_isa, for a given value (may be NULL) of TCONV_ISA.
tconv_status limited_isa(Isa detected, const char *limit, Isa *isa, Message &message);

// The registers that decide on x86, and the decision, apart so that every case can be checked on any machine.
// A kernel needs the instructions (CPUID) and registers that the operating system saves (XCR0): a virtual
// machine or a kernel booted with AVX-512 masked reports the first without the second.
struct X86Registers {
    uint32_t leaf1_ecx, leaf7_ebx, extended1_ecx;
    uint64_t xcr0;
    uint32_t leaf7_ecx, leaf7_1_eax;
    uint32_t vendor;  // leaf 0 ebx
};
Isa isa_of(const X86Registers &registers);

// Vector multiply-adds in float32 that this processor computes in the time of one dot product of bfloat16 pairs, which
// is two multiplications a lane: below 2 such products pay.
int fmas_per_dot();
int fmas_per_dot_of(const X86Registers &registers);

}  // namespace tconv
