// How much workspace plans ask for: one padded image of the input, and little a thread.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "random_spec.h"
#include "reference.h"
#include "runner.h"

namespace {

using namespace tconv::testing;

constexpr double kMiB = 1 << 20;

// The workspace holds numbers of the arithmetic.
double arithmetic_bytes(const tconv_spec &spec) {
    return tconv::element_type(tconv::arithmetic_of(spec.dtype)).bytes;
}

// One image of the input with the border that its kernel reaches into, and with what fills the last tile of a row:
// channels for a depthwise kernel, for one of pixels a vector's columns and the cache lines that keep channels apart.
double padded_image_bytes(const tconv_spec &s, const std::string &kernel) {
    KernelName name;
    EXPECT_TRUE(parse_kernel_name(kernel, &name)) << kernel;
    const double tile = name.lanes == "depthwise" ? name.tile_a : 1;
    const double channels = std::ceil(s.in_channels / tile) * tile;
    const double rows = s.in_h + 2.0 * ((s.kernel_h - 1.0) * s.dilation_h / s.stride_h + 1);
    const double line = 64 / arithmetic_bytes(s);
    const double filling = name.lanes == "pixels" ? std::max(16.0, line) + 3 * line : 0;
    const double columns = s.in_w + 2.0 * ((s.kernel_w - 1.0) * s.dilation_w / s.stride_w + 1) + filling;
    return arithmetic_bytes(s) * channels * rows * columns;
}

double workspace_of(const tconv_spec &spec, const std::string &kernel, int32_t threads) {
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.parallel_for = [](void *, int32_t, int (*)(void *, int32_t), void *) { return 0; };
    hooks.concurrency = threads;
    const Plan plan(spec, kernel, &hooks);
    EXPECT_EQ(plan.status, TCONV_OK) << text_of(spec) << ' ' << kernel;
    return static_cast<double>(plan.needs.workspace_bytes);
}

// The rows of bench/shapes/layers.csv as specs.
std::map<std::string, tconv_spec> suite() {
    std::map<std::string, tconv_spec> layers;
    std::ifstream file(TCONV_SUITE);
    std::string line;
    const auto fields_of = [](const std::string &text) {
        std::vector<std::string> fields;
        std::istringstream stream(text);
        for (std::string field; std::getline(stream, field, ',');)
            fields.push_back(field);
        return fields;
    };
    std::getline(file, line);
    const std::vector<std::string> names = fields_of(line);
    const std::pair<const char *, int32_t tconv_spec::*> kColumns[] = {
        {"N", &tconv_spec::batch},
        {"C_in", &tconv_spec::in_channels},
        {"H_in", &tconv_spec::in_h},
        {"W_in", &tconv_spec::in_w},
        {"C_out", &tconv_spec::out_channels},
        {"kH", &tconv_spec::kernel_h},
        {"kW", &tconv_spec::kernel_w},
        {"stride_h", &tconv_spec::stride_h},
        {"stride_w", &tconv_spec::stride_w},
        {"pad_top", &tconv_spec::pad_top},
        {"pad_left", &tconv_spec::pad_left},
        {"pad_bottom", &tconv_spec::pad_bottom},
        {"pad_right", &tconv_spec::pad_right},
        {"out_pad_h", &tconv_spec::output_padding_h},
        {"out_pad_w", &tconv_spec::output_padding_w},
        {"dil_h", &tconv_spec::dilation_h},
        {"dil_w", &tconv_spec::dilation_w},
        {"groups", &tconv_spec::groups},
        {"bias", &tconv_spec::has_bias}};
    while (std::getline(file, line)) {
        const std::vector<std::string> fields = fields_of(line);
        tconv_spec spec;
        tconv_spec_init(&spec, sizeof spec);
        for (const auto &[name, member] : kColumns) {
            const auto column = std::find(names.begin(), names.end(), name) - names.begin();
            spec.*member = std::atoi(fields.at(static_cast<size_t>(column)).c_str());
        }
        layers[fields[0]] = spec;
    }
    return layers;
}

class Suite : public ::testing::TestWithParam<int32_t> {};
INSTANTIATE_TEST_SUITE_P(Types, Suite, ::testing::ValuesIn(dtypes()), dtype_test_name);

TEST_P(Suite, EveryLayersWorkspaceIsBelowTwoMebibytesAThread) {
    const std::map<std::string, tconv_spec> layers = suite();
    ASSERT_EQ(layers.size(), 90u);
    double most = 0;
    std::string where;
    for (const auto &[id, row] : layers) {
        for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
            tconv_spec spec = row;
            spec.layout = layout, spec.dtype = GetParam();
            for (const int32_t threads : {1, 16}) {
                const double bytes = workspace_of(spec, "", threads) / threads;
                EXPECT_LE(bytes, 2 * kMiB) << id;
                if (bytes > most)
                    most = bytes, where = id;
            }
            for (const std::string &kernel : kernels_for(spec)) {
                for (const int32_t threads : {1, 16}) {
                    EXPECT_LE(workspace_of(spec, kernel, threads), padded_image_bytes(spec, kernel) + threads * 2 * kMiB)
                        << id << ' ' << kernel << ", threads " << threads;
                }
            }
        }
    }
    std::printf("most: %.2f MiB a thread, %s\n", most / kMiB, where.c_str());
}

// Sums have a place for each phase of a row, so that kernels of many lanes leave the steepest strides to others.
TEST(Workspace, OfSteepStridesIsBounded) {
    int refused = 0;
    for (const int32_t dtype : dtypes()) {
        for (const int32_t stride : {1 << 13, 1 << 16, 1 << 18}) {
            for (const char *rest : {"_nchw_strict", "_nhwc"}) {
                for (const int32_t taps : {3, stride}) {
                    tconv_spec spec = layer("n1_c3_h1_w2_o5_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32" + std::string(rest), dtype);
                    spec.kernel_w = taps, spec.stride_w = stride;
                    for (const std::string &kernel : all_kernels()) {
                        if (dtype_of(kernel) != dtype)
                            continue;
                        const Plan plan(spec, kernel);
                        refused += plan.status == TCONV_UNSUPPORTED;
                        if (plan.status != TCONV_OK)
                            continue;
                        ASSERT_LE(static_cast<double>(plan.needs.workspace_bytes), padded_image_bytes(spec, kernel) + 2 * kMiB)
                            << text_of(spec) << ' ' << kernel;
                    }
                    if (has_gather()) {
                        ASSERT_EQ(Plan(spec).status, TCONV_OK) << text_of(spec);
                    }
                }
            }
        }
    }
    EXPECT_GT(refused, 0);
}

TEST(Workspace, OfRandomLayersIsBounded) {
    for (uint64_t i = 0; i < 3000; ++i) {
        Random random(seed_of_case(seed_from_environment(), 700000 + i));
        SpecLimits limits;
        limits.dtype = dtype_of_case(i);
        const int64_t kind = random.below(10);
        limits.depthwise = kind == 0, limits.winograd = kind == 1;
        limits.largest_size = 500, limits.largest_kernel = 40, limits.largest_stride = 20;
        limits.largest_dilation = 12;
        limits.most_flops = 1e12, limits.most_outputs = 1000000000;
        const tconv_spec spec = random_legal_spec(random, limits);
        const auto threads = static_cast<int32_t>(random.range(2, 64));
        for (const std::string &kernel : kernels_for(spec)) {
            // Softmax keeps what it normalises: all channels of a pixel, or a row of a lane block.
            const double kept = spec.activation == TCONV_ACT_SOFTMAX
                                    ? arithmetic_bytes(spec) * 2 * tconv::reference::output_size(spec).w * (spec.out_channels + 64)
                                    : 0;
            const double serial = workspace_of(spec, kernel, 1);
            ASSERT_LE(serial, padded_image_bytes(spec, kernel) + 2 * kMiB + kept) << text_of(spec) << ' ' << kernel;
            // Large kernels have every thread stage much of the image, so that more threads may take as much each.
            ASSERT_LE(workspace_of(spec, kernel, threads), threads * serial)
                << text_of(spec) << ' ' << kernel << ", threads " << threads;
        }
    }
}

}  // namespace
