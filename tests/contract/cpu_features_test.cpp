// Which instruction set is chosen from the processor's registers, and how TCONV_ISA lowers it.
#include "cpu_features.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "emulated.h"

namespace tconv {
namespace {

constexpr uint32_t bit(int n) {
    return uint32_t{1} << n;
}

// A Skylake server that saves every register.
X86Registers skylake() {
    return {bit(12) | bit(22) | bit(23) | bit(27) | bit(28) | bit(29),
            bit(3) | bit(5) | bit(8) | bit(16) | bit(17) | bit(28) | bit(30) | bit(31),
            bit(5),
            0xe7,
            0,
            0,
            0};
}

constexpr uint32_t kAuthenticAmd = 0x68747541, kGenuineIntel = 0x756e6547;  // leaf 0 ebx

X86Registers zen4() {
    X86Registers r = skylake();
    r.leaf7_ebx |= bit(21);
    r.leaf7_ecx = bit(1) | bit(6) | bit(11) | bit(12) | bit(14);
    r.leaf7_1_eax = bit(5);
    r.vendor = kAuthenticAmd;
    return r;
}

TEST(CpuFeatures, EachInstructionAndRegisterIsNeeded) {
    EXPECT_EQ(isa_of(skylake()), Isa::avx512);
    EXPECT_EQ(isa_of({}), Isa::baseline);
    for (const int missing : {12, 22, 23, 27, 28, 29}) {
        X86Registers r = skylake();
        r.leaf1_ecx &= ~bit(missing);
        EXPECT_EQ(isa_of(r), Isa::baseline) << "leaf 1 bit " << missing;
    }
    for (const int missing : {3, 5, 8}) {
        X86Registers r = skylake();
        r.leaf7_ebx &= ~bit(missing);
        EXPECT_EQ(isa_of(r), Isa::baseline) << "leaf 7 bit " << missing;
    }
    for (const int missing : {16, 17, 28, 30, 31}) {
        X86Registers r = skylake();
        r.leaf7_ebx &= ~bit(missing);
        EXPECT_EQ(isa_of(r), Isa::avx2) << "leaf 7 bit " << missing;
    }
    X86Registers r = skylake();
    r.extended1_ecx = 0;
    EXPECT_EQ(isa_of(r), Isa::baseline);
    for (const int unsaved : {5, 6, 7}) {  // AVX-512 in CPUID, masked by the operating system
        r = skylake();
        r.xcr0 &= ~uint64_t{bit(unsaved)};
        EXPECT_EQ(isa_of(r), Isa::avx2) << "XCR0 bit " << unsaved;
    }
    for (const int unsaved : {1, 2}) {
        r = skylake();
        r.xcr0 &= ~uint64_t{bit(unsaved)};
        EXPECT_EQ(isa_of(r), Isa::baseline) << "XCR0 bit " << unsaved;
    }
    EXPECT_EQ(isa_of(zen4()), Isa::avx512bf16);
    r = zen4();
    r.leaf7_ebx &= ~bit(21);
    EXPECT_EQ(isa_of(r), Isa::avx512);
    for (const int missing : {1, 6, 11, 12, 14}) {
        r = zen4();
        r.leaf7_ecx &= ~bit(missing);
        EXPECT_EQ(isa_of(r), Isa::avx512) << "leaf 7 ecx bit " << missing;
    }
    r = zen4();
    r.leaf7_1_eax = 0;
    EXPECT_EQ(isa_of(r), Isa::avx512);
    r = zen4();
    r.xcr0 &= ~uint64_t{bit(7)};
    EXPECT_EQ(isa_of(r), Isa::avx2);
}

TEST(CpuFeatures, DotProductsPayOnAmd) {
    X86Registers r = zen4();
    EXPECT_EQ(fmas_per_dot_of(r), 1);
    r.vendor = kGenuineIntel;
    EXPECT_EQ(fmas_per_dot_of(r), 4);
}

TEST(CpuFeatures, OnlyAvx512HasVectorsOfOneLengthTwice) {
    for (int a = 0; a < kIsaCount; ++a) {
        for (int b = 0; b < kIsaCount; ++b) {
            const Isa of_a = static_cast<Isa>(a), of_b = static_cast<Isa>(b);
            const auto avx512 = [](Isa isa) { return isa == Isa::avx512 || isa == Isa::avx512bf16; };
            EXPECT_EQ(same_vectors(of_a, of_b), a == b || (avx512(of_a) && avx512(of_b)));
        }
    }
}

TEST(CpuFeatures, NamesRoundTrip) {
    std::set<std::string> names;
    for (int i = 0; i < kIsaCount; ++i) {
        const Isa isa = static_cast<Isa>(i);
        Isa back;
        ASSERT_TRUE(isa_from_name(isa_name(isa), &back));
        EXPECT_EQ(back, isa);
        EXPECT_TRUE(names.insert(isa_name(isa)).second);
    }
    Isa unused;
    EXPECT_FALSE(isa_from_name("AVX2", &unused));
    EXPECT_FALSE(isa_from_name("", &unused));
}

TEST(CpuFeatures, WhichKernelsRunWhere) {
    const bool runs[kIsaCount][kIsaCount] = {// best: baseline, avx2, avx512, avx512bf16, neon
                                             {true, true, true, true, true},       // kernel baseline
                                             {false, true, true, true, false},     // avx2
                                             {false, false, true, true, false},    // avx512
                                             {false, false, false, true, false},   // avx512bf16
                                             {false, false, false, false, true}};  // neon
    for (int kernel = 0; kernel < kIsaCount; ++kernel) {
        for (int best = 0; best < kIsaCount; ++best) {
            EXPECT_EQ(isa_runs(static_cast<Isa>(kernel), static_cast<Isa>(best)), runs[kernel][best])
                << isa_name(static_cast<Isa>(kernel)) << " on " << isa_name(static_cast<Isa>(best));
        }
    }
}

Isa limited(Isa detected, const char *limit) {
    Isa isa = Isa::neon;
    char text[200];
    Message message(text, sizeof text);
    EXPECT_EQ(limited_isa(detected, limit, &isa, message), TCONV_OK) << text;
    return isa;
}

TEST(CpuFeatures, TheEnvironmentOnlyLowers) {
    EXPECT_EQ(limited(Isa::baseline, nullptr), Isa::baseline);
    EXPECT_EQ(limited(Isa::baseline, ""), Isa::baseline);
#if defined(__x86_64__)
    EXPECT_EQ(limited(Isa::avx512, nullptr), Isa::avx512);
    EXPECT_EQ(limited(Isa::avx512, "avx512"), Isa::avx512);
    EXPECT_EQ(limited(Isa::avx512, "avx2"), Isa::avx2);
    EXPECT_EQ(limited(Isa::avx512, "baseline"), Isa::baseline);
    EXPECT_EQ(limited(Isa::avx512bf16, nullptr), Isa::avx512bf16);
    EXPECT_EQ(limited(Isa::avx512bf16, "avx512"), Isa::avx512);
    EXPECT_EQ(limited(Isa::avx512, "avx512bf16"), Isa::avx512);
    EXPECT_EQ(limited(Isa::avx2, "avx512"), Isa::avx2);
    EXPECT_EQ(limited(Isa::baseline, "avx512"), Isa::baseline);
#elif defined(__aarch64__)
    EXPECT_EQ(limited(Isa::neon, "neon"), Isa::neon);
    EXPECT_EQ(limited(Isa::neon, "baseline"), Isa::neon);
#endif
}

TEST(CpuFeatures, UnknownValuesAreErrorsThatListTheKnown) {
#if defined(__x86_64__)
    const char *const foreign = "neon";
#else
    const char *const foreign = "avx2";
#endif
    for (const char *limit : {"avx", "AVX2", " avx2", "avx2,", "sse2", "none", foreign}) {
        char text[200];
        Message message(text, sizeof text);
        Isa isa;
        EXPECT_EQ(limited_isa(Isa::baseline, limit, &isa, message), TCONV_INVALID_ARGUMENT) << limit;
        EXPECT_NE(std::string(text).find(std::string("TCONV_ISA is '") + limit + "'"), std::string::npos) << text;
        EXPECT_NE(std::string(text).find("allowed here: baseline"), std::string::npos) << text;
    }
}

class Environment {  // sets TCONV_ISA for one scope
public:
    explicit Environment(const char *value) {
        const char *const now = std::getenv("TCONV_ISA");
        was_set_ = now != nullptr;
        if (was_set_)
            before_ = now;
        setenv("TCONV_ISA", value, 1);
    }
    ~Environment() { was_set_ ? setenv("TCONV_ISA", before_.c_str(), 1) : unsetenv("TCONV_ISA"); }

private:
    bool was_set_;
    std::string before_;
};

TEST(CpuFeatures, UsableIsaReadsTheEnvironmentEachTime) {
    Message message(nullptr, 0);
    Isa isa;
    {
        const Environment environment("baseline");
        ASSERT_EQ(usable_isa(&isa, message), TCONV_OK);
        EXPECT_EQ(isa, detected_isa() == Isa::neon ? Isa::neon : Isa::baseline);
    }
    {
        const Environment environment("quantum");
        EXPECT_EQ(usable_isa(&isa, message), TCONV_INVALID_ARGUMENT);
    }
    {
        const Environment environment("");
        ASSERT_EQ(usable_isa(&isa, message), TCONV_OK);
        EXPECT_EQ(isa, detected_isa());
    }
}

TEST(CpuFeatures, AgreesWithTheKernelOfThisMachine) {
    std::ifstream file("/proc/cpuinfo");
    std::string line, flags;
    while (std::getline(file, line) && flags.empty()) {
        if (line.rfind("flags", 0) == 0)
            flags = line;
    }
    if (flags.empty() || testing::emulated())
        GTEST_SKIP() << "[SKIP] /proc/cpuinfo has no flags here, or an emulator's host's";
    std::set<std::string> words;
    std::istringstream stream(flags);
    for (std::string word; stream >> word;)
        words.insert(word);
    const auto all = [&](std::initializer_list<const char *> names) {
        for (const char *name : names) {
            if (words.count(name) == 0)
                return false;
        }
        return true;
    };
    const bool haswell = all({"avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "abm", "movbe", "popcnt"});
    const bool skylake = haswell && all({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"});
    const bool zen4 = skylake && all({"avx512ifma", "avx512vbmi", "avx512_vbmi2", "avx512_vnni", "avx512_bitalg",
                                      "avx512_vpopcntdq", "avx512_bf16"});
    EXPECT_EQ(detected_isa(), zen4 ? Isa::avx512bf16 : skylake ? Isa::avx512 : haswell ? Isa::avx2 : Isa::baseline);
}

}  // namespace
}  // namespace tconv
