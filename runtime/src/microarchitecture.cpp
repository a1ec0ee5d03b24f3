#include "microarchitecture.h"

#include <cstring>

#include "asked_once.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace tconv {

namespace {

constexpr const char *kGeneric = "generic";

struct Models {
    uint32_t first, last;
    const char *name;
};

// Models of family 6.
constexpr Models kIntel[] = {
    {0x3c, 0x3c, "haswell"},         {0x3f, 0x3f, "haswell"},        {0x45, 0x46, "haswell"},
    {0x3d, 0x3d, "broadwell"},       {0x47, 0x47, "broadwell"},      {0x4f, 0x4f, "broadwell"},
    {0x56, 0x56, "broadwell"},       {0x4e, 0x4e, "skylake"},        {0x5e, 0x5e, "skylake"},
    {0x8e, 0x8e, "skylake"},         {0x9e, 0x9e, "skylake"},        {0xa5, 0xa6, "skylake"},
    {0x55, 0x55, "skylake-avx512"},  // Cascade Lake and Cooper Lake too
    {0x6a, 0x6a, "icelake-server"},  {0x6c, 0x6c, "icelake-server"}, {0x7d, 0x7e, "icelake-client"},
    {0x8c, 0x8d, "tigerlake"},       {0xa7, 0xa7, "rocketlake"},     {0x97, 0x97, "alderlake"},
    {0x9a, 0x9a, "alderlake"},       {0xb7, 0xb7, "alderlake"},  // Raptor Lake
    {0xba, 0xba, "alderlake"},       {0xbf, 0xbf, "alderlake"},
    {0x8f, 0x8f, "sapphirerapids"},  {0xcf, 0xcf, "sapphirerapids"},  // Emerald Rapids
    {0xad, 0xae, "graniterapids"},
};

// Family and model as one number, 0xFFMM.
constexpr Models kAmd[] = {
    {0x1700, 0x172f, "znver1"}, {0x1730, 0x17ff, "znver2"}, {0x1900, 0x190f, "znver3"}, {0x1910, 0x191f, "znver4"},
    {0x1920, 0x195f, "znver3"}, {0x1960, 0x19af, "znver4"}, {0x1a00, 0x1aff, "znver5"},
};

// Parts of Arm itself (implementer 0x41).
constexpr Models kArm[] = {
    {0xd03, 0xd03, "cortex-a53"},  {0xd05, 0xd05, "cortex-a55"},  {0xd08, 0xd08, "cortex-a72"},
    {0xd0b, 0xd0b, "cortex-a76"},  {0xd0c, 0xd0c, "neoverse-n1"}, {0xd40, 0xd40, "neoverse-v1"},
    {0xd41, 0xd41, "cortex-a78"},  {0xd44, 0xd44, "cortex-x1"},   {0xd49, 0xd49, "neoverse-n2"},
    {0xd4f, 0xd4f, "neoverse-v2"},
};

template<size_t count>
const char *find(const Models (&models)[count], uint32_t model) {
    for (const Models &known : models) {
        if (model >= known.first && model <= known.last)
            return known.name;
    }
    return kGeneric;
}

}  // namespace

const char *x86_microarchitecture(const char *vendor, uint32_t signature) {
    uint32_t family = signature >> 8 & 0xf, model = signature >> 4 & 0xf;
    if (family == 6 || family == 15)
        model |= signature >> 12 & 0xf0;
    if (family == 15)
        family += signature >> 20 & 0xff;
    if (std::strcmp(vendor, "GenuineIntel") == 0)
        return family == 6 ? find(kIntel, model) : kGeneric;
    if (std::strcmp(vendor, "AuthenticAMD") == 0)
        return find(kAmd, family << 8 | model);
    return kGeneric;
}

const char *arm_microarchitecture(uint64_t midr) {
    return (midr >> 24 & 0xff) == 0x41 ? find(kArm, midr >> 4 & 0xfff) : kGeneric;
}

namespace {

const char *ask_processor() {
#if defined(__x86_64__) || defined(__i386__)
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx))
        return kGeneric;
    char vendor[13] = {};
    std::memcpy(vendor, &ebx, 4);
    std::memcpy(vendor + 4, &edx, 4);
    std::memcpy(vendor + 8, &ecx, 4);
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return kGeneric;
    return x86_microarchitecture(vendor, eax);
#elif defined(__aarch64__) && defined(__linux__)
    if ((getauxval(AT_HWCAP) & HWCAP_CPUID) == 0)  // without it, reading the register is an illegal instruction
        return kGeneric;
    uint64_t midr;
    __asm__("mrs %0, midr_el1" : "=r"(midr));
    return arm_microarchitecture(midr);
#else
    return kGeneric;
#endif
}

}  // namespace

const char *microarchitecture() {
    static AskedOnce<const char *> name;  // every plan wants it, to look for tuned rows (cpu_features.cpp)
    return name(ask_processor);
}

}  // namespace tconv
