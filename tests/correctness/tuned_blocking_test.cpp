// However a layer is cut into tasks, one kernel's results have the same bits: on random testing::reals(), where any other order of
// summation, or tiles that begin elsewhere, would show.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "blocking.h"
#include "random_spec.h"
#include "registry.h"
#include "runner.h"
#include "table_folder.h"

namespace tconv {
namespace {

using testing::Random;

Cut draw_cut(Random &random, const Blocking &rules) {
    const LayerParams &p = rules.params;
    const auto draw = [&](int32_t most) {
        return random.chance(0.25) ? 0 : static_cast<int32_t>(random.range(1, std::max(1, most)));
    };
    return {draw(p.end_h - p.first_h), draw(p.end_w - p.first_w), draw(std::min(p.lane_blocks, 8))};
}

constexpr uint64_t kLayers = 400, kMostLayers = 4000;

// Usable kernels that are not among these, but for gather, which has nothing to cut.
std::string names_but(const std::set<std::string> &cut_kernels) {
    static const std::vector<std::string> usable = testing::usable_kernels();
    std::string names;
    for (const std::string &name : usable) {
        if (kernel_by_name(name.c_str())->family != Family::gather && !cut_kernels.contains(name))
            names += " " + name;
    }
    return names;
}

TEST(TunedBlocking, DoesNotChangeBits) {
    testing::TableFolder folder;
    const uint64_t seed = testing::seed_from_environment();
    testing::Runner runner;
    std::set<std::string> cut_kernels;
    Message ignored(nullptr, 0);
    std::string missing = "all";
    // Few layers suit some kernels, and few of those cuts: more are drawn where those have not come up.
    for (uint64_t i = 0; i < kLayers || (!missing.empty() && i < kMostLayers); i++) {
        Random random(testing::seed_of_case(seed, i));
        testing::SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i), limits.most_flops = 2e6, limits.most_outputs = 40000;
        limits.winograd = random.chance(0.4), limits.depthwise = !limits.winograd && random.chance(0.2);
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        testing::Problem problem(spec, random.next(), testing::Placement::kDense, testing::reals());
        const std::string text = testing::text_of(spec), table = testing::table_of(testing::dtype_text(spec.dtype));
        for (const std::string &name : testing::kernels_for(spec)) {
            const Kernel &kernel = *kernel_by_name(name.c_str());
            Blocking rules, by_cut;
            ASSERT_EQ(block_layer(spec, Direction::output, kernel, &rules, ignored), TCONV_OK) << text << " " << name;
            const Cut cut = draw_cut(random, rules);
            if (!is_given(cut) || block_layer(spec, Direction::output, kernel, &by_cut, ignored, cut) != TCONV_OK)
                continue;
            SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " + text + " " + name);
            EXPECT_LE(by_cut.scratch_bytes, 2 << 20);
            folder.write(table, testing::table_text(""));
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            const std::vector<uint64_t> bits = problem.output.bits();
            folder.write(table, testing::table_text(testing::tuned_line(
                                    text, name, std::to_string(cut.block_h) + "," + std::to_string(cut.block_w) + "," +
                                                    std::to_string(cut.units))));
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            ASSERT_EQ(runner.log, "");
            ASSERT_EQ(problem.output.bits(), bits) << cut.block_h << " x " << cut.block_w << ", " << cut.units;
            cut_kernels.insert(name);
        }
        missing = names_but(cut_kernels);
    }
    EXPECT_EQ(missing, "") << "kernels that no case cut";
}

}  // namespace
}  // namespace tconv
