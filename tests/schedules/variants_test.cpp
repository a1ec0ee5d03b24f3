// schedules/variants.csv is the one table of kernels: what it lists is what the library has, tiles fit the registers,
// and of the kernels in the library the plan never has to fall back on the unscheduled ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "random_spec.h"
#include "runner.h"

namespace {

using namespace tconv::testing;

std::vector<std::string> split(const std::string &text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);)
        parts.push_back(part);
    return parts;
}

struct Row {
    std::string dtype, family, lanes, isa;
    int tile_a, tile_m;
    std::string name() const {
        const std::string tile =
            family == "phase" ? "_" + lanes + std::to_string(tile_a) + "x" + std::to_string(tile_m) : "";
        return "tconv_" + dtype + "_" + family + tile + "_" + isa;
    }
};

std::vector<Row> table() {
    std::vector<Row> rows;
    std::ifstream file(TCONV_VARIANTS);
    std::string line;
    std::getline(file, line);
    EXPECT_EQ(line, "dtype,family,lanes,isa,tile_a,tile_m");
    while (std::getline(file, line)) {
        const std::vector<std::string> f = split(line, ',');
        EXPECT_EQ(f.size(), 6u) << line;
        rows.push_back({f.at(0), f.at(1), f.at(2), f.at(3), std::stoi(f.at(4)), std::stoi(f.at(5))});
    }
    return rows;
}

// An empty list of the build's selection means all.
bool selected(const std::string &list, const std::string &value) {
    const std::vector<std::string> values = split(list, ';');
    return values.empty() || std::count(values.begin(), values.end(), value) > 0;
}

bool of_this_architecture(const std::string &isa) {
#if defined(__aarch64__)
    return isa == "neon";
#else
    return isa != "neon";
#endif
}

int floats_of_vector(const std::string &isa) {
    return isa == "avx512" ? 16 : isa == "avx2" ? 8 : 4;
}

int vector_registers(const std::string &isa) {
    return isa == "avx512" || isa == "neon" ? 32 : 16;
}

TEST(Variants, TheLibraryHasTheTableInItsOrder) {
    std::vector<std::string> expected;
    for (const Row &row : table()) {
        if (of_this_architecture(row.isa) && selected(TCONV_BUILT_ISAS, row.isa) &&
            selected(TCONV_BUILT_DTYPES, row.dtype) && selected(TCONV_BUILT_FAMILIES, row.family))
            expected.push_back(row.name());
    }
    EXPECT_EQ(all_kernels(), expected);
    EXPECT_EQ(std::set<std::string>(expected.begin(), expected.end()).size(), expected.size()) << "names are distinct";
}

TEST(Variants, NamesSayWhatTheyAre) {
    for (const Row &row : table()) {
        KernelName name;
        ASSERT_TRUE(parse_kernel_name(row.name(), &name)) << row.name();
        EXPECT_EQ(name.dtype + name.family + name.lanes + name.isa, row.dtype + row.family + row.lanes + row.isa);
        EXPECT_EQ(name.tile_a * 1000 + name.tile_m, row.tile_a * 1000 + row.tile_m);
    }
}

// Accumulators of a tile live in registers over the whole reduction, with the operands of one step beside them: the
// weight vectors of all lanes and one pixel at least (channels), or the pixel vectors and one weight (pixels).
TEST(Variants, TilesFitTheRegisters) {
    for (const Row &row : table()) {
        if (row.family != "phase")
            continue;
        const bool pixels = row.lanes == "pixels";
        const int vector = floats_of_vector(row.isa), along = pixels ? row.tile_m : row.tile_a;
        EXPECT_EQ(along % vector, 0) << row.name() << ": vectors are whole";
        const int accumulators = row.tile_a * row.tile_m / vector;
        EXPECT_LT(accumulators, vector_registers(row.isa)) << row.name();
        if (row.isa == "avx512")
            EXPECT_GE(accumulators, 8) << row.name() << ": fewer cannot hide the latency of two FMA units";
    }
}

TEST(Variants, EveryInstructionSetHasWhatAnyLayerNeeds) {
    const std::vector<Row> rows = table();
    for (const char *isa : {"baseline", "avx2", "avx512", "neon"}) {
        for (const char *lanes : {"channels", "merged", "pixels", "depthwise"}) {
            EXPECT_TRUE(std::any_of(rows.begin(), rows.end(),
                                    [&](const Row &row) { return row.isa == isa && row.lanes == lanes; }))
                << isa << ' ' << lanes;
        }
    }
}

// No legal layer falls off a cliff into the definition with its zeros, and the best instruction set is used.
TEST(Variants, ThePlanPrefersScheduledKernelsOfTheBestInstructionSet) {
    const std::vector<std::string> usable = usable_kernels();
    std::set<std::string> isas;
    for (const std::string &name : usable) {
        KernelName kernel;
        ASSERT_TRUE(parse_kernel_name(name, &kernel));
        if (kernel.family == "phase")
            isas.insert(kernel.isa);
    }
    std::string best;
    for (const char *isa : {"baseline", "avx2", "avx512", "neon"})
        best = isas.count(isa) > 0 ? isa : best;
    if (best.empty())
        GTEST_SKIP() << "[SKIP] this build has no phase kernels";
    for (uint64_t i = 0; i < 3000; ++i) {
        Random random(seed_of_case(seed_from_environment(), 800000 + i));
        SpecLimits limits;
        limits.depthwise = random.chance(0.1);
        limits.largest_size = 300, limits.largest_kernel = 64, limits.largest_stride = 64;
        limits.largest_dilation = 20;
        limits.most_flops = 1e13, limits.most_outputs = 1000000000;
        const tconv_spec spec = random_legal_spec(random, limits);
        const Plan plan(spec);
        ASSERT_EQ(plan.status, TCONV_OK) << text_of(spec);
        KernelName kernel;
        ASSERT_TRUE(parse_kernel_name(tconv_plan_kernel(plan.get()), &kernel));
        ASSERT_EQ(kernel.family, "phase") << text_of(spec);
        ASSERT_EQ(kernel.isa, best) << text_of(spec);
    }
}

}  // namespace
