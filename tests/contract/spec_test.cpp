// tconv_spec: defaults, every status its functions give, the order of the checks, and the texts they leave.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <set>

#include "random_spec.h"
#include "tconv/tconv.h"

namespace {

using tconv::testing::IllegalSpec;
using tconv::testing::Random;

constexpr int32_t kMost = 2147483647;

tconv_spec small_layer() {
    tconv_spec s;
    tconv_spec_init(&s, sizeof s);
    s.in_channels = 4, s.out_channels = 6;
    s.in_h = 5, s.in_w = 7;
    s.kernel_h = 4, s.kernel_w = 3;
    s.stride_h = 2, s.stride_w = 3;
    return s;
}

struct Verdict {
    tconv_status status;
    std::string message;
};
Verdict validate(const tconv_spec &s) {
    char message[400] = "untouched";
    const tconv_status status = tconv_spec_validate(&s, message, sizeof message);
    return {status, message};
}

TEST(Spec, StatusStringsAreDistinctSentences) {
    std::set<std::string> seen;
    for (const tconv_status status :
         {TCONV_OK, TCONV_INVALID_ARGUMENT, TCONV_INVALID_SHAPE, TCONV_INVALID_STRUCT, TCONV_SIZE_OVERFLOW,
          TCONV_UNSUPPORTED, TCONV_UNSUPPORTED_CPU, TCONV_UNSUPPORTED_DEVICE, TCONV_WORKSPACE_TOO_SMALL, TCONV_MISALIGNED, TCONV_PACKED_MISMATCH,
          TCONV_OUT_OF_MEMORY, TCONV_DEVICE_ERROR, TCONV_NO_DRIVER, TCONV_NO_DEVICE, TCONV_INTERNAL, static_cast<tconv_status>(99)}) {
        const std::string text = tconv_status_string(status);
        EXPECT_EQ(text.back(), '.') << text;
        EXPECT_TRUE(seen.insert(text).second) << text;
    }
    EXPECT_EQ(tconv_version(), uint32_t{TCONV_VERSION});
}

TEST(Spec, InitFillsTheDocumentedDefaults) {
    tconv_spec s;
    std::memset(&s, 0x5a, sizeof s);
    tconv_spec_init(&s, sizeof s);
    EXPECT_EQ(s.struct_size, sizeof s);
    EXPECT_EQ(s.dtype, TCONV_F32);
    EXPECT_EQ(s.layout, TCONV_NCHW);
    EXPECT_EQ(s.math, TCONV_MATH_FAST);
    EXPECT_EQ(s.activation, TCONV_ACT_NONE);
    EXPECT_EQ(s.residual, TCONV_RESIDUAL_NONE);
    EXPECT_EQ(s.has_bias, 1);
    EXPECT_EQ(s.batch, 1);
    EXPECT_EQ(s.stride_h * 8 + s.stride_w * 4 + s.dilation_h * 2 + s.dilation_w, 15);
    EXPECT_EQ(s.groups, 1);
    EXPECT_EQ(s.in_channels, 0);
    EXPECT_EQ(s.max_packed_bytes, -1);
    EXPECT_EQ(validate(s).status, TCONV_INVALID_ARGUMENT) << "sizes without a default must be set";
}

TEST(Spec, InitWritesOnlyTheCallersStruct) {
    unsigned char bytes[sizeof(tconv_spec) + 16];
    std::memset(bytes, 0x5a, sizeof bytes);
    tconv_spec_init(reinterpret_cast<tconv_spec *>(bytes), sizeof(size_t) + 8);
    for (size_t i = sizeof(size_t) + 8; i < sizeof bytes; ++i)
        ASSERT_EQ(bytes[i], 0x5a) << i;
    std::memset(bytes, 0x5a, sizeof bytes);
    tconv_spec_init(reinterpret_cast<tconv_spec *>(bytes), sizeof bytes);
    for (size_t i = sizeof(tconv_spec); i < sizeof bytes; ++i)
        ASSERT_EQ(bytes[i], 0x5a) << i;
    EXPECT_EQ(tconv_spec_validate(reinterpret_cast<tconv_spec *>(bytes), nullptr, 0), TCONV_INVALID_STRUCT);
    tconv_spec_init(nullptr, sizeof(tconv_spec));
    tconv_spec_init(reinterpret_cast<tconv_spec *>(bytes), 0);
}

struct Violation {
    const char *names;  // the message contains this
    const char *shows;  // and this
    tconv_status status;
    std::function<void(tconv_spec *)> apply;
};

// In the order in which they are checked.
const Violation kViolations[] = {
    {"struct_size", "16", TCONV_INVALID_STRUCT, [](tconv_spec *s) { s->struct_size = 16; }},
    {"dtype", "8", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->dtype = 8; }},
    {"layout", "0", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->layout = 0; }},
    {"math", "3", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->math = 3; }},
    {"activation", "15", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->activation = 15; }},
    {"softmax_axis", "-1", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->softmax_axis = -1; }},
    {"residual", "3", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->residual = 3; }},
    {"has_bias", "2", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->has_bias = 2; }},
    {"batch", "-1", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->batch = -1; }},
    {"in_channels", "0", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->in_channels = 0; }},
    {"out_channels", "-7", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->out_channels = -7; }},
    {"in_h", "0", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->in_h = 0; }},
    {"in_w", "0", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->in_w = 0; }},
    {"kernel_h", "0", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->kernel_h = 0; }},
    {"kernel_w", "-2147483648", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->kernel_w = -kMost - 1; }},
    {"stride_h", "0", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->stride_h = 0; }},
    {"stride_w", "-3", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->stride_w = -3; }},
    {"dilation_h", "0", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->dilation_h = 0; }},
    {"dilation_w", "0", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->dilation_w = 0; }},
    {"groups", "0", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->groups = 0; }},
    {"groups", "in_channels 4", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->groups = 3; }},
    {"act_alpha", "inf", TCONV_INVALID_ARGUMENT,
     [](tconv_spec *s) { s->activation = TCONV_ACT_ELU, s->act_alpha = INFINITY; }},
    {"act_beta", "nan", TCONV_INVALID_ARGUMENT,
     [](tconv_spec *s) { s->activation = TCONV_ACT_CLIP, s->act_alpha = 0, s->act_beta = NAN; }},
    {"act_alpha", "above act_beta 1", TCONV_INVALID_ARGUMENT,
     [](tconv_spec *s) { s->activation = TCONV_ACT_CLIP, s->act_alpha = 2, s->act_beta = 1; }},
    {"max_packed_bytes", "-2", TCONV_INVALID_ARGUMENT, [](tconv_spec *s) { s->max_packed_bytes = -2; }},
    {"output_padding_h", "0 to 1", TCONV_INVALID_SHAPE, [](tconv_spec *s) { s->output_padding_h = 2; }},
    {"output_padding_w", "-1", TCONV_INVALID_SHAPE, [](tconv_spec *s) { s->output_padding_w = -1; }},
    {"pad_top is 12", "at least 1", TCONV_INVALID_SHAPE, [](tconv_spec *s) { s->pad_top = 12; }},
    {"pad_right is 21", "leaves 0 of 21", TCONV_INVALID_SHAPE, [](tconv_spec *s) { s->pad_right = 21; }},
    {"in_h 5", "stride_h 2147483647", TCONV_SIZE_OVERFLOW, [](tconv_spec *s) { s->stride_h = kMost; }},
    {"pad_left", "-2147483648", TCONV_SIZE_OVERFLOW, [](tconv_spec *s) { s->pad_left = -kMost - 1; }},
    {"one input image", "in_channels", TCONV_SIZE_OVERFLOW,
     [](tconv_spec *s) { s->in_channels = 1 << 30, s->groups = 1; }},
    {"one output image", "out_channels", TCONV_SIZE_OVERFLOW,
     [](tconv_spec *s) { s->out_channels = 1 << 30, s->groups = 1; }},
    {"the filter", "kernel_w", TCONV_SIZE_OVERFLOW,
     [](tconv_spec *s) { s->in_channels = s->out_channels = 40000, s->groups = 1; }},
    {"batch is 2147483647", "2^63", TCONV_SIZE_OVERFLOW,
     [](tconv_spec *s) { s->in_channels = 1 << 24, s->out_channels = 1, s->batch = kMost, s->dtype = TCONV_F64; }},
};

TEST(Spec, EachViolationHasItsStatusAndItsMessage) {
    for (const Violation &v : kViolations) {
        tconv_spec s = small_layer();
        ASSERT_EQ(validate(s).status, TCONV_OK);
        v.apply(&s);
        const Verdict verdict = validate(s);
        EXPECT_EQ(verdict.status, v.status) << v.names << ": " << verdict.message;
        EXPECT_NE(verdict.message.find(v.names), std::string::npos) << verdict.message << " should name " << v.names;
        EXPECT_NE(verdict.message.find(v.shows), std::string::npos) << verdict.message << " should show " << v.shows;
    }
}

TEST(Spec, TheFirstViolationInOrderWins) {
    const size_t count = std::size(kViolations);
    for (size_t first = 0; first < count; ++first) {
        for (size_t second = first + 1; second < count; ++second) {
            tconv_spec s = small_layer();
            kViolations[second].apply(&s);
            kViolations[first].apply(&s);
            const Verdict verdict = validate(s);
            EXPECT_NE(verdict.status, TCONV_OK) << first << ' ' << second;
            if (first < 25) {  // from output_padding on, another field's violation can make the first one legal
                EXPECT_EQ(verdict.status, kViolations[first].status) << first << ' ' << second << verdict.message;
                EXPECT_NE(verdict.message.find(kViolations[first].names), std::string::npos)
                    << first << ' ' << second << ": " << verdict.message;
            }
        }
    }
}

TEST(Spec, BoundariesThatAreLegal) {
    const std::function<void(tconv_spec *)> legal[] = {
        [](tconv_spec *s) { s->batch = 0; },
        [](tconv_spec *s) { s->batch = kMost; },
        [](tconv_spec *s) { s->groups = 2; },
        [](tconv_spec *s) { s->output_padding_h = 1, s->output_padding_w = 2; },
        [](tconv_spec *s) { s->dilation_h = 4, s->output_padding_h = 3; },  // below max(stride, dilation), as PyTorch
        [](tconv_spec *s) { s->pad_top = 11; },                             // one of 12 rows left
        [](tconv_spec *s) { s->pad_top = 13, s->pad_bottom = -2; },
        [](tconv_spec *s) { s->pad_left = -100, s->pad_right = -100; },
        [](tconv_spec *s) { s->stride_h = 100; },
        [](tconv_spec *s) { s->in_h = 1, s->stride_h = kMost; },
        [](tconv_spec *s) { s->act_alpha = NAN; },  // not read by this activation
        [](tconv_spec *s) { s->activation = TCONV_ACT_CLIP, s->act_alpha = s->act_beta = 1; },
        [](tconv_spec *s) { s->max_packed_bytes = 0; },
        [](tconv_spec *s) {
            s->in_channels = s->out_channels = s->in_h = s->kernel_h = s->kernel_w = s->stride_h = s->stride_w = 1;
            s->in_w = kMost;
        },
    };
    for (size_t i = 0; i < std::size(legal); ++i) {
        tconv_spec s = small_layer();
        legal[i](&s);
        const Verdict verdict = validate(s);
        EXPECT_EQ(verdict.status, TCONV_OK) << i << ": " << verdict.message;
        EXPECT_EQ(verdict.message, "") << i;
    }
}

TEST(Spec, ExtremeValuesNeverOverflowTheArithmetic) {
    // Run under UBSan this is the proof; here it must at least end in a status.
    const uint64_t seed = tconv::testing::seed_from_environment();
    Random random(seed);
    constexpr int32_t kExtremes[] = {1, 2, 3, 65535, 65536, 1 << 30, kMost - 1, kMost};
    constexpr int32_t kPads[] = {0, 1, -1, 65536, kMost, -kMost, -kMost - 1};
    for (int i = 0; i < 20000; ++i) {
        tconv_spec s = small_layer();
        for (int32_t *field : {&s.in_h, &s.in_w, &s.kernel_h, &s.kernel_w, &s.stride_h, &s.stride_w, &s.dilation_h,
                               &s.dilation_w, &s.in_channels, &s.out_channels, &s.batch}) {
            *field = random.pick(kExtremes);
        }
        for (int32_t *field : {&s.pad_top, &s.pad_left, &s.pad_bottom, &s.pad_right})
            *field = random.pick(kPads);
        s.output_padding_h = random.chance(0.5) ? 0 : std::max(s.stride_h, s.dilation_h) - 1;
        const Verdict verdict = validate(s);
        EXPECT_EQ(verdict.status == TCONV_OK, verdict.message.empty()) << "seed " << seed << " case " << i;
        int32_t h = -5, w = -5;
        EXPECT_EQ(tconv_spec_output_size(&s, &h, &w), verdict.status);
        EXPECT_EQ(h >= 1 && w >= 1, verdict.status == TCONV_OK);
    }
}

TEST(Spec, RandomIllegalSpecsAreRefusedByName) {
    const uint64_t seed = tconv::testing::seed_from_environment();
    for (uint64_t i = 0; i < 5000; ++i) {
        Random random(tconv::testing::seed_of_case(seed, i));
        const IllegalSpec bad = tconv::testing::random_illegal_spec(random);
        const Verdict verdict = validate(bad.spec);
        const std::string where = "TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                                  tconv::testing::text_of(bad.spec) + ": " + verdict.message;
        ASSERT_EQ(verdict.status, bad.status) << where;
        ASSERT_NE(verdict.message.find(bad.field), std::string::npos) << where << " should name " << bad.field;
        ASSERT_NE(verdict.message.find(bad.value), std::string::npos) << where << " should show " << bad.value;
    }
}

TEST(Spec, MessagesFitTheirBuffer) {
    tconv_spec s = small_layer();
    s.stride_h = 0;
    EXPECT_EQ(tconv_spec_validate(&s, nullptr, 0), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_spec_validate(&s, nullptr, 100), TCONV_INVALID_ARGUMENT);
    char text[8] = "1234567";
    EXPECT_EQ(tconv_spec_validate(&s, text, 0), TCONV_INVALID_ARGUMENT);
    EXPECT_STREQ(text, "1234567");
    EXPECT_EQ(tconv_spec_validate(&s, text, 5), TCONV_INVALID_ARGUMENT);
    EXPECT_STREQ(text, "stri");
    EXPECT_EQ(text[5], '6');
    char null_text[64];
    EXPECT_EQ(tconv_spec_validate(nullptr, null_text, sizeof null_text), TCONV_INVALID_ARGUMENT);
    EXPECT_STREQ(null_text, "spec is NULL");
}

}  // namespace
