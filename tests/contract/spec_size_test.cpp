// Output sizes and the two ways to ask for one: set_output_size (PyTorch's rule) and set_crop (everybody's).
#include <gtest/gtest.h>

#include "random_spec.h"
#include "tconv/tconv.h"

namespace {

using tconv::testing::Random;
using tconv::testing::same_spec;

tconv_spec layer(int32_t in, int32_t kernel, int32_t stride, int32_t dilation) {
    tconv_spec s;
    tconv_spec_init(&s, sizeof s);
    s.in_channels = s.out_channels = 1;
    s.in_h = s.in_w = in;
    s.kernel_h = s.kernel_w = kernel;
    s.stride_h = s.stride_w = stride;
    s.dilation_h = s.dilation_w = dilation;
    return s;
}

int32_t out_h(const tconv_spec &s) {
    int32_t h = -1, w = -1;
    EXPECT_EQ(tconv_spec_output_size(&s, &h, &w), TCONV_OK);
    return h;
}

TEST(SpecSize, KnownLayers) {
    tconv_spec s = layer(32, 4, 2, 1);
    s.pad_top = s.pad_bottom = s.pad_left = s.pad_right = 1;
    EXPECT_EQ(out_h(s), 64);  // the usual upsampling layer
    s = layer(16, 3, 2, 1);
    s.pad_top = s.pad_bottom = 1, s.output_padding_h = 1;
    EXPECT_EQ(out_h(s), 32);
    s = layer(5, 3, 1, 4);
    EXPECT_EQ(out_h(s), 13);
    s = layer(1, 1, 7, 1);
    EXPECT_EQ(out_h(s), 1);
    s = layer(4, 2, 5, 1);  // stride beyond the kernel
    EXPECT_EQ(out_h(s), 17);
}

TEST(SpecSize, OutputSizeNeedsItsArguments) {
    tconv_spec s = layer(4, 3, 2, 1);
    int32_t h = 77;
    EXPECT_EQ(tconv_spec_output_size(&s, &h, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_spec_output_size(&s, nullptr, &h), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_spec_output_size(nullptr, &h, &h), TCONV_INVALID_ARGUMENT);
    s.struct_size = 1;
    EXPECT_EQ(tconv_spec_output_size(&s, &h, &h), TCONV_INVALID_STRUCT);
    EXPECT_EQ(h, 77);
}

TEST(SpecSize, SetOutputSizeFollowsPyTorch) {
    for (int32_t stride = 1; stride <= 4; ++stride) {
        for (int32_t dilation = 1; dilation <= 3; ++dilation) {
            tconv_spec s = layer(5, 3, stride, dilation);
            s.pad_top = s.pad_bottom = s.pad_left = s.pad_right = 1;
            s.output_padding_w = stride - 1;  // replaced, not added to
            const int32_t smallest = stride * 4 + dilation * 2 + 1 - 2;
            for (int32_t size = smallest - 2; size < smallest + stride + 2; ++size) {
                tconv_spec asked = s;
                const tconv_status status = tconv_spec_set_output_size(&asked, size, smallest);
                if (size >= smallest && size < smallest + stride) {
                    ASSERT_EQ(status, TCONV_OK) << size;
                    EXPECT_EQ(asked.output_padding_h, size - smallest);
                    EXPECT_EQ(asked.output_padding_w, 0);
                    EXPECT_EQ(out_h(asked), size);
                } else {
                    ASSERT_EQ(status, TCONV_INVALID_SHAPE) << size;
                    EXPECT_TRUE(same_spec(asked, s)) << "a rejected size changes nothing";
                }
            }
        }
    }
    tconv_spec s = layer(1, 1, 3, 1);
    s.pad_top = 1;  // nothing is left without output padding, something with it
    EXPECT_EQ(tconv_spec_set_output_size(&s, 1, 1), TCONV_OK);
    EXPECT_EQ(s.output_padding_h, 1);
    EXPECT_EQ(tconv_spec_set_output_size(&s, 0, 1), TCONV_INVALID_SHAPE);
    EXPECT_EQ(tconv_spec_set_output_size(nullptr, 1, 1), TCONV_INVALID_ARGUMENT);
    s.stride_w = 0;
    EXPECT_EQ(tconv_spec_set_output_size(&s, 1, 1), TCONV_INVALID_ARGUMENT);
}

TEST(SpecSize, SetCropReachesEveryCropAndSize) {
    const uint64_t seed = tconv::testing::seed_from_environment();
    for (uint64_t i = 0; i < 3000; ++i) {
        Random random(tconv::testing::seed_of_case(seed, i));
        tconv_spec s = tconv::testing::random_legal_spec(random);
        const auto crop_h = static_cast<int32_t>(random.range(-50, 200)),
                   crop_w = static_cast<int32_t>(random.range(-9, 9));
        const auto size_h = static_cast<int32_t>(random.range(1, 300)),
                   size_w = static_cast<int32_t>(random.range(1, 99));
        ASSERT_EQ(tconv_spec_set_crop(&s, crop_h, size_h, crop_w, size_w), TCONV_OK)
            << "TCONV_SEED=" << seed << ' ' << i;
        int32_t h, w;
        ASSERT_EQ(tconv_spec_output_size(&s, &h, &w), TCONV_OK);
        EXPECT_EQ(h, size_h);
        EXPECT_EQ(w, size_w);
        EXPECT_EQ(s.pad_top, crop_h);
        EXPECT_EQ(s.pad_left, crop_w);
        EXPECT_EQ(s.output_padding_h + s.output_padding_w, 0);
    }
}

TEST(SpecSize, SetCropRefusesWhatCannotBe) {
    const tconv_spec s = layer(4, 3, 2, 1);
    const int32_t most = 2147483647;
    const struct {
        int32_t crop_h, out_h, crop_w, out_w;
        tconv_status status;
    } cases[] = {
        {0, 0, 0, 1, TCONV_INVALID_SHAPE},
        {0, 1, 0, -4, TCONV_INVALID_SHAPE},
        {most, most, 0, 1, TCONV_SIZE_OVERFLOW},
        {-most - 1, most, 0, 1, TCONV_SIZE_OVERFLOW},
        {-most + 3, 99, 0, 1, TCONV_OK},
        {-most + 2, 99, 0, 1, TCONV_SIZE_OVERFLOW},
        {0, 100000, 0, 100000, TCONV_SIZE_OVERFLOW},
        {0, most, 0, 1, TCONV_OK},
        {0, 1, most - 1, 1, TCONV_OK},
        {0, 1, most, 1, TCONV_SIZE_OVERFLOW},
    };
    for (const auto &c : cases) {
        tconv_spec asked = s;
        EXPECT_EQ(tconv_spec_set_crop(&asked, c.crop_h, c.out_h, c.crop_w, c.out_w), c.status)
            << c.crop_h << ' ' << c.out_h << ' ' << c.crop_w << ' ' << c.out_w;
        EXPECT_EQ(same_spec(asked, s), c.status != TCONV_OK);
    }
    EXPECT_EQ(tconv_spec_set_crop(nullptr, 0, 1, 0, 1), TCONV_INVALID_ARGUMENT);
}

// The size and crop rules of other frameworks (per axis: out and crop from in, kernel, stride), as set_crop is fed.
TEST(SpecSize, FrameworkRulesAreCrops) {
    const int32_t in = 9, stride = 2, kernel = 3, full = stride * (in - 1) + kernel;
    tconv_spec s = layer(in, kernel, stride, 1);
    // Chainer's outsize: two-sided around the natural size, cut or extended at the end, crop stays at pad.
    for (int32_t size = full - 2 - (stride - 1); size <= full - 2 + (stride - 1); ++size) {
        ASSERT_EQ(tconv_spec_set_crop(&s, 1, size, 1, size), TCONV_OK);
        EXPECT_EQ(s.pad_bottom, full - 1 - size);
    }
    // TensorFlow SAME: out = in*stride, crop = floor(max(full - out, 0) / 2).
    ASSERT_EQ(tconv_spec_set_crop(&s, 0, in * stride, 0, in * stride), TCONV_OK);
    EXPECT_EQ(s.pad_bottom, full - in * stride);
    // ONNX SAME_UPPER with stride beyond the kernel: out = in*stride runs past the end, bias only there.
    tconv_spec wide = layer(4, 2, 3, 1);
    ASSERT_EQ(tconv_spec_set_crop(&wide, 0, 12, 0, 12), TCONV_OK);
    EXPECT_EQ(wide.pad_bottom, -1);
    // numpy-ml: asymmetric pads are re-centred, crop = ceil((p0 + p1) / 2).
    ASSERT_EQ(tconv_spec_set_crop(&s, 1, full - 1, 1, full - 1), TCONV_OK);
    EXPECT_EQ(s.pad_bottom, 0);
}

}  // namespace
