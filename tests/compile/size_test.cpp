// The promises of a compiled layer's library: it needs nothing but memset, memcpy and memmove, it defines only names
// with its own prefix, it keeps no data of its own, and it is small. Over the layers of bench/shapes/layers.csv: the
// core tier, or with TCONV_FULL all of them in both layouts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "compiled.h"
#include "object_file.h"

namespace tconv {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;
using testing::TemporaryFolder;

// Bytes of code and read-only data.
constexpr int64_t kSmall = 16 << 10, kDefault = 48 << 10;

bool full() {
    const char *const text = std::getenv("TCONV_FULL");
    return text != nullptr && *text != '\0';
}

struct Measured {
    int64_t bytes;
    std::string name;
};

// Every library in the folder keeps the promises; their sizes, largest first.
std::vector<Measured> check_libraries(const fs::path &folder, int64_t limit) {
    std::vector<Measured> measured;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() != ".a")
            continue;
        const std::string name = entry.path().stem().string().substr(3);  // without "lib"
        const testing::Library library = testing::read_elf_library(entry.path().string());
        for (const std::string &symbol : library.undefined)
            EXPECT_TRUE(symbol == "memset" || symbol == "memcpy" || symbol == "memmove") << name << " needs " << symbol;
        for (const std::string &symbol : library.defined)
            EXPECT_EQ(symbol.compare(0, name.size() + 1, name + "_"), 0) << name << " defines " << symbol;
        EXPECT_EQ(library.writable, 0) << name;
        EXPECT_LT(library.read_only, limit) << name;
        EXPECT_TRUE(fs::exists(folder / (name + ".h"))) << name;
        measured.push_back({library.read_only, name});
    }
    std::sort(measured.begin(), measured.end(),
              [](const Measured &a, const Measured &b) { return a.bytes > b.bytes; });
    return measured;
}

void report(const std::string &what, const std::vector<Measured> &measured) {
    std::printf("%s: %zu libraries, code and read-only data:", what.c_str(), measured.size());
    for (size_t i = 0; i < measured.size() && i < 3; ++i)
        std::printf("%s %s %lld bytes", i == 0 ? " largest" : ",", measured[i].name.c_str(),
                    static_cast<long long>(measured[i].bytes));
    std::printf("\n");
}

class Suite : public ::testing::TestWithParam<const char *> {};

TEST_P(Suite, IsSmallAndNeedsNothing) {
    const std::string optimize = GetParam();
    for (const std::string layout : {"nchw", "nhwc"}) {
        if (!full() && layout != "nchw")
            break;
        const TemporaryFolder folder;
        std::vector<std::string> arguments = {"--layers",   TCONV_LAYERS_CSV, "--layout", layout,
                                              "--optimize", optimize,         "--out",    folder.path().string()};
        if (!full())
            arguments.insert(arguments.end(), {"--tier", "core"});
        const Outcome compiled = testing::compile(arguments);
        ASSERT_EQ(compiled.status, 0) << compiled.err;
        const std::vector<Measured> measured = check_libraries(folder.path(), optimize == "size" ? kSmall : kDefault);
        EXPECT_EQ(measured.size(), full() ? 90u : 24u);
        report("--optimize " + optimize + ", " + layout, measured);
    }
}

INSTANTIATE_TEST_SUITE_P(Optimize, Suite, ::testing::Values("size", "speed"),
                         [](const auto &info) { return std::string(info.param); });

// One small layer of each kind, for which the plan picks kernels of different lanes.
constexpr const char *kShapes[] = {
    "n1_c48_h9_w7_o46_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw",    // channels
    "n1_c128_h6_w5_o6_k5x5_s2x2_p2,2,2,2_op1,1_d1x1_g2_f32_nhwc",    // merged
    "n1_c64_h6_w5_o3_k5x5_s2x2_p2,2,2,2_op1,1_d1x1_g1_f32_nhwc",     // products that are added up
    "n1_c8_h12_w130_o1_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw",   // pixels
    "n1_c32_h9_w9_o32_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g32_f32_nhwc",   // depthwise
    "n1_c6_h5_w5_o4_k3x2_s4x3_p0,1,2,0_op0,0_d3x2_g2_f32_nchw",      // groups, dilation, empty phases
};
constexpr const char *kActivations[] = {"",          "_relu", "_leaky_relu0.2", "_clip0,6",     "_sigmoid",
                                        "_tanh",     "_elu1", "_gelu",          "_gelu_tanh",   "_silu",
                                        "_hard_swish", "_hard_sigmoid", "_softplus", "_prelu", "_softmax",
                                        "_softmax_last"};
constexpr const char *kResiduals[] = {"", "_resbefore", "_resafter"};

// No activation calls libm, whatever the lanes. All pairs with TCONV_FULL, else each activation once.
TEST(EveryActivation, NeedsNothing) {
    const TemporaryFolder folder;
    std::vector<std::string> arguments = {"--threads", "hooks", "--out", folder.path().string()};
    size_t layers = 0;
    for (size_t s = 0; s < std::size(kShapes); ++s) {
        for (size_t a = 0; a < std::size(kActivations); ++a) {
            if (!full() && a % std::size(kShapes) != s)
                continue;
            const char *const residual = kResiduals[(s + a / std::size(kShapes)) % 3];
            arguments.insert(arguments.end(), {"--layer", std::string(kShapes[s]) + kActivations[a] + residual});
            ++layers;
        }
    }
    const Outcome compiled = testing::compile(arguments);
    ASSERT_EQ(compiled.status, 0) << compiled.err;
    for (const char *kind : {"_phase_channels", "_phase_merged", "_phase_pixels", "_phase_depthwise", "_overlap_"})
        EXPECT_NE(compiled.err.find(kind), std::string::npos)
            << "no layer here is compiled for " << kind << " any more; the test needs another shape";
    const std::vector<Measured> measured = check_libraries(folder.path(), kDefault);
    EXPECT_EQ(measured.size(), layers);
    report("every activation", measured);
}

}  // namespace
}  // namespace tconv
