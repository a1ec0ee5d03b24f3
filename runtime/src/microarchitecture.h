// The processor's core by the name that LLVM's -mcpu has for it: tuned tables are keyed by it.
#pragma once

#include <cstdint>

namespace tconv {

// "znver4", "sapphirerapids", "neoverse-n1", ...; "generic" for a core that is not in the list. Processors whose cores are
// the same for these loops share a name, as Emerald Rapids does with Sapphire Rapids.
const char *microarchitecture();

// The decisions behind it, for any processor. `vendor` is CPUID's text of twelve characters; `signature` the eax of its leaf
// 1; `midr` the register MIDR_EL1.
const char *x86_microarchitecture(const char *vendor, uint32_t signature);
const char *arm_microarchitecture(uint64_t midr);

}  // namespace tconv
