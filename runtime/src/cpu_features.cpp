#include "cpu_features.h"

#include <cstdlib>
#include <cstring>

#include "asked_once.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#define TCONV_ON_X86 1
#endif

namespace tconv {
namespace {

constexpr const char *kNames[kIsaCount] = {"baseline", "avx2", "avx512", "avx512bf16", "neon"};

#if defined(__aarch64__)
constexpr Isa kBest = Isa::neon, kLowest = Isa::neon;  // every arm-64 processor has it
constexpr bool kKnown[kIsaCount] = {true, false, false, false, true};
constexpr const char *kKnownNames = "baseline, neon";
#elif defined(TCONV_ON_X86)
constexpr Isa kLowest = Isa::baseline;
constexpr bool kKnown[kIsaCount] = {true, true, true, true, false};
constexpr const char *kKnownNames = "baseline, avx2, avx512, avx512bf16";
#else
constexpr Isa kBest = Isa::baseline, kLowest = Isa::baseline;
constexpr bool kKnown[kIsaCount] = {true, false, false, false, false};
constexpr const char *kKnownNames = "baseline";
#endif

constexpr uint32_t bit(int n) {
    return uint32_t{1} << n;
}

#if defined(TCONV_ON_X86)
X86Registers read_registers() {
    X86Registers registers = {};
    unsigned eax, ebx, ecx, edx;
    if (__get_cpuid(0, &eax, &ebx, &ecx, &edx))
        registers.vendor = ebx;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        registers.leaf1_ecx = ecx;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        const bool has_subleaf_1 = eax >= 1;
        registers.leaf7_ebx = ebx;
        registers.leaf7_ecx = ecx;
        if (has_subleaf_1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx))
            registers.leaf7_1_eax = eax;
    }
    if (__get_cpuid(0x80000001u, &eax, &ebx, &ecx, &edx))
        registers.extended1_ecx = ecx;
    if (registers.leaf1_ecx & bit(27)) {  // OSXSAVE: without it, reading XCR0 is an illegal instruction
        uint32_t low, high;
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        registers.xcr0 = (static_cast<uint64_t>(high) << 32) | low;
    }
    return registers;
}
#endif

}  // namespace

const char *isa_name(Isa isa) {
    return kNames[static_cast<int>(isa)];
}

bool isa_from_name(const char *name, Isa *isa) {
    for (int i = 0; i < kIsaCount; ++i) {
        if (std::strcmp(name, kNames[i]) == 0) {
            *isa = static_cast<Isa>(i);
            return true;
        }
    }
    return false;
}

bool isa_runs(Isa kernel, Isa best) {
    // neon outranks baseline numerically, and no x86 set runs where neon is the best, nor the other way
    // round.
    if (kernel == Isa::baseline)
        return true;
    if (kernel == Isa::neon || best == Isa::neon)
        return kernel == best;
    return kernel <= best;
}

Isa least_with_vectors_of(Isa isa) {
    return isa == Isa::avx512bf16 ? Isa::avx512 : isa;
}

bool same_vectors(Isa a, Isa b) {
    return least_with_vectors_of(a) == least_with_vectors_of(b);
}

Isa isa_of(const X86Registers &r) {
    // Leaf 1 ecx: FMA 12, MOVBE 22, POPCNT 23, OSXSAVE 27, AVX 28, F16C 29.
    constexpr uint32_t kLeaf1 = bit(12) | bit(22) | bit(23) | bit(27) | bit(28) | bit(29);
    // Leaf 7 ebx: BMI1 3, AVX2 5, BMI2 8; AVX-512 F 16, DQ 17, CD 28, BW 30, VL 31.
    constexpr uint32_t kHaswell7 = bit(3) | bit(5) | bit(8);
    constexpr uint32_t kSkylake7 = bit(16) | bit(17) | bit(28) | bit(30) | bit(31);
    // IFMA 21; leaf 7 ecx: VBMI 1, VBMI2 6, VNNI 11, BITALG 12, VPOPCNTDQ 14; leaf 7.1 eax: BF16 5.
    constexpr uint32_t kZen4 = bit(21), kZen4Leaf7Ecx = bit(1) | bit(6) | bit(11) | bit(12) | bit(14), kBf16 = bit(5);
    constexpr uint32_t kLzcnt = bit(5);
    // XCR0: SSE 1, AVX 2; opmask 5, upper halves of zmm0-15 6, zmm16-31 7.
    constexpr uint64_t kYmm = bit(1) | bit(2), kZmm = bit(5) | bit(6) | bit(7);
    const bool haswell = (r.leaf1_ecx & kLeaf1) == kLeaf1 && (r.leaf7_ebx & kHaswell7) == kHaswell7 &&
                         (r.extended1_ecx & kLzcnt) == kLzcnt && (r.xcr0 & kYmm) == kYmm;
    if (!haswell)
        return Isa::baseline;
    const bool skylake = (r.leaf7_ebx & kSkylake7) == kSkylake7 && (r.xcr0 & kZmm) == kZmm;
    if (!skylake)
        return Isa::avx2;
    const bool zen4 = (r.leaf7_ebx & kZen4) == kZen4 && (r.leaf7_ecx & kZen4Leaf7Ecx) == kZen4Leaf7Ecx &&
                      (r.leaf7_1_eax & kBf16) == kBf16;
    return zen4 ? Isa::avx512bf16 : Isa::avx512;
}

// Measured: on Zen 4 a product of matrices by vdpbf16ps ran at 234 GFLOP/s, one of floats at 116. On Emerald Rapids 1.34
// billion dot products of 16 pairs a second, from registers and independent, against 5.48 billion multiply-adds of 16
// floats; other processors of Intel have not been seen.
int fmas_per_dot_of(const X86Registers &r) {
    constexpr uint32_t kAuthenticAmd = 0x68747541;  // "Auth"
    return r.vendor == kAuthenticAmd ? 1 : 4;
}

// Every plan asks for both, and in a virtual machine each CPUID leaves it for the hypervisor: on one, a plan took 1.3 ms,
// three quarters of it for this.
int fmas_per_dot() {
#if defined(TCONV_ON_X86)
    static AskedOnce<int> fmas;
    return fmas([] { return fmas_per_dot_of(read_registers()); });
#else
    return 1;
#endif
}

Isa detected_isa() {
#if defined(TCONV_ON_X86)
    static AskedOnce<Isa> isa;
    return isa([] { return isa_of(read_registers()); });
#else
    return kBest;
#endif
}

tconv_status limited_isa(Isa detected, const char *limit, Isa *isa, Message &message) {
    *isa = detected;
    if (limit == nullptr || *limit == '\0')
        return TCONV_OK;
    Isa asked;
    if (!isa_from_name(limit, &asked) || !kKnown[static_cast<int>(asked)]) {
        return message.fail(TCONV_INVALID_ARGUMENT, "TCONV_ISA is '%.32s'; allowed here: %s", limit, kKnownNames);
    }
    if (asked == Isa::baseline) {
        asked = kLowest;  // the word means the least that this architecture has
    }
    if (asked < detected)
        *isa = asked;
    return TCONV_OK;
}

tconv_status usable_isa(Isa *isa, Message &message) {
    return limited_isa(detected_isa(), std::getenv("TCONV_ISA"), isa, message);
}

}  // namespace tconv
