// The layer text: a round trip of everything, and where malformed texts are said to be wrong.
#include "layer_text.h"

#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <cstring>
#include <limits>

#include "random_spec.h"

namespace tconv {
namespace {

using testing::Random;
using testing::same_spec;

const char *const kPlain = "n1_c256_h32_w24_o256_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw";

struct Parsed {
    tconv_spec spec;
    tconv_status status;
    std::string message;
};
Parsed parse(const std::string &text) {
    Parsed parsed;
    tconv_spec_init(&parsed.spec, sizeof parsed.spec);
    char message[300] = "untouched";
    parsed.status = tconv_spec_parse(text.c_str(), &parsed.spec, message, sizeof message);
    parsed.message = message;
    return parsed;
}

std::string format(const tconv_spec &s) {
    char text[TCONV_LAYER_TEXT_BYTES] = "";
    EXPECT_EQ(tconv_spec_format(&s, text, sizeof text), TCONV_OK);
    return text;
}

float random_finite(Random &random) {
    for (;;) {
        const auto bits = static_cast<uint32_t>(random.next());
        float value;
        std::memcpy(&value, &bits, sizeof value);
        if (std::isfinite(value))
            return value;
    }
}

TEST(LayerText, ReadsEachField) {
    const Parsed p =
        parse("n3_c8_h5_w6_o12_k4x3_s2x5_p1,-2,3,4_op1,0_d1x7_g4_f32_nhwc_clip-1.5,6_resbefore_nobias_strict");
    ASSERT_EQ(p.status, TCONV_OK) << p.message;
    EXPECT_EQ(p.message, "");
    const tconv_spec &s = p.spec;
    const int32_t got[] = {s.batch,      s.in_channels,      s.in_h,
                           s.in_w,       s.out_channels,     s.kernel_h,
                           s.kernel_w,   s.stride_h,         s.stride_w,
                           s.pad_top,    s.pad_left,         s.pad_bottom,
                           s.pad_right,  s.output_padding_h, s.output_padding_w,
                           s.dilation_h, s.dilation_w,       s.groups,
                           s.dtype,      s.layout,           s.activation,
                           s.residual,   s.has_bias,         s.math};
    const int32_t wanted[] = {3,
                              8,
                              5,
                              6,
                              12,
                              4,
                              3,
                              2,
                              5,
                              1,
                              -2,
                              3,
                              4,
                              1,
                              0,
                              1,
                              7,
                              4,
                              TCONV_F32,
                              TCONV_NHWC,
                              TCONV_ACT_CLIP,
                              TCONV_RESIDUAL_BEFORE,
                              0,
                              TCONV_MATH_STRICT};
    for (size_t i = 0; i < std::size(wanted); ++i)
        EXPECT_EQ(got[i], wanted[i]) << "field " << i;
    EXPECT_EQ(s.act_alpha, -1.5f);
    EXPECT_EQ(s.act_beta, 6.0f);
    EXPECT_EQ(s.max_packed_bytes, -1);
}

TEST(LayerText, EverySuffixIsItsOwnCanonicalSpelling) {
    for (const char *suffix : {"",
                               "_relu",
                               "_leaky_relu0.2",
                               "_leaky_relu-1",
                               "_clip0,6",
                               "_sigmoid",
                               "_tanh",
                               "_elu1",
                               "_gelu",
                               "_gelu_tanh",
                               "_silu",
                               "_hard_swish",
                               "_hard_sigmoid",
                               "_softplus",
                               "_prelu",
                               "_softmax",
                               "_softmax_last",
                               "_resbefore",
                               "_resafter",
                               "_nobias",
                               "_strict",
                               "_tf32",
                               "_gelu_resafter_nobias_tf32",
                               "_softmax_last_resbefore_nobias_strict",
                               "_softmax_nobias",
                               "_elu1e-10",
                               "_clip-1e+20,3.5"}) {
        const std::string text = std::string(kPlain) + suffix;
        const Parsed p = parse(text);
        ASSERT_EQ(p.status, TCONV_OK) << text << ": " << p.message;
        EXPECT_EQ(format(p.spec), text);
    }
    for (const char *dtype : {"f64", "f16", "bf16", "s8", "u8", "s32"}) {
        const std::string text = std::string("n1_c2_h3_w2_o2_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_") + dtype + "_nhwc";
        EXPECT_EQ(format(parse(text).spec), text);
    }
}

TEST(LayerText, OtherSpellingsOfOneLayer) {
    const struct {
        const char *spelling, *canonical;
    } cases[] = {
        {"_strict_nobias_resafter_relu", "_relu_resafter_nobias_strict"},
        {"_leaky_relu.2", "_leaky_relu0.2"},
        {"_leaky_relu00.20", "_leaky_relu0.2"},
        {"_clip0.,6.0e0", "_clip0,6"},
        {"_elu0.1E1", "_elu1"},
    };
    for (const auto &c : cases) {
        EXPECT_EQ(format(parse(std::string(kPlain) + c.spelling).spec), std::string(kPlain) + c.canonical);
    }
}

TEST(LayerText, RoundTripOfRandomSpecs) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < 5000; ++i) {
        Random random(testing::seed_of_case(seed, i));
        tconv_spec s = testing::random_legal_spec(random);
        s.math = static_cast<int32_t>(random.below(3));
        s.dtype = static_cast<int32_t>(random.range(TCONV_F32, TCONV_S32));
        if (s.activation == TCONV_ACT_LEAKY_RELU || s.activation == TCONV_ACT_ELU)
            s.act_alpha = random_finite(random);
        if (s.activation == TCONV_ACT_CLIP) {
            const float a = random_finite(random), b = random_finite(random);
            s.act_alpha = std::min(a, b), s.act_beta = std::max(a, b);
        }
        const std::string text = format(s), where = "TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i);
        const Parsed p = parse(text);
        ASSERT_EQ(p.status, TCONV_OK) << where << ' ' << text << ": " << p.message;
        ASSERT_TRUE(same_spec(p.spec, s)) << where << ' ' << text;
        ASSERT_EQ(format(p.spec), text) << where;
    }
}

TEST(LayerText, FloatsAreShortestAndExact) {
    const struct {
        float value;
        const char *text;
    } known[] = {{0.1f, "0.1"},
                 {16777217.0f / 3, "5592405.5"},
                 {1.0f / 3, "0.33333334"},
                 {6, "6"},
                 {0.01f, "0.01"},
                 {-0.0f, "-0"},
                 {1e-45f, "1e-45"},
                 {std::numeric_limits<float>::max(), "3.4028235e+38"},
                 {16777216, "16777216"},
                 {1e10f, "1e+10"}};
    for (const auto &k : known) {
        char text[kFloatText];
        format_float(k.value, text);
        EXPECT_STREQ(text, k.text);
    }
}

TEST(LayerText, DecimalPointDoesNotDependOnTheLocale) {
    const char *locale = nullptr;
    for (const char *name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ps_AF.UTF-8"}) {
        if (locale == nullptr)
            locale = std::setlocale(LC_NUMERIC, name);
    }
    if (locale == nullptr)
        GTEST_SKIP() << "[SKIP] no locale with a decimal comma is installed";
    const std::string text = std::string(kPlain) + "_clip-1.5,0.25";
    const Parsed p = parse(text);
    const std::string back = format(p.spec);
    std::setlocale(LC_NUMERIC, "C");
    EXPECT_EQ(p.spec.act_beta, 0.25f) << p.message;
    EXPECT_EQ(back, text);
}

TEST(LayerText, MalformedTextsAreExplained) {
    const struct {
        const char *text, *position, *expected;
    } cases[] = {
        {"", "position 0", "'n'"},
        {"x1", "position 0", "'n'"},
        {"n", "position 1", "batch"},
        {"n1", "position 2", "the text ends"},
        {"n1_h2", "position 2", "'_c'"},
        {"n1_c", "position 4", "in_channels"},
        {"n1_c+2_h2", "position 4", "in_channels"},
        {"n1_c 2_h2", "position 4", "in_channels"},
        {"n1_c2_h3_w4_o5_k4_s2x2", "position 17", "'x'"},
        {"n1_c2_h3_w4_o5_k4x_s2x2", "position 18", "kernel_w"},
        {"n1_c2_h3_w4_o5_k3x3_s2x2_p1,1,1_op0,0", "position 31", "pad_right"},
        {"n1_c2_h3_w4_o5_k3x3_s2x2_p1,1,1,1_d1x1", "position 33", "'_op'"},
        {"n1_c2147483648_h3", "position 4", "32 bits"},
        {"n1_c2_h3_w4_o5_k3x3_s2x2_p1,1,1,-2147483649_op0,0", "position 32", "32 bits"},
        {"n1_c99999999999999999999_h3", "position 4", "32 bits"},
        {"n1_c2_h3_w4_o5_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f33_nchw", "position 47", "bf16"},
        {"n1_c2_h3_w4_o5_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32", "position 51", "nhwc"},
        {"n1_c2_h3_w4_o5_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchwx", "position 51", "nhwc"},
    };
    for (const auto &c : cases) {
        const Parsed p = parse(c.text);
        EXPECT_EQ(p.status, TCONV_INVALID_ARGUMENT) << c.text;
        EXPECT_NE((p.message + ",").find(std::string(c.position) + ":"), std::string::npos)
            << c.text << ": " << p.message;
        EXPECT_NE(p.message.find(c.expected), std::string::npos) << c.text << ": " << p.message;
    }
    const struct {
        const char *suffix, *expected;
    } suffixes[] = {
        {"_", "an activation"},
        {"_swish", "an activation"},
        {"relu", "nchw or nhwc"},
        {"_relu6", "'_' or the end"},
        {"_leaky_relu", "slope"},
        {"_leaky_relunan", "slope"},
        {"_leaky_relu0x1p3", "'_' or"},
        {"_leaky_relu inf", "slope"},
        {"_leaky_relu1e", "slope"},
        {"_leaky_relu.", "slope"},
        {"_clip0", "','"},
        {"_clip0,", "upper bound"},
        {"_clip,6", "lower bound"},
        {"_relu_tanh", "no second"},
        {"_gelu_gelu_tanh", "no second"},
        {"_resbefore_resafter", "no second"},
        {"_strict_strict", "no second"},
        {"_nobias_nobias", "no second"},
        {"_nobiased", "an activation"},
        {"_softmax_first", "an activation"},
        {"_elu1_", "an activation"},
        {"_RELU", "an activation"},
        {"_relu ", "'_' or the end"},
        {"_gelutanh", "'_' or the end"},
    };
    for (const auto &c : suffixes) {
        const Parsed p = parse(std::string(kPlain) + c.suffix);
        EXPECT_EQ(p.status, TCONV_INVALID_ARGUMENT) << c.suffix;
        EXPECT_NE(p.message.find(c.expected), std::string::npos) << c.suffix << ": " << p.message;
        EXPECT_NE(p.message.find("position "), std::string::npos) << c.suffix << ": " << p.message;
    }
}

TEST(LayerText, WellFormedButInvalidLayersKeepTheirStatus) {
    EXPECT_EQ(parse("n1_c2_h3_w4_o5_k3x3_s2x2_p1,1,1,1_op2,0_d1x1_g1_f32_nchw").status, TCONV_INVALID_SHAPE);
    EXPECT_EQ(parse("n1_c2_h3_w4_o5_k3x3_s2x2_p9,9,9,9_op0,0_d1x1_g1_f32_nchw").status, TCONV_INVALID_SHAPE);
    EXPECT_EQ(parse("n1_c2_h60000_w70000_o5_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw").status, TCONV_SIZE_OVERFLOW);
    EXPECT_EQ(parse("n1_c3_h3_w4_o5_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw").status, TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(parse(std::string(kPlain) + "_clip6,0").status, TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(parse(std::string(kPlain) + "_elu1e99").status, TCONV_INVALID_ARGUMENT);
    EXPECT_NE(parse("n1_c2_h3_w4_o5_k3x3_s0x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw").message.find("stride_h is 0"),
              std::string::npos);
}

TEST(LayerText, ArgumentsAndCapacity) {
    tconv_spec s = parse(kPlain).spec;
    const tconv_spec before = s;
    EXPECT_EQ(tconv_spec_parse(nullptr, &s, nullptr, 0), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_spec_parse(kPlain, nullptr, nullptr, 0), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_spec_parse("n1_c2", &s, nullptr, 0), TCONV_INVALID_ARGUMENT);
    EXPECT_TRUE(same_spec(s, before)) << "a rejected text changes nothing";
    s.struct_size = 3;
    EXPECT_EQ(tconv_spec_parse(kPlain, &s, nullptr, 0), TCONV_INVALID_STRUCT);
    s = before;
    char text[128];
    const size_t length = std::strlen(kPlain);
    EXPECT_EQ(tconv_spec_format(&s, text, length + 1), TCONV_OK);
    EXPECT_EQ(tconv_spec_format(&s, text, length), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_spec_format(&s, nullptr, 100), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_spec_format(nullptr, text, sizeof text), TCONV_INVALID_ARGUMENT);
    s.stride_h = 0;
    EXPECT_EQ(tconv_spec_format(&s, text, sizeof text), TCONV_INVALID_ARGUMENT);
    EXPECT_STREQ(dtype_name(99), nullptr);
    EXPECT_STREQ(activation_name(TCONV_ACT_NONE), "none");
}

}  // namespace
}  // namespace tconv
