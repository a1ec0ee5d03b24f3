// The tool's oracle gathers at chosen pixels; tests/reference scatters everything. They share no code.
#include "oracle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>
#include <tuple>

#include "exact_data.h"
#include "random.h"
#include "random_spec.h"
#include "reference.h"
#include "verify.h"

namespace tconv::tool {
namespace {

constexpr double kAll = std::numeric_limits<double>::infinity();

std::vector<double> doubles(const std::vector<float> &values) {
    return {values.begin(), values.end()};
}

tconv_spec small_spec() {
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    spec.batch = 2, spec.in_channels = 3, spec.out_channels = 5;
    spec.in_h = 7, spec.in_w = 5, spec.kernel_h = spec.kernel_w = 4;
    spec.stride_h = spec.stride_w = 2;
    spec.pad_top = spec.pad_left = spec.pad_bottom = spec.pad_right = 1;
    return spec;
}

TEST(Oracle, AgreesWithTheScatterOnRandomLayers) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t index = 0; index < 150; index++) {
        testing::Random random(testing::seed_of_case(seed, index));
        testing::SpecLimits limits;
        limits.most_flops = 4e5;
        limits.most_outputs = 20000;
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        SCOPED_TRACE(testing::text_of(spec) + ", TCONV_SEED=" + std::to_string(seed));

        const ExactData data(spec);
        const reference::Size size = reference::output_size(spec);
        const std::vector<double> x = doubles(data.input), w = doubles(data.filter), b = doubles(data.bias),
                                  a = doubles(data.slope), r = doubles(data.residual);
        std::vector<double> y(static_cast<size_t>(spec.batch * spec.out_channels * size.h * size.w));
        reference::run(spec, {x.data(), w.data(), b.data(), a.data(), r.data(), y.data()});

        for (const double flops : {kAll, 1.0}) {
            const std::vector<Pixel> pixels = sample_of(spec, flops);
            const std::vector<Expected> expected = Oracle(spec, data).at(pixels);
            ASSERT_EQ(expected.size(), pixels.size() * static_cast<size_t>(spec.out_channels));
            for (size_t i = 0; i < expected.size(); i++) {
                const Pixel &p = pixels[i / static_cast<size_t>(spec.out_channels)];
                const int64_t o = static_cast<int64_t>(i) % spec.out_channels;
                const double right =
                    y[static_cast<size_t>(((p.n * spec.out_channels + o) * size.h + p.h) * size.w + p.w)];
                ASSERT_NEAR(expected[i].value, right, is_exact(spec) ? 0 : 1e-12 * (1 + std::fabs(right)));
            }
        }
    }
}

TEST(Oracle, SampleIsRepeatableAndHoldsTheCorners) {
    tconv_spec spec = small_spec();
    spec.in_h = spec.in_w = 60;
    const std::vector<Pixel> pixels = sample_of(spec, 1e5), again = sample_of(spec, 1e5);
    ASSERT_EQ(pixels.size(), again.size());
    std::set<std::tuple<int64_t, int64_t, int64_t>> places;
    for (size_t i = 0; i < pixels.size(); i++) {
        EXPECT_EQ(pixels[i].h, again[i].h);
        EXPECT_EQ(pixels[i].w, again[i].w);
        places.insert({pixels[i].n, pixels[i].h, pixels[i].w});
    }
    EXPECT_LT(pixels.size(), 2u * 120 * 120);
    for (int64_t h : {0, 119}) {
        for (int64_t w : {0, 119})
            EXPECT_TRUE(places.contains({h == 0 ? 0 : 1, h, w})) << h << ", " << w;
    }
    EXPECT_EQ(sample_of(spec, kAll).size(), 2u * 120 * 120);
}

TEST(ExactData, SumsStayBelowWhatFloatsHold) {
    tconv_spec spec = small_spec();
    spec.in_channels = 4096;
    spec.kernel_h = spec.kernel_w = 8;
    const ExactData data(spec);
    double largest_x = 0, largest_w = 0;
    for (float x : data.input)
        largest_x = std::max(largest_x, std::fabs(static_cast<double>(x)));
    for (float w : data.filter)
        largest_w = std::max(largest_w, std::fabs(static_cast<double>(w)));
    EXPECT_GE(largest_x, 1);
    EXPECT_GE(largest_w, 1);
    EXPECT_LE(4096 * 16 * largest_x * largest_w, 1 << 20);  // 4 x 4 taps reach an output
}

TEST(Answer, OneWrongOutputIsFoundAndNamed) {
    const tconv_spec spec = small_spec();
    const ExactData data(spec);
    const Answer answer(spec, data, kAll);
    EXPECT_TRUE(answer.whole());
    const Threads threads(1);
    Tensors tensors(spec, data);
    Trial trial(spec, nullptr, threads);
    trial.pack(data);
    trial.run(trial.complete(tensors.arguments()));
    const Comparison right = answer.compare(tensors);
    EXPECT_EQ(right.wrong, 0) << right.first;
    EXPECT_EQ(right.compared, 2 * 5 * 14 * 10);

    const std::vector<float> outputs = tensors.logical_output();
    const tconv_view view = tensors.arguments().output;
    auto *element = static_cast<float *>(view.data) + 1 * view.stride[0] + 4 * view.stride[1] + 13 * view.stride[2] +
                    9 * view.stride[3];
    *element = std::nextafter(*element, 1e9f);
    const Comparison wrong = answer.compare(tensors);
    EXPECT_EQ(wrong.wrong, 1);
    EXPECT_NE(wrong.first.find("n 1, channel 4, row 13, column 9"), std::string::npos) << wrong.first;
    EXPECT_EQ(compare_outputs(spec, tensors.logical_output(), outputs).wrong, 1);

    tensors.poison_output();
    EXPECT_EQ(answer.compare(tensors).wrong, right.compared);
}

TEST(Errors, AreCountedInUlps) {
    EXPECT_EQ(error_in_ulps(1.0f, {1.0, 1.0}), 0);
    EXPECT_EQ(error_in_ulps(std::nextafter(1.0f, 2.0f), {1.0, 1.0}), 1);
    EXPECT_EQ(error_in_ulps(1.0f / 3, {1.0 / 3, 0}), 0);
    EXPECT_LT(error_in_ulps(1e-7f, {0.0, 1.0}), 2);  // against the magnitude of what was added up
    EXPECT_GT(error_in_ulps(1e-7f, {0.0, 0.0}), 1e6);
    EXPECT_EQ(error_in_ulps(std::nanf(""), {1.0, 1.0}), kAll);
}

}  // namespace
}  // namespace tconv::tool
