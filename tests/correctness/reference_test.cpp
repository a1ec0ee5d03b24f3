// The oracle and the test data themselves: against hand-computed cases, against a gather written here from the other
// end of the definition, and that "exact" data are exact.
#include "reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gradient_problem.h"
#include "random_spec.h"

namespace tconv {
namespace {

using reference::Size;
using testing::Placement;
using testing::Problem;
using testing::Random;

tconv_spec layer(const char *text) {
    tconv_spec s;
    tconv_spec_init(&s, sizeof s);
    char message[300];
    EXPECT_EQ(tconv_spec_parse(text, &s, message, sizeof message), TCONV_OK) << message;
    return s;
}

std::vector<double> run(const tconv_spec &s, const std::vector<double> &x, const std::vector<double> &w,
                        const std::vector<double> &bias = {}, const std::vector<double> &residual = {},
                        const std::vector<double> &slope = {}) {
    const Size out = reference::output_size(s);
    std::vector<double> y(static_cast<size_t>(s.batch * s.out_channels * out.h * out.w), 1e300);
    reference::run(s, {x.data(), w.data(), bias.data(), slope.data(), residual.data(), y.data()});
    return y;
}

using Values = std::vector<double>;

TEST(Reference, HandComputed) {
    // One row: x = 1 2, w = 3 4 5. Full scatter at stride 2: 3 4 5+6 8 10.
    EXPECT_EQ(run(layer("n1_c1_h1_w2_o1_k1x3_s1x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias"), {1, 2}, {3, 4, 5}),
              (Values{3, 4, 11, 8, 10}));
    EXPECT_EQ(run(layer("n1_c1_h1_w2_o1_k1x3_s1x2_p0,1,0,1_op0,1_d1x1_g1_f32_nchw"), {1, 2}, {3, 4, 5}, {100}),
              (Values{104, 111, 108, 110}));
    // Negative pads add bias-only columns, and the output may run past the end.
    EXPECT_EQ(run(layer("n1_c1_h1_w2_o1_k1x3_s1x2_p0,-1,0,-2_op0,0_d1x1_g1_f32_nchw"), {1, 2}, {3, 4, 5}, {100}),
              (Values{100, 103, 104, 111, 108, 110, 100, 100}));
    // Dilation 2 at stride 2: odd columns have no tap. Stride beyond the kernel: column 2 has none.
    EXPECT_EQ(run(layer("n1_c1_h1_w2_o1_k1x2_s1x2_p0,0,0,0_op0,0_d1x2_g1_f32_nchw_nobias"), {1, 2}, {3, 4}),
              (Values{3, 0, 10, 0, 8}));
    EXPECT_EQ(run(layer("n1_c1_h1_w2_o1_k1x2_s1x3_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias"), {1, 2}, {3, 4}),
              (Values{3, 4, 0, 6, 8}));
    // Rows: the filter's rows are not flipped.
    EXPECT_EQ(run(layer("n1_c1_h1_w1_o1_k2x2_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias"), {10}, {1, 2, 3, 4}),
              (Values{10, 20, 30, 40}));
    // Channels: w is (C_in, C_out). Then two groups, each with its own two inputs and one output.
    EXPECT_EQ(
        run(layer("n1_c2_h1_w1_o3_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias"), {1, 10}, {1, 2, 3, 4, 5, 6}),
        (Values{41, 52, 63}));
    EXPECT_EQ(
        run(layer("n1_c4_h1_w1_o2_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g2_f32_nchw_nobias"), {1, 2, 3, 4}, {1, 10, 100, 1000}),
        (Values{21, 4300}));
    // Two images.
    EXPECT_EQ(run(layer("n2_c1_h1_w1_o2_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"), {1, 2}, {3, 4}, {10, 20}),
              (Values{13, 24, 16, 28}));
    EXPECT_EQ(run(layer("n0_c1_h1_w1_o2_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"), {}, {3, 4}, {10, 20}), Values{});
}

TEST(Reference, ResidualBeforeAndAfter) {
    const char *const base = "n1_c1_h1_w2_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_relu";
    EXPECT_EQ(run(layer((std::string(base) + "_resbefore").c_str()), {1, -5}, {1}, {1}, {-3, 9}), (Values{0, 5}));
    EXPECT_EQ(run(layer((std::string(base) + "_resafter").c_str()), {1, -5}, {1}, {1}, {-3, 9}), (Values{-1, 9}));
}

// Activation of one value through a 1x1 layer; slope 0.25 for prelu.
double activated(const std::string &suffix, double x) {
    const tconv_spec s = layer(("n1_c1_h1_w1_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias_" + suffix).c_str());
    return run(s, {x}, {1}, {}, {}, {0.25})[0];
}

TEST(Reference, Activations) {
    const struct {
        const char *suffix;
        double x, y;  // computed from the definitions with Python's math module
    } known[] = {
        {"relu", -2, 0},
        {"relu", 2, 2},
        {"leaky_relu0.5", -2, -1},
        {"leaky_relu0.5", 2, 2},
        {"clip-1,6", -2, -1},
        {"clip-1,6", 7, 6},
        {"clip-1,6", 3, 3},
        {"sigmoid", 0.5, 0.6224593312018546},
        {"sigmoid", -800, 0},
        {"tanh", 0.5, 0.46211715726000975},
        {"elu2", -0.5, -0.7869386805747332},
        {"elu2", 0.5, 0.5},
        {"gelu", 0.5, 0.34573123063700656},
        {"gelu", -3, -0.00404969409489031},
        {"gelu_tanh", 0.5, 0.34571400982514394},
        {"silu", 0.5, 0.3112296656009273},
        {"hard_swish", -4, 0},
        {"hard_swish", 1, 2.0 / 3},
        {"hard_swish", 4, 4},
        {"hard_sigmoid", 1, 2.0 / 3},
        {"hard_sigmoid", -3.5, 0},
        {"hard_sigmoid", 3.5, 1},
        {"softplus", 0.5, 0.9740769841801067},
        {"softplus", 700, 700},
        {"softplus", -50, 1.9287498479639178e-22},
        {"prelu", -8, -2},
        {"prelu", 8, 8},
    };
    for (const auto &k : known)
        EXPECT_NEAR(activated(k.suffix, k.x), k.y, 1e-14 * std::fabs(k.y)) << k.suffix << k.x;
    for (const char *suffix : {"relu", "leaky_relu0.5", "clip-1,6", "sigmoid", "tanh", "elu2", "gelu", "gelu_tanh",
                               "silu", "hard_swish", "hard_sigmoid", "softplus", "prelu", "softmax"}) {
        EXPECT_TRUE(std::isnan(activated(suffix, std::numeric_limits<double>::quiet_NaN()))) << suffix;
    }
}

TEST(Reference, SoftmaxAlongEachAxis) {
    // [1, 2, 1, 2]: channel 0 is 0, ln 3; channel 1 is ln 3, ln 9.
    const double l = std::log(3.0);
    const std::string base = "n1_c1_h1_w2_o2_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_";
    const Values channel = run(layer((base + "softmax").c_str()), {0, l}, {1, 1}, {0, l});
    const Values last = run(layer((base + "softmax_last").c_str()), {0, l}, {1, 1}, {0, l});
    for (size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(channel[i], i < 2 ? 0.25 : 0.75, 1e-15);
        EXPECT_NEAR(last[i], i % 2 == 0 ? 0.25 : 0.75, 1e-15);
    }
    const Values large = run(layer((base + "softmax").c_str()), {1000, 1000}, {1, 1}, {0, 0});
    EXPECT_EQ(large, (Values{0.5, 0.5, 0.5, 0.5})) << "no overflow";
}

// The gather: which inputs and taps reach this output? Nothing of the oracle is used.
double gathered(const tconv_spec &s, const Values &x, const Values &w, int64_t n, int64_t o, int64_t row,
                int64_t column) {
    const int64_t ins = s.in_channels / s.groups, outs = s.out_channels / s.groups;
    double sum = 0;
    for (int64_t c = o / outs * ins; c < (o / outs + 1) * ins; ++c) {
        for (int64_t ky = 0; ky < s.kernel_h; ++ky) {
            for (int64_t kx = 0; kx < s.kernel_w; ++kx) {
                const int64_t v = row + s.pad_top - ky * s.dilation_h, u = column + s.pad_left - kx * s.dilation_w;
                if (v < 0 || u < 0 || v % s.stride_h != 0 || u % s.stride_w != 0)
                    continue;
                const int64_t i = v / s.stride_h, j = u / s.stride_w;
                if (i >= s.in_h || j >= s.in_w)
                    continue;
                sum += x[((n * s.in_channels + c) * s.in_h + i) * s.in_w + j] *
                       w[((c * outs + o % outs) * s.kernel_h + ky) * s.kernel_w + kx];
            }
        }
    }
    return sum;
}

TEST(Reference, EqualsAGatherOnRandomLayers) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < 400; ++i) {
        Random random(testing::seed_of_case(seed, i));
        testing::SpecLimits limits;
        limits.activations = false;
        limits.most_flops = 1e6;
        tconv_spec s = testing::random_legal_spec(random, limits);
        s.residual = TCONV_RESIDUAL_NONE;
        const Problem problem(s, random.next());
        const Values x = problem.input.logical(), w = problem.filter.logical(), y = problem.expected();
        const Size out = reference::output_size(s);
        int32_t h, w_out;
        ASSERT_EQ(tconv_spec_output_size(&s, &h, &w_out), TCONV_OK);
        ASSERT_TRUE(out.h == h && out.w == w_out);
        for (int probe = 0; probe < 300 && !y.empty(); ++probe) {
            const int64_t at = random.below(static_cast<int64_t>(y.size())), plane = out.h * out.w;
            const int64_t n = at / plane / s.out_channels, o = at / plane % s.out_channels;
            const double bias = s.has_bias ? problem.bias.at(o) : 0;
            ASSERT_EQ(y[static_cast<size_t>(at)], bias + gathered(s, x, w, n, o, at % plane / out.w, at % out.w))
                << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(s) << " output " << at;
        }
    }
}

// The layer is linear in input, filter and bias, so a gradient's element is how much <y, gy> grows with that operand's.
TEST(Reference, GradientsAreDifferencesOfTheLayer) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < 150; ++i) {
        Random random(testing::seed_of_case(seed, 2000 + i));
        testing::SpecLimits limits;
        limits.activations = false;
        limits.most_flops = 2e4, limits.most_outputs = 5000;
        tconv_spec s = testing::linear(testing::random_legal_spec(random, limits));
        s.has_bias = 1;
        const testing::GradientProblem data(s, TCONV_GRADIENT_INPUT, random.next());
        Values x = data.input.logical(), w = data.filter.logical(), b(static_cast<size_t>(s.out_channels), 2.0);
        const Values gy = data.output_gradient.logical();
        const auto product = [&] {
            const Values y = run(s, x, w, b);
            double sum = 0;
            for (size_t at = 0; at < y.size(); ++at)
                sum += y[at] * gy[at];
            return sum;
        };
        Values gx(x.size()), gw(w.size()), gb(b.size());
        reference::input_gradient(s, gy.data(), w.data(), gx.data());
        reference::filter_gradient(s, gy.data(), x.data(), gw.data());
        reference::bias_gradient(s, gy.data(), gb.data());
        const double before = product();
        const auto probe = [&](Values &operand, const Values &gradient, const char *name) {
            for (int probes = 0; probes < 12 && !operand.empty(); ++probes) {
                const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(operand.size())));
                operand[at] += 1;
                ASSERT_EQ(product() - before, gradient[at])
                    << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(s) << ' ' << name << ' ' << at;
                operand[at] -= 1;
            }
        };
        probe(x, gx, "input");
        probe(w, gw, "filter");
        probe(b, gb, "bias");
        if (HasFatalFailure())
            return;
    }
}

constexpr int32_t kTypes[] = {TCONV_F32, TCONV_F64, TCONV_F16, TCONV_BF16};

TEST(ProblemData, EverySumIsExactInTheArithmetic) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < 160; ++i) {
        Random random(testing::seed_of_case(seed, i));
        testing::SpecLimits limits;
        limits.dtype = kTypes[i % 4];
        limits.most_flops = 4e6;
        limits.exact_only = true;
        tconv_spec s = testing::random_legal_spec(random, limits);
        testing::DataRules rules;
        rules.filter_multiple = random.chance(0.5) ? 1 : 36;
        Problem problem(s, random.next(), Placement::kDense, rules);
        for (const double y : problem.expected())
            ASSERT_EQ(y, rounded_to(arithmetic_of(s.dtype), y));
        for (const double w : problem.filter.logical())
            ASSERT_EQ(std::fmod(16 * w, rules.filter_multiple), 0) << testing::text_of(s) << ": a weight was rounded";
        // The sum of magnitudes bounds every partial sum in every order.
        s.activation = TCONV_ACT_NONE;
        Problem magnitudes(s, 1, Placement::kDense, rules);
        const auto absolute = [](testing::Tensor &to, const testing::Tensor &from) {
            const Values values = from.logical();
            to.change([&](int64_t at, double) { return std::fabs(values[static_cast<size_t>(at)]); });
        };
        absolute(magnitudes.input, problem.input);
        absolute(magnitudes.filter, problem.filter);
        absolute(magnitudes.residual, problem.residual);
        absolute(magnitudes.bias, problem.bias);
        for (const double sum : magnitudes.expected())
            ASSERT_LE(sum, s.dtype == TCONV_F64 ? 0x1p50 : 0x1p20) << testing::text_of(s);
    }
}

TEST(ProblemData, EverySumOfAGradientIsExactInTheArithmetic) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < 160; ++i) {
        Random random(testing::seed_of_case(seed, 3000 + i));
        testing::SpecLimits limits;
        limits.dtype = kTypes[i % 4];
        limits.most_flops = 1e6;
        const tconv_spec s = testing::linear(testing::random_legal_spec(random, limits));
        for (const int32_t which : testing::kGradients) {
            testing::GradientProblem problem(s, which, random.next());
            // The sum of magnitudes, in units, bounds every partial sum in every order.
            for (testing::Tensor *tensor : {&problem.input, &problem.filter, &problem.output_gradient})
                tensor->change([](int64_t, double value) { return std::fabs(value); });
            const double unit = testing::magnitudes_of(s.dtype).unit;
            for (const double sum : problem.expected()) {
                ASSERT_EQ(std::fmod(sum, unit), 0) << testing::text_of(s);
                ASSERT_LE(sum / unit, s.dtype == TCONV_F64 ? 0x1p50 : 0x1p20)
                    << testing::text_of(s) << ' ' << testing::gradient_text(which);
            }
        }
    }
}

// Which results could also come from less careful arithmetic than the type promises?
TEST(ProblemData, TellArithmeticsApart) {
    const auto share_of = [](const Values &values, auto property) {
        return static_cast<double>(std::count_if(values.begin(), values.end(), property)) /
               static_cast<double>(values.size());
    };
    for (const int32_t dtype : kTypes) {
        tconv_spec s = layer("n1_c20_h9_w8_o7_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_resafter");
        s.dtype = dtype;
        const Problem problem(s, 3);
        const Values expected = problem.expected();
        const double no_floats = share_of(expected, [](double y) { return y != static_cast<float>(y); });
        const double rounded = share_of(expected, [&](double y) { return y != rounded_to(dtype, y); });
        const double ties = share_of(expected, [&](double y) {  // half way between two numbers of the type
            const double r = rounded_to(dtype, y), other = rounded_to(dtype, 2 * y - r);
            return r != y && other != r && std::fabs(r - y) == std::fabs(other - y);
        });
        const double overflowing = share_of(expected, [&](double y) { return std::isinf(rounded_to(dtype, y)); });
        EXPECT_EQ(overflowing, 0) << dtype;
        if (dtype == TCONV_F64) {
            EXPECT_GT(no_floats, 0.99);
        } else if (dtype == TCONV_F32) {
            EXPECT_EQ(rounded, 0);
        } else {
            EXPECT_GT(rounded, 0.4) << dtype;
            EXPECT_GT(ties, 0.05) << dtype;
        }
    }
}

TEST(ProblemData, PlacementsHoldTheSameLogicalData) {
    for (const int32_t dtype : kTypes) {
        tconv_spec s = layer("n2_c6_h5_w4_o4_k3x2_s2x2_p1,0,1,0_op0,0_d1x1_g2_f32_nhwc_resafter");
        s.dtype = dtype;
        for (const Placement placement :
             {Placement::kDense, Placement::kOther, Placement::kSlice, Placement::kShuffled}) {
            Problem problem(s, 5, placement);
            for (const testing::Tensor *tensor : {&problem.input, &problem.filter, &problem.bias, &problem.slope})
                EXPECT_TRUE(tensor->surroundings_intact());
            const tconv_view view = problem.input.view();
            const auto bytes = element_type(dtype).bytes;
            int64_t index = 0;
            const Values values = problem.input.logical();
            for (int64_t n = 0; n < 2; ++n)
                for (int64_t c = 0; c < 6; ++c)
                    for (int64_t y = 0; y < 5; ++y)
                        for (int64_t x = 0; x < 4; ++x) {
                            const int64_t at =
                                n * view.stride[0] + c * view.stride[1] + y * view.stride[2] + x * view.stride[3];
                            ASSERT_EQ(load_element(dtype, static_cast<const char *>(view.data) + at * bytes),
                                      values[static_cast<size_t>(index++)]);
                        }
        }
    }
}

// The comparison is with the sum rounded once, to the nearest and ties to even: not with what truncation, rounding of
// partial sums or double rounding would leave.
TEST(ProblemData, CompareWantsOneRounding) {
    for (const int32_t dtype : {TCONV_F16, TCONV_BF16}) {
        tconv_spec s = layer("n1_c1_h1_w4_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias");
        s.dtype = dtype;
        Problem problem(s, 1);
        const double step = element_type(dtype).epsilon();
        const Values exact = {1 + step / 2, 1 + 3 * step / 2, 1 + step / 2 + 0x1p-30, -1 - step / 4};
        problem.output.assign({1, 1 + 2 * step, 1 + step, -1});
        EXPECT_EQ(problem.compare(exact), "");
        problem.output.assign({1 + step, 1 + step, 1, -1 - step});
        EXPECT_NE(problem.compare(exact).find("4 of 4"), std::string::npos) << problem.compare(exact);
    }
}

TEST(ProblemData, CompareSeesEveryKindOfMistake) {
    const tconv_spec s = layer("n1_c2_h3_w3_o2_k3x3_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw");
    for (const Placement placement : {Placement::kSlice, Placement::kShuffled}) {
        Problem problem(s, 9, placement);
        const Values expected = problem.expected();
        EXPECT_NE(problem.compare(expected).find("98 of 98 values are wrong"), std::string::npos) << "never written";
        problem.output.assign(expected);
        EXPECT_EQ(problem.compare(expected), "");
        const double right = problem.output.at(0, 1, 2, 3);
        problem.output.set(0, 1, 2, 3, right + 1);
        EXPECT_NE(problem.compare(expected).find("1 of 98 values are wrong, first at [0, 1, 2, 3]"),
                  std::string::npos)
            << problem.compare(expected);
        EXPECT_EQ(problem.compare(expected, 1.5), "");
        problem.output.set(0, 1, 2, 3, right);
        static_cast<float *>(problem.output.view().data)[-1] = 0;  // the word before the first element
        EXPECT_EQ(problem.compare(expected), "memory around the tensor was written");
    }
}

TEST(RandomSpec, LegalOnesAreValidAndVaried) {
    const uint64_t seed = testing::seed_from_environment();
    int grouped = 0, dilated = 0, empty_batch = 0, negative_pad = 0, padded_output = 0, last_axis = 0, odd = 0;
    for (uint64_t i = 0; i < 4000; ++i) {
        Random random(testing::seed_of_case(seed, i));
        const tconv_spec s = testing::random_legal_spec(random);
        ASSERT_EQ(tconv_spec_validate(&s, nullptr, 0), TCONV_OK) << i;
        grouped += s.groups > 1;
        dilated += s.dilation_h > 1 && s.stride_h > 1 && s.kernel_h > 1;
        empty_batch += s.batch == 0;
        negative_pad += s.pad_top < 0 || s.pad_right < 0;
        padded_output += s.output_padding_w > 0;
        last_axis += s.activation == TCONV_ACT_SOFTMAX && s.softmax_axis == TCONV_AXIS_LAST;
        odd += s.out_channels % 4 != 0;
    }
    for (const int count : {grouped, dilated, empty_batch, negative_pad, padded_output, last_axis, odd})
        EXPECT_GT(count, 20);
}

}  // namespace
}  // namespace tconv
