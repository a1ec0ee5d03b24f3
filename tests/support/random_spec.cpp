#include "random_spec.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>

namespace tconv::testing {
namespace {

// Small counts, and tile - 1, tile, tile + 1 and 2 tile + 3 for tiles of 3, 5, 6, 8, 16 and 32 lanes or outputs.
constexpr int32_t kChannels[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15, 16, 17, 19, 31, 32, 33, 35, 67, 96, 128, 130};
// The same for the widest tiles, of 16 to 128 pixels; the narrow ones lie within SpecLimits::largest_size.
constexpr int32_t kWidths[] = {47, 63, 64, 65, 67, 95, 96, 97, 127, 128, 129, 131, 195, 259};

double flops_of(const tconv_spec &s) {
    return 2.0 * s.batch * s.in_channels * s.out_channels / s.groups * s.kernel_h * s.kernel_w * s.in_h * s.in_w;
}

struct AxisDraw {
    int32_t in, kernel, stride, dilation, begin, end, output_padding;
    int64_t full() const { return (in - 1LL) * stride + (kernel - 1LL) * dilation + 1; }
    int64_t out() const { return full() - begin - end + output_padding; }
};

AxisDraw draw_axis(Random &random, const SpecLimits &limits) {
    AxisDraw a = {};
    a.in = static_cast<int32_t>(random.chance(0.1) ? 1 : random.range(1, limits.largest_size));
    a.kernel = static_cast<int32_t>(random.chance(0.6) ? random.range(1, 5) : random.range(1, limits.largest_kernel));
    a.stride = static_cast<int32_t>(random.chance(0.5) ? random.range(1, 2) : random.range(1, limits.largest_stride));
    a.dilation = static_cast<int32_t>(random.chance(0.6) ? 1 : random.range(1, limits.largest_dilation));
    if (limits.winograd) {
        if (a.stride > 1)
            a.dilation = 1;
        a.kernel = static_cast<int32_t>(random.range(a.stride, int64_t{limits.winograd_taps} * a.stride));
    }
    if (random.chance(0.4))
        a.output_padding = static_cast<int32_t>(random.below(std::max(a.stride, a.dilation)));
    return a;
}

// None, symmetric, asymmetric, negative, and beyond the kernel's extent ("negative effective padding").
void draw_pads(Random &random, AxisDraw *a) {
    const int64_t extent = (a->kernel - 1) * a->dilation + 1;
    const int64_t kind = random.below(5);
    for (int attempt = 0; attempt < 20; ++attempt) {
        a->begin = a->end = 0;
        if (kind == 1)
            a->begin = a->end = static_cast<int32_t>(random.range(0, extent / 2));
        if (kind == 2) {
            a->begin = static_cast<int32_t>(random.range(0, extent - 1));
            a->end = static_cast<int32_t>(random.range(0, extent - 1));
        }
        if (kind == 3) {
            a->begin = static_cast<int32_t>(random.range(-extent - 3, extent));
            a->end = static_cast<int32_t>(random.range(-extent - 3, extent));
        }
        if (kind == 4) {
            a->begin = static_cast<int32_t>(random.range(0, a->full() - 1));
            a->end = static_cast<int32_t>(random.range(0, a->full() - 1 - a->begin));
        }
        if (a->out() >= 1)
            return;
    }
    a->begin = a->end = 0;
}

void draw_channels(Random &random, const SpecLimits &limits, tconv_spec *s) {
    const int64_t kind = limits.winograd ? 9 : random.below(10);
    s->groups = 1;
    s->in_channels = random.pick(kChannels);
    s->out_channels = random.pick(kChannels);
    if (limits.depthwise) {
        s->groups = s->out_channels = s->in_channels;
    } else if (kind < 3) {  // a few groups, most with the whole fours of outputs that planes of several want
        s->groups = static_cast<int32_t>(random.range(2, 5));
        s->in_channels =
            s->groups * static_cast<int32_t>(random.chance(0.5) ? random.range(1, 4) : random.range(1, 20));
        const int64_t outputs = random.chance(0.7)   ? 4 * random.range(1, 5)
                                : random.chance(0.5) ? random.range(1, 4)
                                                     : random.range(1, 20);
        s->out_channels = s->groups * static_cast<int32_t>(outputs);
    } else if (kind == 3) {  // depthwise, with a channel multiplier now and then
        s->groups = s->in_channels;
        s->out_channels = s->groups * static_cast<int32_t>(random.chance(0.7) ? 1 : random.range(2, 3));
    } else if (kind == 4) {  // many groups, which depthwise kernels have side by side
        s->groups = static_cast<int32_t>(random.range(2, 20));
        s->in_channels = s->groups * static_cast<int32_t>(random.range(1, 4));
        s->out_channels = s->groups * static_cast<int32_t>(random.range(1, 4));
    }
    if (limits.woven)
        s->out_channels = s->groups * static_cast<int32_t>(4 * random.range(1, 9));
}

void draw_activation(Random &random, const SpecLimits &limits, tconv_spec *s) {
    constexpr float kSlopes[] = {0.25f, 0.125f, 0.5f, 0.0f, -0.5f}, kAlphas[] = {1.0f, 0.5f, 2.0f};
    do {
        s->activation = static_cast<int32_t>(random.range(TCONV_ACT_NONE, TCONV_ACT_SOFTMAX));
        if (s->activation == TCONV_ACT_LEAKY_RELU)
            s->act_alpha = random.pick(kSlopes);
        if (s->activation == TCONV_ACT_ELU)
            s->act_alpha = random.pick(kAlphas);
        if (s->activation == TCONV_ACT_CLIP) {
            s->act_alpha = static_cast<float>(random.range(-8, 2));
            s->act_beta = s->act_alpha + static_cast<float>(random.range(0, 12));
        }
        if (s->activation == TCONV_ACT_SOFTMAX)
            s->softmax_axis = static_cast<int32_t>(random.below(2));
    } while (limits.exact_only && !is_exact(*s));
}

tconv_spec draw_spec(Random &random, const SpecLimits &given) {
    SpecLimits limits = given;
    if (limits.winograd && limits.winograd_taps == 0)
        limits.winograd_taps = random.chance(0.7) ? 3 : static_cast<int32_t>(random.range(4, 5));
    tconv_spec s;
    tconv_spec_init(&s, sizeof s);
    s.dtype = limits.dtype;
    s.batch = static_cast<int32_t>(random.chance(0.02) ? 0 : random.chance(0.7) ? 1 : random.range(2, 3));
    draw_channels(random, limits, &s);
    AxisDraw h = draw_axis(random, limits), w = random.chance(0.4) ? h : draw_axis(random, limits);
    if (limits.woven) {
        w.kernel = w.stride = static_cast<int32_t>(random.range(1, 4));
        w.dilation = 1;
        w.output_padding = std::min(w.output_padding, w.stride - 1);
    }
    if (random.chance(0.15)) {
        w.in = random.pick(kWidths);
        h.in = static_cast<int32_t>(random.range(1, 3));
        if (random.chance(0.2))
            std::swap(h.in, w.in);
    }
    // Too much work: smaller maps first, since kernels and channels choose the code that runs.
    const auto work = [&] {
        return 2.0 * s.batch * s.in_channels * s.out_channels / s.groups * h.kernel * w.kernel * h.in * w.in;
    };
    while (work() > limits.most_flops && h.in * w.in > 1)
        (h.in > w.in ? h.in : w.in) /= 2;
    while (work() > limits.most_flops && h.kernel * w.kernel > 1)
        (h.kernel > w.kernel ? h.kernel : w.kernel) /= 2;
    draw_pads(random, &h);
    draw_pads(random, &w);
    s.in_h = h.in, s.kernel_h = h.kernel, s.stride_h = h.stride, s.dilation_h = h.dilation;
    s.in_w = w.in, s.kernel_w = w.kernel, s.stride_w = w.stride, s.dilation_w = w.dilation;
    s.pad_top = h.begin, s.pad_bottom = h.end, s.output_padding_h = h.output_padding;
    s.pad_left = w.begin, s.pad_right = w.end, s.output_padding_w = w.output_padding;
    if (limits.woven)
        s.pad_left -= s.pad_left % s.stride_w;
    s.layout = random.chance(0.5) ? TCONV_NCHW : TCONV_NHWC;
    s.math = limits.winograd || random.chance(0.5) ? TCONV_MATH_FAST : TCONV_MATH_STRICT;
    s.has_bias = random.chance(0.7) ? 1 : 0;
    if (random.chance(0.4))
        s.residual = static_cast<int32_t>(random.range(1, 2));
    if (limits.activations && random.chance(0.6))
        draw_activation(random, limits, &s);
    return s;
}

}  // namespace

tconv_spec random_legal_spec(Random &random, const SpecLimits &limits) {
    for (;;) {
        const tconv_spec spec = draw_spec(random, limits);
        int32_t h, w;
        if (tconv_spec_output_size(&spec, &h, &w) != TCONV_OK)
            continue;
        if (flops_of(spec) > limits.most_flops)
            continue;
        if (int64_t{1} * spec.batch * spec.out_channels * h * w > limits.most_outputs)
            continue;
        return spec;
    }
}

bool is_exact(const tconv_spec &s) {
    switch (s.activation) {
        case TCONV_ACT_NONE:
        case TCONV_ACT_RELU:
        case TCONV_ACT_CLIP:
        case TCONV_ACT_LEAKY_RELU:
        case TCONV_ACT_PRELU:
            return true;  // with the slopes drawn here and by Problem: few bits, powers of two
        default:
            return false;
    }
}

IllegalSpec random_illegal_spec(Random &random) {
    struct Mutation {
        const char *field;
        int32_t tconv_spec::*member;
        int32_t too_low, too_high;  // too_high 0: there is no upper limit
    };
    constexpr Mutation kMutations[] = {
        {"dtype", &tconv_spec::dtype, 0, TCONV_S32 + 1},
        {"layout", &tconv_spec::layout, 0, TCONV_NHWC + 1},
        {"math", &tconv_spec::math, -1, TCONV_MATH_TF32 + 1},
        {"activation", &tconv_spec::activation, -1, TCONV_ACT_SOFTMAX + 1},
        {"softmax_axis", &tconv_spec::softmax_axis, -1, TCONV_AXIS_LAST + 1},
        {"residual", &tconv_spec::residual, -1, TCONV_RESIDUAL_AFTER + 1},
        {"has_bias", &tconv_spec::has_bias, -1, 2},
        {"batch", &tconv_spec::batch, -1, 0},
        {"in_channels", &tconv_spec::in_channels, 0, 0},
        {"out_channels", &tconv_spec::out_channels, 0, 0},
        {"in_h", &tconv_spec::in_h, 0, 0},
        {"in_w", &tconv_spec::in_w, 0, 0},
        {"kernel_h", &tconv_spec::kernel_h, 0, 0},
        {"kernel_w", &tconv_spec::kernel_w, 0, 0},
        {"stride_h", &tconv_spec::stride_h, 0, 0},
        {"stride_w", &tconv_spec::stride_w, 0, 0},
        {"dilation_h", &tconv_spec::dilation_h, 0, 0},
        {"dilation_w", &tconv_spec::dilation_w, 0, 0},
        {"groups", &tconv_spec::groups, 0, 0},
    };
    constexpr int kCount = static_cast<int>(std::size(kMutations));
    IllegalSpec bad = {random_legal_spec(random), TCONV_INVALID_ARGUMENT, "", ""};
    tconv_spec &s = bad.spec;
    const auto says = [&](tconv_status status, const char *field, int64_t value) {
        bad.status = status, bad.field = field, bad.value = std::to_string(value);
        return bad;
    };
    const int64_t kind = random.below(kCount + 12);
    if (kind < kCount) {
        const Mutation &m = kMutations[kind];
        const int64_t distance = random.chance(0.5) ? 0 : random.below(1 << 30);
        const bool high = m.too_high != 0 && random.chance(0.5);
        s.*m.member = static_cast<int32_t>(high ? m.too_high + distance : m.too_low - distance);
        return says(TCONV_INVALID_ARGUMENT, m.field, s.*m.member);
    }
    const int32_t limit_h = std::max(s.stride_h, s.dilation_h), limit_w = std::max(s.stride_w, s.dilation_w);
    switch (kind - kCount) {
        case 0:
            s.struct_size += random.chance(0.5) ? 4 : static_cast<size_t>(-4);
            return says(TCONV_INVALID_STRUCT, "struct_size", static_cast<int64_t>(s.struct_size));
        case 1:
            s.groups = std::max(s.in_channels, s.out_channels) + 1;
            return says(TCONV_INVALID_ARGUMENT, "groups", s.groups);
        case 2:
            s.activation = TCONV_ACT_LEAKY_RELU, s.act_alpha = std::numeric_limits<float>::quiet_NaN();
            says(TCONV_INVALID_ARGUMENT, "act_alpha", 0), bad.value = "nan";
            return bad;
        case 3:
            s.activation = TCONV_ACT_CLIP, s.act_alpha = 3, s.act_beta = -2;
            return says(TCONV_INVALID_ARGUMENT, "act_alpha", 3);
        case 4:
            s.max_packed_bytes = -2 - random.below(1000);
            return says(TCONV_INVALID_ARGUMENT, "max_packed_bytes", s.max_packed_bytes);
        case 5:
            s.output_padding_h = random.chance(0.5) ? -1 : limit_h + static_cast<int32_t>(random.below(3));
            return says(TCONV_INVALID_SHAPE, "output_padding_h", s.output_padding_h);
        case 6:
            s.output_padding_w = random.chance(0.5) ? -1 : limit_w + static_cast<int32_t>(random.below(3));
            return says(TCONV_INVALID_SHAPE, "output_padding_w", s.output_padding_w);
        case 7:
            s.pad_top = s.pad_bottom = 1000 + static_cast<int32_t>(random.below(1000));
            return says(TCONV_INVALID_SHAPE, "pad_bottom", s.pad_bottom);
        case 8:
            s.pad_left = 1000, s.pad_right = 1000 + static_cast<int32_t>(random.below(1000));
            return says(TCONV_INVALID_SHAPE, "pad_right", s.pad_right);
        case 9:
            s.in_h = 70000 + static_cast<int32_t>(random.below(1000)), s.stride_h = 70000;
            s.output_padding_h = 0;
            return says(TCONV_SIZE_OVERFLOW, "stride_h", s.stride_h);
        case 10:
            s.pad_left = -2147483647 - static_cast<int32_t>(random.below(2));
            return says(TCONV_SIZE_OVERFLOW, "pad_left", s.pad_left);
        default:  // in_h * in_w alone is above the limit
            s.in_h = 60000, s.in_w = 70000;
            s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = 0;
            return says(TCONV_SIZE_OVERFLOW, "in_channels", int64_t{1} * s.in_channels * s.in_h * s.in_w);
    }
}

bool same_spec(const tconv_spec &a, const tconv_spec &b) {
    constexpr size_t kFirst = offsetof(tconv_spec, dtype), kEnd = offsetof(tconv_spec, act_beta) + sizeof(float);
    const auto *const x = reinterpret_cast<const unsigned char *>(&a);
    const auto *const y = reinterpret_cast<const unsigned char *>(&b);
    return a.struct_size == b.struct_size && a.max_packed_bytes == b.max_packed_bytes &&
           std::equal(x + kFirst, x + kEnd, y + kFirst);
}

std::string text_of(const tconv_spec &s) {
    char text[TCONV_LAYER_TEXT_BYTES];
    if (tconv_spec_format(&s, text, sizeof text) == TCONV_OK)
        return text;
    std::snprintf(text, sizeof text,
                  "(not valid) n%d c%d h%d w%d o%d k%dx%d s%dx%d p%d,%d,%d,%d op%d,%d d%dx%d g%d dtype %d layout %d "
                  "activation %d",
                  s.batch, s.in_channels, s.in_h, s.in_w, s.out_channels, s.kernel_h, s.kernel_w, s.stride_h,
                  s.stride_w, s.pad_top, s.pad_left, s.pad_bottom, s.pad_right, s.output_padding_h, s.output_padding_w,
                  s.dilation_h, s.dilation_w, s.groups, s.dtype, s.layout, s.activation);
    return text;
}

}  // namespace tconv::testing
