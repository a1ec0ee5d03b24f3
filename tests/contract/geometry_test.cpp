// The phase arithmetic against a brute-force scatter, and the counts of work and bytes.
#include "geometry.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "random_spec.h"

namespace tconv {
namespace {

using testing::Random;

std::vector<int64_t> scatter(const Axis &axis, const std::vector<int64_t> &x, const std::vector<int64_t> &w) {
    std::vector<int64_t> full(static_cast<size_t>(axis.full()), 0), y(static_cast<size_t>(axis.out), 0);
    for (int64_t i = 0; i < axis.in; ++i) {
        for (int64_t k = 0; k < axis.kernel; ++k)
            full[axis.stride * i + axis.dilation * k] += x[i] * w[k];
    }
    for (int64_t o = 0; o < axis.out; ++o) {
        const int64_t u = o + axis.crop;
        if (u >= 0 && u < axis.full())
            y[o] = full[u];
    }
    return y;
}

std::vector<int64_t> gather_by_phases(const Axis &axis, const std::vector<int64_t> &x, const std::vector<int64_t> &w,
                                      std::vector<int> *written) {
    std::vector<int64_t> y(static_cast<size_t>(axis.out), 0);
    for (int64_t r = 0; r < axis.stride; ++r) {
        const Phase phase = phase_of(axis, r);
        for (int64_t n = 0; n < phase.count; ++n) {
            const int64_t o = phase.first_out + n * axis.stride, q = phase.first_q + n;
            for (int64_t j = 0; j < phase.taps; ++j) {
                const int64_t i = q + phase.offset - j * phase.offset_step;
                if (i >= 0 && i < axis.in)
                    y.at(o) += x[i] * w.at(phase.first_tap + j * phase.tap_step);
            }
            ++written->at(o);
        }
    }
    return y;
}

TEST(Geometry, PhasesEqualTheScatter) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t n = 0; n < 20000; ++n) {
        Random random(testing::seed_of_case(seed, n));
        Axis axis = {random.range(1, 9), random.range(1, 9), random.range(1, 8), random.range(1, 8), 0, 0};
        axis.crop = random.range(-12, axis.full() + 3);
        axis.out = random.range(1, axis.full() + 12);
        std::vector<int64_t> x(axis.in), w(axis.kernel);
        for (int64_t &v : x)
            v = random.range(-99, 99);
        for (int64_t &v : w)
            v = random.range(-99, 99);
        std::vector<int> written(axis.out, 0);
        ASSERT_EQ(gather_by_phases(axis, x, w, &written), scatter(axis, x, w))
            << "TCONV_SEED=" << seed << " case " << n << ": in " << axis.in << " kernel " << axis.kernel << " stride "
            << axis.stride << " dilation " << axis.dilation << " crop " << axis.crop << " out " << axis.out;
        ASSERT_EQ(written, std::vector<int>(axis.out, 1)) << "each output belongs to exactly one phase";
    }
}

TEST(Geometry, PhasesPartitionTheTaps) {
    for (int64_t stride = 1; stride <= 12; ++stride) {
        for (int64_t dilation = 1; dilation <= 12; ++dilation) {
            for (int64_t kernel = 1; kernel <= 13; ++kernel) {
                const Axis axis = {5, kernel, stride, dilation, 0, 1};
                std::vector<int> used(kernel, 0);
                for (int64_t r = 0; r < stride; ++r) {
                    const Phase phase = phase_of(axis, r);
                    EXPECT_EQ(phase.tap_step, stride / std::gcd(stride, dilation));
                    EXPECT_EQ(phase.offset_step, dilation / std::gcd(stride, dilation));
                    for (int64_t j = 0; j < phase.taps; ++j) {
                        const int64_t k = phase.first_tap + j * phase.tap_step;
                        ASSERT_LT(k, kernel);
                        EXPECT_EQ(floor_mod(dilation * k, stride), r);
                        ++used[k];
                    }
                }
                ASSERT_EQ(used, std::vector<int>(kernel, 1)) << stride << ' ' << dilation << ' ' << kernel;
            }
        }
    }
}

TEST(Geometry, PhasesOfHugeStrides) {
    // No loop over the stride: these would take minutes.
    const Axis axis = {1, 3, 2147483647, 3, -5, 20};
    int64_t taps = 0;
    for (const int64_t r : {int64_t{0}, int64_t{3}, int64_t{6}})
        taps += phase_of(axis, r).taps;
    EXPECT_EQ(taps, 3);
    EXPECT_EQ(phase_of(axis, 1).taps, 0);
    EXPECT_EQ(phase_of(axis, 2147483646).first_out, 4);
    EXPECT_EQ(phase_of(axis, 2147483646).first_q, -1);
}

TEST(Geometry, FlooredDivision) {
    for (int64_t a = -20; a <= 20; ++a) {
        for (int64_t b = 1; b <= 7; ++b) {
            const int64_t q = floor_div(a, b), r = floor_mod(a, b);
            EXPECT_EQ(q * b + r, a);
            EXPECT_TRUE(r >= 0 && r < b) << a << ' ' << b;
        }
    }
    for (int64_t m = 1; m <= 50; ++m) {
        for (int64_t a = 1; a <= 60; ++a) {
            if (std::gcd(a, m) == 1) {
                EXPECT_EQ(a * inverse_mod(a, m) % m, 1 % m) << a << " mod " << m;
            }
        }
    }
}

TEST(Geometry, SpecBecomesCropAndSize) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t n = 0; n < 2000; ++n) {
        Random random(testing::seed_of_case(seed, n));
        const tconv_spec s = testing::random_legal_spec(random);
        int32_t h, w;
        ASSERT_EQ(tconv_spec_output_size(&s, &h, &w), TCONV_OK);
        const Geometry g = geometry_of(s);
        EXPECT_EQ(g.h.out, h);
        EXPECT_EQ(g.w.out, w);
        EXPECT_EQ(g.h.out, (s.in_h - 1) * s.stride_h - s.pad_top - s.pad_bottom + s.dilation_h * (s.kernel_h - 1) + 1 +
                               s.output_padding_h);
        EXPECT_EQ(g.w.crop, s.pad_left);

        const tconv_spec canonical = canonical_of(s);
        EXPECT_EQ(tconv_spec_validate(&canonical, nullptr, 0), TCONV_OK);
        const Geometry c = geometry_of(canonical);
        EXPECT_EQ(c.h.out * 100000 + c.w.out, g.h.out * 100000 + g.w.out);
        EXPECT_EQ(canonical.output_padding_h + canonical.output_padding_w, 0);
        tconv_spec other = s;  // another spelling of the same layer: one spec after canonical_of
        ASSERT_EQ(tconv_spec_set_crop(&other, s.pad_top, h, s.pad_left, w), TCONV_OK);
        EXPECT_EQ(testing::text_of(canonical_of(other)), testing::text_of(canonical));
    }
}

TEST(Geometry, CanonicalClearsWhatIsNotRead) {
    tconv_spec s;
    tconv_spec_init(&s, sizeof s);
    s.act_alpha = 3, s.act_beta = 4, s.softmax_axis = TCONV_AXIS_LAST;
    EXPECT_EQ(canonical_of(s).act_alpha, 0);
    EXPECT_EQ(canonical_of(s).softmax_axis, TCONV_AXIS_CHANNEL);
    s.activation = TCONV_ACT_LEAKY_RELU;
    EXPECT_EQ(canonical_of(s).act_alpha, 3);
    EXPECT_EQ(canonical_of(s).act_beta, 0);
    s.activation = TCONV_ACT_CLIP;
    EXPECT_EQ(canonical_of(s).act_beta, 4);
    s.activation = TCONV_ACT_SOFTMAX;
    EXPECT_EQ(canonical_of(s).softmax_axis, TCONV_AXIS_LAST);
}

double products_by_counting(const tconv_spec &s) {
    const Geometry g = geometry_of(s);
    const auto pairs = [](const Axis &a) {
        double count = 0;
        for (int64_t i = 0; i < a.in; ++i) {
            for (int64_t k = 0; k < a.kernel; ++k) {
                const int64_t o = a.stride * i + a.dilation * k - a.crop;
                count += o >= 0 && o < a.out;
            }
        }
        return count;
    };
    return 2.0 * s.batch * s.in_channels * (s.out_channels / s.groups) * pairs(g.h) * pairs(g.w);
}

TEST(Geometry, WorkIsCountedExactly) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t n = 0; n < 2000; ++n) {
        Random random(testing::seed_of_case(seed, n));
        const tconv_spec s = testing::random_legal_spec(random);
        const Work work = work_of(s);
        const Geometry g = geometry_of(s);
        ASSERT_EQ(work.flops_in_bounds, products_by_counting(s)) << testing::text_of(s);
        EXPECT_EQ(work.flops_nominal, 2.0 * s.batch * s.in_channels * s.out_channels / s.groups * s.kernel_h *
                                          s.kernel_w * s.in_h * s.in_w);
        EXPECT_EQ(work.input_bytes, int64_t{4} * s.batch * s.in_channels * s.in_h * s.in_w);
        EXPECT_EQ(work.output_bytes, int64_t{4} * s.batch * s.out_channels * g.h.out * g.w.out);
        EXPECT_EQ(work.residual_bytes, s.residual ? work.output_bytes : 0);
        EXPECT_EQ(work.bias_bytes, s.has_bias ? 4 * s.out_channels : 0);
        EXPECT_EQ(work.filter_bytes, 4 * s.in_channels * (s.out_channels / s.groups) * s.kernel_h * s.kernel_w);
    }
}

// Rows of the benchmark suite with their published counts; the maps are not square where they can be told apart.
TEST(Geometry, WorkOfKnownLayers) {
    const struct {
        const char *text;
        double nominal, in_bounds;
    } layers[] = {
        {"n64_c128_h16_w16_o64_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw", 4.29497, 4.03073},
        {"n64_c64_h32_w32_o3_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw", 0.402653, 0.390169},
        {"n64_c512_h4_w4_o256_k5x5_s2x2_p1,1,2,2_op0,0_d1x1_g1_f32_nchw", 6.71089, 4.84862},
        {"n1_c100_h1_w1_o512_k4x4_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", 0.0016384, 0.0016384},
        {"n2_c3_h2_w5_o4_k3x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", 2.0 * 2 * 3 * 4 * 30 / 1e9, 1440e-9},
    };
    for (const auto &layer : layers) {
        tconv_spec s;
        tconv_spec_init(&s, sizeof s);
        ASSERT_EQ(tconv_spec_parse(layer.text, &s, nullptr, 0), TCONV_OK);
        EXPECT_NEAR(work_of(s).flops_nominal / 1e9, layer.nominal, 1e-5 * layer.nominal) << layer.text;
        EXPECT_NEAR(work_of(s).flops_in_bounds / 1e9, layer.in_bounds, 1e-5 * layer.in_bounds) << layer.text;
    }
}

}  // namespace
}  // namespace tconv
