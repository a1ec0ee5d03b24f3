// Which name a processor's signature gets.
#include "microarchitecture.h"

#include <gtest/gtest.h>

#include <string>

namespace tconv {
namespace {

// CPUID's eax: family and model with their extensions, and a stepping that does not matter.
constexpr uint32_t signature(uint32_t family, uint32_t model) {
    const uint32_t base = family > 15 ? 15 : family;
    return (family - base) << 20 | (model >> 4) << 16 | base << 8 | (model & 15) << 4 | 5;
}

TEST(Microarchitecture, OfIntelAndAmd) {
    const struct {
        const char *vendor;
        uint32_t family, model;
        const char *name;
    } known[] = {
        {"GenuineIntel", 6, 0x3f, "haswell"},         {"GenuineIntel", 6, 0x9e, "skylake"},
        {"GenuineIntel", 6, 0x55, "skylake-avx512"},  {"GenuineIntel", 6, 0x6a, "icelake-server"},
        {"GenuineIntel", 6, 0x8f, "sapphirerapids"},  {"GenuineIntel", 6, 0xcf, "sapphirerapids"},
        {"GenuineIntel", 6, 0x01, "generic"},         {"GenuineIntel", 15, 4, "generic"},
        {"AuthenticAMD", 0x17, 0x01, "znver1"},       {"AuthenticAMD", 0x17, 0x31, "znver2"},
        {"AuthenticAMD", 0x19, 0x01, "znver3"},       {"AuthenticAMD", 0x19, 0x11, "znver4"},
        {"AuthenticAMD", 0x19, 0x21, "znver3"},       {"AuthenticAMD", 0x19, 0x61, "znver4"},
        {"AuthenticAMD", 0x19, 0xa0, "znver4"},       {"AuthenticAMD", 0x1a, 0x02, "znver5"},
        {"AuthenticAMD", 0x15, 0x10, "generic"},      {"CentaurHauls", 6, 0x3f, "generic"},
    };
    for (const auto &one : known)
        EXPECT_STREQ(x86_microarchitecture(one.vendor, signature(one.family, one.model)), one.name)
            << one.vendor << " " << one.family << " " << one.model;
}

TEST(Microarchitecture, OfArm) {
    EXPECT_STREQ(arm_microarchitecture(0x410fd0c0), "neoverse-n1");
    EXPECT_STREQ(arm_microarchitecture(0x411fd0b1), "cortex-a76");
    EXPECT_STREQ(arm_microarchitecture(0x410f0000), "generic");
    EXPECT_STREQ(arm_microarchitecture(0x61000d0c), "generic");  // another implementer's part of that number
}

// It becomes a column of a table.
TEST(Microarchitecture, OfThisProcessor) {
    const std::string name = microarchitecture();
    EXPECT_FALSE(name.empty());
    EXPECT_EQ(name.find_first_of(", \""), std::string::npos);
}

}  // namespace
}  // namespace tconv
