// Views of the frameworks' weight arrays: the view's element (input channel, output channel of the group, row, column)
// is the one that the framework multiplies there.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "runner.h"
#include "tconv/tconv_profiles.h"

namespace {

using tconv::testing::layer;

struct Tap {
    int64_t group, input, output, row, column;  // input and output within their group
};

tconv_spec spec_of(int32_t groups, int32_t inputs, int32_t outputs) {
    tconv_spec spec = layer("n1_c1_h3_w3_o1_k3x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw");
    spec.groups = groups, spec.in_channels = groups * inputs, spec.out_channels = groups * outputs;
    return spec;
}

// Where the framework's documentation says this tap lies, each written as its array is indexed.
int64_t place(int32_t weights, const tconv_spec &s, const Tap &t) {
    const int64_t groups = s.groups, inputs = s.in_channels / groups, outputs = s.out_channels / groups;
    const int64_t c_in = t.group * inputs + t.input, c_out = t.group * outputs + t.output;
    const int64_t kh = s.kernel_h, kw = s.kernel_w;
    const int64_t turned_row = kh - 1 - t.row, turned_column = kw - 1 - t.column;
    switch (weights) {
        case TCONV_WEIGHTS_TORCH:  // weight[c_in][output][row][column]
            return ((c_in * outputs + t.output) * kh + t.row) * kw + t.column;
        case TCONV_WEIGHTS_NUMPY_ML:  // W[row][column][c_in][output]
            return ((t.row * kw + t.column) * s.in_channels + c_in) * outputs + t.output;
        case TCONV_WEIGHTS_TENSORFLOW:      // filter[row][column][output][c_in]
        case TCONV_WEIGHTS_JAX_TRANSPOSED:  // the same, as the filter of the convolution
            return ((t.row * kw + t.column) * outputs + t.output) * s.in_channels + c_in;
        case TCONV_WEIGHTS_TFLITE:  // filter[c_out][row][column][input]
            return ((c_out * kh + t.row) * kw + t.column) * inputs + t.input;
        case TCONV_WEIGHTS_ONEDNN:  // weights[group][output][input][row][column]
            return (((t.group * outputs + t.output) * inputs + t.input) * kh + t.row) * kw + t.column;
        case TCONV_WEIGHTS_JAX:  // rhs[row][column][input][c_out], of a convolution, which meets the taps from behind
            return ((turned_row * kw + turned_column) * inputs + t.input) * s.out_channels + c_out;
        case TCONV_WEIGHTS_JAX_OIHW:  // rhs[c_out][input][row][column], likewise
            return ((c_out * inputs + t.input) * kh + turned_row) * kw + turned_column;
        default:
            return -1;
    }
}

// The first tap that the view reads from another place than the framework, or "".
std::string first_difference(int32_t weights, const tconv_spec &s) {
    std::vector<float> array(
        static_cast<size_t>(s.in_channels * (s.out_channels / s.groups) * s.kernel_h * s.kernel_w));
    tconv_view view;
    char message[300];
    if (tconv_profile_filter(&s, weights, array.data(), &view, message, sizeof message) != TCONV_OK)
        return message;
    const int64_t inputs = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
    for (int64_t g = 0; g < s.groups; ++g)
        for (int64_t i = 0; i < inputs; ++i)
            for (int64_t o = 0; o < outputs; ++o)
                for (int64_t y = 0; y < s.kernel_h; ++y)
                    for (int64_t x = 0; x < s.kernel_w; ++x) {
                        const int64_t at = static_cast<const float *>(view.data) - array.data() +
                                           (g * inputs + i) * view.stride[0] + o * view.stride[1] + y * view.stride[2] +
                                           x * view.stride[3];
                        const int64_t wanted = place(weights, s, {g, i, o, y, x});
                        if (at != wanted) {
                            return "group " + std::to_string(g) + ", input " + std::to_string(i) + ", output " +
                                   std::to_string(o) + ", row " + std::to_string(y) + ", column " + std::to_string(x) +
                                   " is read at " + std::to_string(at) + ", lies at " + std::to_string(wanted);
                        }
                    }
    return "";
}

constexpr int32_t kAll[] = {TCONV_WEIGHTS_TORCH,          TCONV_WEIGHTS_NUMPY_ML, TCONV_WEIGHTS_TENSORFLOW,
                            TCONV_WEIGHTS_TFLITE,         TCONV_WEIGHTS_ONEDNN,   TCONV_WEIGHTS_JAX,
                            TCONV_WEIGHTS_JAX_TRANSPOSED, TCONV_WEIGHTS_JAX_OIHW};

TEST(Traps, T2WeightsOfEachFramework) {
    for (const int32_t weights : kAll) {
        for (const auto &[inputs, outputs] : {std::array{3, 5}, {1, 4}, {4, 1}, {1, 1}})
            EXPECT_EQ(first_difference(weights, spec_of(1, inputs, outputs)), "") << weights;
    }
}

TEST(Traps, T2WeightsOfGroups) {
    for (const int32_t weights :
         {TCONV_WEIGHTS_TORCH, TCONV_WEIGHTS_NUMPY_ML, TCONV_WEIGHTS_TENSORFLOW, TCONV_WEIGHTS_JAX_TRANSPOSED}) {
        EXPECT_EQ(first_difference(weights, spec_of(2, 3, 5)), "") << weights;
    }
    for (const int32_t weights : kAll) {
        EXPECT_EQ(first_difference(weights, spec_of(4, 1, 3)), "") << weights;
        EXPECT_EQ(first_difference(weights, spec_of(4, 1, 1)), "") << weights;
    }
    for (const int32_t weights : {TCONV_WEIGHTS_ONEDNN, TCONV_WEIGHTS_JAX_OIHW})
        EXPECT_EQ(first_difference(weights, spec_of(4, 3, 1)), "") << weights;
}

TEST(Traps, T2GroupsThatAreNotOneStrideAreRefused) {
    const struct {
        int32_t weights, outputs;
    } cases[] = {{TCONV_WEIGHTS_TFLITE, 5}, {TCONV_WEIGHTS_TFLITE, 1}, {TCONV_WEIGHTS_ONEDNN, 5},
                 {TCONV_WEIGHTS_JAX, 5},    {TCONV_WEIGHTS_JAX, 1},    {TCONV_WEIGHTS_JAX_OIHW, 5}};
    for (const auto &c : cases) {
        const tconv_spec spec = spec_of(2, 3, c.outputs);
        const float data = 0;
        tconv_view view = {nullptr, {1, 2, 3, 4}};
        char message[300];
        EXPECT_EQ(tconv_profile_filter(&spec, c.weights, &data, &view, message, sizeof message), TCONV_UNSUPPORTED);
        EXPECT_NE(std::string(message).find("groups is 2 and in_channels is 6"), std::string::npos) << message;
        EXPECT_TRUE(view.data == nullptr && view.stride[3] == 4) << "written on failure";
    }
}

TEST(Traps, T2FrameworksOrdersAgreeWithTheLayoutsOfTconvH) {
    const tconv_spec spec = spec_of(2, 3, 5);
    const struct {
        int32_t weights, layout;
    } pairs[] = {{TCONV_WEIGHTS_TORCH, TCONV_IOHW},
                 {TCONV_WEIGHTS_NUMPY_ML, TCONV_HWIO},
                 {TCONV_WEIGHTS_TENSORFLOW, TCONV_HWOI}};
    for (const auto &pair : pairs) {
        tconv_view a, b;
        ASSERT_EQ(tconv_profile_filter(&spec, pair.weights, nullptr, &a, nullptr, 0), TCONV_OK);
        ASSERT_EQ(tconv_view_filter(&spec, pair.layout, nullptr, &b), TCONV_OK);
        for (int d = 0; d < 4; ++d)
            EXPECT_EQ(a.stride[d], b.stride[d]);
    }
}

TEST(Weights, ElementsOfOtherSizesBeginAtTheirEnd) {
    tconv_spec spec = spec_of(1, 3, 5);
    const char data = 0;
    tconv_view view;
    for (const auto &[dtype, bytes] : {std::array{int32_t{TCONV_F64}, 8}, {int32_t{TCONV_BF16}, 2}}) {
        spec.dtype = dtype;
        ASSERT_EQ(tconv_profile_filter(&spec, TCONV_WEIGHTS_JAX, &data, &view, nullptr, 0), TCONV_OK);
        EXPECT_EQ(static_cast<const char *>(view.data) - &data, 5 * 15 * bytes);  // the last of 6 taps
    }
}

TEST(Weights, Refusals) {
    tconv_spec spec = spec_of(1, 3, 5);
    const float data = 0;
    tconv_view view = {nullptr, {1, 2, 3, 4}};
    char message[300];
    const auto filter = [&](int32_t weights, const void *from, tconv_view *to) {
        return tconv_profile_filter(&spec, weights, from, to, message, sizeof message);
    };
    for (const int32_t weights : {0, 9, -1}) {
        EXPECT_EQ(filter(weights, &data, &view), TCONV_INVALID_ARGUMENT);
        EXPECT_EQ(std::string(message), "weights is " + std::to_string(weights) + "; allowed: 1 to 8");
    }
    EXPECT_EQ(filter(TCONV_WEIGHTS_JAX, nullptr, &view), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(std::string(message).find("data is NULL"), std::string::npos) << message;
    EXPECT_EQ(filter(TCONV_WEIGHTS_TORCH, &data, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_STREQ(message, "view is NULL");
    EXPECT_EQ(view.stride[0], 1);
    spec.kernel_h = 0;
    EXPECT_EQ(filter(TCONV_WEIGHTS_TORCH, &data, &view), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(std::string(message).find("kernel_h is 0"), 0u) << message;
    EXPECT_EQ(tconv_profile_filter(nullptr, TCONV_WEIGHTS_TORCH, &data, &view, nullptr, 0), TCONV_INVALID_ARGUMENT);
}

}  // namespace
