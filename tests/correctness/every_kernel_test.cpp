// Random layers through every kernel this processor can run, and through the plan's own choice: on integer data the
// result must equal the oracle's bit for bit, rounded to the storage type. The element types take turns. TCONV_LAYERS
// sets how many layers, TCONV_SEED where they start.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "random_spec.h"
#include "runner.h"

#if !defined(TCONV_DEFAULT_LAYERS)
#define TCONV_DEFAULT_LAYERS 4000
#endif

namespace tconv {
namespace {

using testing::CaseKind;
using testing::KernelName;
using testing::Lot;
using testing::Placement;
using testing::Problem;
using testing::Random;
using testing::Runner;
using testing::SpecLimits;

constexpr int kEnough = 50, kEnoughOfAKind = 5;

struct Counts {
    int runs, ragged, strided_view, asymmetric;

    void add(const CaseKind &kind) {
        ++runs;
        ragged += kind.ragged;
        strided_view += kind.strided_view;
        asymmetric += kind.asymmetric;
    }
};

// One layer in five is depthwise, since only those reach the depthwise kernels, one in five such that Winograd's
// compute it, and one in ten such that woven ones do; one in ten is large enough to be cut into many tasks and channel blocks.
SpecLimits draw_limits(Random &random, uint64_t index) {
    SpecLimits limits;
    limits.dtype = testing::dtype_of_case(index);
    limits.exact_only = true;
    const int64_t kind = random.below(5);
    limits.depthwise = kind == 0, limits.winograd = kind == 1, limits.woven = kind == 2 && random.chance(0.5);
    limits.most_flops = random.chance(0.1) ? 20e6 : 1e6;
    limits.most_outputs = random.chance(0.1) ? 200000 : 20000;
    return limits;
}

class EveryKernel : public ::testing::Test {
protected:
    static uint64_t layers() {
        const char *const text = std::getenv("TCONV_LAYERS");
        return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 0) : TCONV_DEFAULT_LAYERS;
    }

    void run_layer(uint64_t seed, uint64_t index) {
        Random random(testing::seed_of_case(seed, index));
        const SpecLimits limits = draw_limits(random, index);
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        constexpr Placement kPlacements[] = {Placement::kDense, Placement::kOther, Placement::kSlice,
                                             Placement::kShuffled};
        const Placement placement = random.pick(kPlacements);
        const uint64_t data = random.next();
        const auto failed = [&](const std::string &kernel) {
            return "TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(index) + " " +
                   testing::text_of(spec) + " placement " + std::to_string(static_cast<int>(placement)) + " kernel " +
                   kernel;
        };
        std::vector<Lot> lots = testing::lots_and_choice_for(spec);
        for (const std::string &name : usable) {  // those too that may refuse it: if they do not, they are right
            if (testing::dtype_of(name) == spec.dtype && testing::may_refuse(parsed_names[name], spec))
                lots.front().kernels.push_back(name);
        }
        for (const Lot &lot : lots) {
            Problem problem(spec, data, placement, lot.rules);
            const std::vector<double> expected = problem.expected();
            for (const std::string &name : lot.kernels) {
                const tconv_status status = runner.run(problem, name);
                if (status == TCONV_UNSUPPORTED && !name.empty() && testing::may_refuse(parsed_names[name], spec))
                    continue;
                ASSERT_EQ(status, TCONV_OK) << failed(name) << '\n' << runner.log;
                ASSERT_EQ(problem.compare(expected), "") << failed(runner.kernel);
                if (name.empty())
                    ++chosen[runner.kernel];
                else
                    counts[name].add(testing::kind_of(parsed_names[name], spec, placement));
            }
        }
    }

    void SetUp() override {
        for (const std::string &name : usable)
            ASSERT_TRUE(testing::parse_kernel_name(name, &parsed_names[name])) << name;
    }

    const std::vector<std::string> usable = testing::usable_kernels();
    std::map<std::string, KernelName> parsed_names;
    std::map<std::string, Counts> counts;
    std::map<std::string, int> chosen;
    Runner runner;
};

TEST_F(EveryKernel, EqualsTheOracleBitForBit) {
    const uint64_t seed = testing::seed_from_environment(), count = layers();
    std::printf("TCONV_SEED=%llu TCONV_LAYERS=%llu, %zu of %d kernels run here\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(count), usable.size(),
                tconv_kernel_count());
    ASSERT_FALSE(usable.empty());
    for (uint64_t i = 0; i < count; ++i) {
        run_layer(seed, i);
        if (HasFatalFailure())
            return;
    }
    std::printf("%-44s %6s %6s %8s %10s %6s\n", "kernel", "runs", "ragged", "strided", "asymmetric", "chosen");
    for (const std::string &name : usable) {
        const Counts &n = counts[name];
        std::printf("%-44s %6d %6d %8d %10d %6d\n", name.c_str(), n.runs, n.ragged, n.strided_view, n.asymmetric,
                    chosen[name]);
        EXPECT_GE(n.runs, kEnough) << name;
        EXPECT_GE(n.ragged, kEnoughOfAKind) << name;
        EXPECT_GE(n.strided_view, kEnoughOfAKind) << name;
        EXPECT_GE(n.asymmetric, kEnoughOfAKind) << name;
    }
    // Rows of another instruction set are not run, and are not passed over in silence.
    for (const std::string &name : testing::all_kernels()) {
        if (parsed_names.count(name) == 0)
            std::printf("[SKIP] %s: not an instruction set of this processor\n", name.c_str());
    }
}

}  // namespace
}  // namespace tconv
