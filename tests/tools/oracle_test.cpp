// The tool's oracle gathers at chosen pixels; tests/reference scatters everything. They share no code.
#include "oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>
#include <tuple>

#include "element_type.h"
#include "exact_data.h"
#include "kernels.h"
#include "random.h"
#include "random_spec.h"
#include "reference.h"
#include "verify.h"

namespace tconv::tool {
namespace {

constexpr double kAll = std::numeric_limits<double>::infinity();
constexpr int32_t kTypes[] = {TCONV_F32, TCONV_F64, TCONV_F16, TCONV_BF16};

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
        limits.dtype = kTypes[index % 4];
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

TEST(ExactData, AreNumbersOfTheTypeWithExactSums) {
    for (const int32_t dtype : kTypes) {
        for (const int32_t activation : {TCONV_ACT_NONE, TCONV_ACT_GELU}) {
            for (const int32_t channels : {1, 64, 4096}) {
                tconv_spec spec = small_spec();
                spec.dtype = dtype, spec.activation = activation, spec.residual = TCONV_RESIDUAL_BEFORE;
                spec.in_channels = channels;
                spec.kernel_h = spec.kernel_w = 8;
                const ExactData data(spec);
                const auto largest = [&](const std::vector<float> &values) {
                    double most = 0;
                    for (const float value : values) {
                        EXPECT_EQ(rounded_to(dtype, value), value) << dtype << ": rounded";
                        most = std::max(most, std::fabs(static_cast<double>(value)));
                    }
                    return most;
                };
                // 4 x 4 taps reach an output. What it counts in is the smallest weight or bias.
                const double x = largest(data.input), w = largest(data.filter);
                const double sum = channels * 16 * x * w + largest(data.bias) + largest(data.residual);
                double unit = 1;
                for (const float weight : data.filter) {
                    while (std::fmod(weight, unit) != 0)
                        unit /= 2;
                }
                EXPECT_GE(x, 1);
                EXPECT_GT(w, 0);
                EXPECT_LE(sum / unit, std::ldexp(1, element_type(arithmetic_of(dtype)).digits)) << dtype;
                EXPECT_LT(sum, element_type(dtype).most());
                if (dtype == TCONV_F64 && activation == TCONV_ACT_NONE) {
                    EXPECT_GT(x * w, 0x1p24 * (channels < 4096 ? 1000 : 1)) << "products that are no floats";
                }
            }
        }
    }
}

// Three taps down, two across.
TEST(ExactData, OfWinogradsKernelsAreMultiplesOfTheirDenominators) {
    for (const int32_t dtype : {TCONV_F32, TCONV_F16, TCONV_BF16}) {
        for (const int32_t activation : {TCONV_ACT_NONE, TCONV_ACT_GELU}) {
            for (const int32_t channels : {1, 64, 4096}) {
                tconv_spec spec = small_spec();
                spec.dtype = dtype, spec.activation = activation;
                spec.in_channels = channels, spec.kernel_h = 5;
                const ExactData data(spec, Sums::winograd);
                double unit = 1;  // a power of two
                while (activation != TCONV_ACT_NONE && unit > 0x1p-20)
                    unit /= 2;
                if (dtype == TCONV_F16)
                    unit /= 16;
                double most = 0;
                for (const float weight : data.filter) {
                    EXPECT_EQ(rounded_to(dtype, weight), weight);
                    EXPECT_EQ(std::fmod(weight / unit, 45), 0) << weight;
                    most = std::max(most, std::fabs(static_cast<double>(weight)));
                }
                EXPECT_GT(most, 0);
                EXPECT_TRUE(std::any_of(data.input.begin(), data.input.end(), [](float x) { return x != 0; }));
            }
        }
    }
}

class AnswerOf : public ::testing::TestWithParam<int32_t> {};
INSTANTIATE_TEST_SUITE_P(Types, AnswerOf, ::testing::ValuesIn(testing::dtypes()),
                         [](const auto &info) { return testing::dtype_text(info.param); });

TEST_P(AnswerOf, OneWrongOutputIsFoundAndNamed) {
    tconv_spec spec = small_spec();
    spec.dtype = GetParam();
    const Threads threads(1);
    Trial trial(spec, nullptr, threads);
    const ExactData data(spec, sums_of(*kernel_by_name(trial.kernel().c_str())));
    const Answer answer(spec, data, kAll);
    EXPECT_TRUE(answer.whole());
    Tensors tensors(spec, data);
    trial.pack(tensors);
    trial.run(trial.complete(tensors.arguments()));
    const Comparison right = answer.compare(tensors);
    EXPECT_EQ(right.wrong, 0) << right.first;
    EXPECT_EQ(right.compared, 2 * 5 * 14 * 10);

    const std::vector<double> outputs = tensors.logical_output();
    const tconv_view view = tensors.arguments().output;
    char *element = static_cast<char *>(view.data) +
                    (1 * view.stride[0] + 4 * view.stride[1] + 13 * view.stride[2] + 9 * view.stride[3]) *
                        element_type(spec.dtype).bytes;
    element[0] ^= 1;  // the last bit of one output
    const Comparison wrong = answer.compare(tensors);
    EXPECT_EQ(wrong.wrong, 1);
    EXPECT_NE(wrong.first.find("n 1, channel 4, row 13, column 9"), std::string::npos) << wrong.first;
    EXPECT_EQ(compare_outputs(spec, tensors.logical_output(), outputs).wrong, 1);

    tensors.poison_output();
    EXPECT_EQ(answer.compare(tensors).wrong, right.compared);
}

TEST(Errors, AreCountedInUlps) {
    for (const int32_t dtype : kTypes) {
        const double ulp = element_type(dtype).epsilon();
        EXPECT_EQ(error_in_ulps(dtype, 1, {1.0, 1.0}), 0);
        EXPECT_EQ(error_in_ulps(dtype, 1 + ulp, {1.0, 1.0}), 1);
        EXPECT_EQ(error_in_ulps(dtype, rounded_to(dtype, 1.0 / 3), {1.0 / 3, 0}), 0);
        EXPECT_LT(error_in_ulps(dtype, ulp, {0.0, 1.0}), 2);  // against the magnitude of what was added up
        EXPECT_GE(error_in_ulps(dtype, ulp, {0.0, 0.0}), 8);
        EXPECT_EQ(error_in_ulps(dtype, std::nan(""), {1.0, 1.0}), kAll);
        EXPECT_EQ(error_in_ulps(dtype, kAll, {element_type(dtype).most(), 0}), kAll);
    }
    EXPECT_EQ(error_in_ulps(TCONV_F16, kAll, {65520, 0}), 0) << "what overflows is infinite";
}

// The rounding on the store outweighs what the curve is off in float.
TEST(Errors, TolerancesAreOfTheType) {
    tconv_spec spec = small_spec();
    for (const int32_t dtype : kTypes) {
        spec.dtype = dtype, spec.activation = TCONV_ACT_RELU;
        EXPECT_EQ(tolerance_of(spec), 0);
        spec.activation = TCONV_ACT_SIGMOID;
        const bool stored = dtype == TCONV_F16 || dtype == TCONV_BF16;
        EXPECT_GE(tolerance_of(spec), stored ? 0.5 : 4);
        EXPECT_LE(tolerance_of(spec), stored ? 0.501 : 4);
    }
}

}  // namespace
}  // namespace tconv::tool
