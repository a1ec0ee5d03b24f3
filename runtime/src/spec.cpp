#include "spec.h"

#include <cmath>

#include "geometry.h"
#include "structs.h"

namespace tconv {
namespace {

struct Field {
    const char *name;
    int32_t tconv_spec::*value;
    int32_t lowest, highest;
};

constexpr int32_t kMost = 2147483647;

constexpr Field kEnums[] = {
    {"dtype", &tconv_spec::dtype, TCONV_F32, TCONV_S32},
    {"layout", &tconv_spec::layout, TCONV_NCHW, TCONV_NHWC},
    {"math", &tconv_spec::math, TCONV_MATH_FAST, TCONV_MATH_TF32},
    {"activation", &tconv_spec::activation, TCONV_ACT_NONE, TCONV_ACT_SOFTMAX},
    {"softmax_axis", &tconv_spec::softmax_axis, TCONV_AXIS_CHANNEL, TCONV_AXIS_LAST},
    {"residual", &tconv_spec::residual, TCONV_RESIDUAL_NONE, TCONV_RESIDUAL_AFTER},
    {"has_bias", &tconv_spec::has_bias, 0, 1},
};

constexpr Field kSizes[] = {
    {"batch", &tconv_spec::batch, 0, kMost},
    {"in_channels", &tconv_spec::in_channels, 1, kMost},
    {"out_channels", &tconv_spec::out_channels, 1, kMost},
    {"in_h", &tconv_spec::in_h, 1, kMost},
    {"in_w", &tconv_spec::in_w, 1, kMost},
    {"kernel_h", &tconv_spec::kernel_h, 1, kMost},
    {"kernel_w", &tconv_spec::kernel_w, 1, kMost},
    {"stride_h", &tconv_spec::stride_h, 1, kMost},
    {"stride_w", &tconv_spec::stride_w, 1, kMost},
    {"dilation_h", &tconv_spec::dilation_h, 1, kMost},
    {"dilation_w", &tconv_spec::dilation_w, 1, kMost},
    {"groups", &tconv_spec::groups, 1, kMost},
};

template<size_t N>
tconv_status check_fields(const tconv_spec &spec, const Field (&fields)[N], Message &message) {
    for (const Field &field : fields) {
        const int32_t value = spec.*field.value;
        if (value < field.lowest || value > field.highest) {
            return message.fail(TCONV_INVALID_ARGUMENT, "%s is %d; allowed: %d to %d", field.name, value, field.lowest,
                                field.highest);
        }
    }
    return TCONV_OK;
}

tconv_status check_activation_parameters(const tconv_spec &spec, Message &message) {
    const bool clip = spec.activation == TCONV_ACT_CLIP;
    const bool alpha = clip || spec.activation == TCONV_ACT_LEAKY_RELU || spec.activation == TCONV_ACT_ELU;
    if (alpha && !std::isfinite(spec.act_alpha)) {
        return message.fail(TCONV_INVALID_ARGUMENT, "act_alpha is %g; allowed: any finite value",
                            static_cast<double>(spec.act_alpha));
    }
    if (clip && !std::isfinite(spec.act_beta)) {
        return message.fail(TCONV_INVALID_ARGUMENT, "act_beta is %g; allowed: any finite value",
                            static_cast<double>(spec.act_beta));
    }
    if (clip && spec.act_alpha > spec.act_beta) {
        return message.fail(TCONV_INVALID_ARGUMENT,
                            "act_alpha is %g, above act_beta %g; clip needs act_alpha <= act_beta",
                            static_cast<double>(spec.act_alpha), static_cast<double>(spec.act_beta));
    }
    return TCONV_OK;
}

struct AxisNames {
    const char *letter, *lines, *begin, *end;
};
constexpr AxisNames kHeight = {"h", "rows", "pad_top", "pad_bottom"};
constexpr AxisNames kWidth = {"w", "columns", "pad_left", "pad_right"};

tconv_status check_output_padding(const Axis &axis, const AxisNames &names, int32_t value, Message &message) {
    const int64_t limit = axis.stride > axis.dilation ? axis.stride : axis.dilation;
    if (value >= 0 && value < limit)
        return TCONV_OK;
    return message.fail(TCONV_INVALID_SHAPE,
                        "output_padding_%s is %d; allowed: 0 to %lld, below the larger of stride_%s and dilation_%s",
                        names.letter, value, static_cast<long long>(limit - 1), names.letter, names.letter);
}

tconv_status check_output_size(const Axis &axis, const AxisNames &names, int32_t begin, int32_t end, Message &message) {
    if (axis.out >= 1)
        return TCONV_OK;
    return message.fail(TCONV_INVALID_SHAPE,
                        "%s is %d and %s is %d, which leaves %lld of %lld output %s; at least 1 is needed", names.begin,
                        begin, names.end, end, static_cast<long long>(axis.out), static_cast<long long>(axis.full()),
                        names.lines);
}

// Kernels compute positions of the full scatter, and input indices up to one kernel extent before the crop,
// in int32.
tconv_status check_extent(const Axis &axis, const AxisNames &names, int32_t begin, int32_t end, Message &message) {
    const char *letter = names.letter;
    if (axis.full() > kMaxElements) {
        return message.fail(TCONV_SIZE_OVERFLOW,
                            "in_%s %lld, stride_%s %lld, kernel_%s %lld and dilation_%s %lld give %lld %s before "
                            "padding is cut; allowed: at most %lld",
                            letter, static_cast<long long>(axis.in), letter, static_cast<long long>(axis.stride),
                            letter, static_cast<long long>(axis.kernel), letter, static_cast<long long>(axis.dilation),
                            static_cast<long long>(axis.full()), names.lines, static_cast<long long>(kMaxElements));
    }
    const int64_t kernel_extent = axis.dilation * (axis.kernel - 1) + 1;
    if (axis.crop + axis.out > kMaxElements || kernel_extent - axis.crop > kMaxElements) {
        return message.fail(TCONV_SIZE_OVERFLOW,
                            "%s is %d and %s is %d, which puts the output at %s %lld to %lld; allowed: %lld to %lld",
                            names.begin, begin, names.end, end, names.lines, static_cast<long long>(axis.crop),
                            static_cast<long long>(axis.crop + axis.out - 1),
                            static_cast<long long>(kernel_extent - kMaxElements),
                            static_cast<long long>(kMaxElements - 1));
    }
    return TCONV_OK;
}

// a*b*c*d for positive factors, or -1 where int64 does not hold it.
int64_t product(int64_t a, int64_t b, int64_t c, int64_t d = 1) {
    int64_t result = a;
    for (const int64_t factor : {b, c, d}) {
        if (__builtin_mul_overflow(result, factor, &result))
            return -1;
    }
    return result;
}

tconv_status check_elements(int64_t elements, const char *what, const char *fields, Message &message) {
    if (elements >= 0 && elements <= kMaxElements)
        return TCONV_OK;
    char count[32] = "more than 2^63";
    if (elements >= 0)
        std::snprintf(count, sizeof count, "%lld", static_cast<long long>(elements));
    return message.fail(TCONV_SIZE_OVERFLOW, "%s (%s) has %s elements; allowed: at most %lld", what, fields, count,
                        static_cast<long long>(kMaxElements));
}

tconv_status check_sizes(const tconv_spec &s, const Geometry &g, Message &message) {
    const int64_t input = product(s.in_channels, s.in_h, s.in_w);
    const int64_t output = product(s.out_channels, g.h.out, g.w.out);
    const int64_t filter = product(s.in_channels, s.out_channels / s.groups, s.kernel_h, s.kernel_w);
    tconv_status status = check_elements(input, "one input image", "in_channels x in_h x in_w", message);
    if (status == TCONV_OK) {
        status = check_elements(output, "one output image", "out_channels x out_h x out_w", message);
    }
    if (status == TCONV_OK) {
        status =
            check_elements(filter, "the filter", "in_channels x out_channels/groups x kernel_h x kernel_w", message);
    }
    if (status != TCONV_OK)
        return status;
    const int64_t bytes = dtype_bytes(s.dtype);
    if (product(input, s.batch, bytes) < 0 || product(output, s.batch, bytes) < 0) {
        return message.fail(TCONV_SIZE_OVERFLOW, "batch is %d, with which a tensor exceeds 2^63 - 1 bytes", s.batch);
    }
    return TCONV_OK;
}

tconv_status check_shape(const tconv_spec &s, Message &message) {
    const Geometry g = geometry_of(s);
    tconv_status status = check_output_padding(g.h, kHeight, s.output_padding_h, message);
    if (status == TCONV_OK)
        status = check_output_padding(g.w, kWidth, s.output_padding_w, message);
    if (status == TCONV_OK)
        status = check_output_size(g.h, kHeight, s.pad_top, s.pad_bottom, message);
    if (status == TCONV_OK)
        status = check_output_size(g.w, kWidth, s.pad_left, s.pad_right, message);
    if (status == TCONV_OK)
        status = check_extent(g.h, kHeight, s.pad_top, s.pad_bottom, message);
    if (status == TCONV_OK)
        status = check_extent(g.w, kWidth, s.pad_left, s.pad_right, message);
    if (status == TCONV_OK)
        status = check_sizes(s, g, message);
    return status;
}

// The output padding that makes one axis `wanted` long; false where PyTorch's rule has none.
bool solve_output_padding(const Axis &axis, int64_t wanted, int32_t *output_padding) {
    const int64_t padding = wanted - axis.out;
    if (wanted < 1 || padding < 0 || padding >= axis.stride)
        return false;
    *output_padding = static_cast<int32_t>(padding);
    return true;
}

// The pads that keep this part of one axis.
tconv_status solve_pads(const Axis &axis, const AxisNames &names, const Kept &kept, int32_t *begin, int32_t *end,
                        Message &message) {
    const int64_t cut = axis.full() - kept.crop - kept.out;
    *begin = static_cast<int32_t>(kept.crop);
    *end = static_cast<int32_t>(cut);
    if (*begin == kept.crop && *end == cut)
        return TCONV_OK;
    return message.fail(TCONV_SIZE_OVERFLOW,
                        "the output would be %s %lld to %lld of %lld, which takes a %s of %lld and a %s of %lld; "
                        "allowed: what int32 holds",
                        names.lines, static_cast<long long>(kept.crop),
                        static_cast<long long>(kept.crop + kept.out - 1), static_cast<long long>(axis.full()),
                        names.begin, static_cast<long long>(kept.crop), names.end, static_cast<long long>(cut));
}

}  // namespace

tconv_status check_arguments(const tconv_spec *spec, Message &message) {
    if (spec == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "spec is NULL");
    if (!struct_size_known<tconv_spec>(spec->struct_size)) {
        return message.fail(TCONV_INVALID_STRUCT, "struct_size is %zu; this library knows %zu (tconv_spec_init)",
                            spec->struct_size, sizeof(tconv_spec));
    }
    if (const tconv_status status = check_fields(*spec, kEnums, message))
        return status;
    if (const tconv_status status = check_fields(*spec, kSizes, message))
        return status;
    if (spec->in_channels % spec->groups != 0 || spec->out_channels % spec->groups != 0) {
        return message.fail(TCONV_INVALID_ARGUMENT,
                            "groups is %d; allowed: a divisor of in_channels %d and of out_channels %d", spec->groups,
                            spec->in_channels, spec->out_channels);
    }
    if (const tconv_status status = check_activation_parameters(*spec, message))
        return status;
    if (spec->max_packed_bytes < -1) {
        return message.fail(TCONV_INVALID_ARGUMENT, "max_packed_bytes is %lld; allowed: -1 or more",
                            static_cast<long long>(spec->max_packed_bytes));
    }
    return TCONV_OK;
}

tconv_status validate(const tconv_spec *spec, Message &message) {
    message.clear();
    if (const tconv_status status = check_arguments(spec, message))
        return status;
    return check_shape(*spec, message);
}

tconv_status set_crop(tconv_spec *spec, const Kept &h, const Kept &w, Message &message) {
    tconv_spec solved = *spec;
    const Geometry geometry = geometry_of(solved);
    solved.output_padding_h = solved.output_padding_w = 0;
    tconv_status status = solve_pads(geometry.h, kHeight, h, &solved.pad_top, &solved.pad_bottom, message);
    if (status == TCONV_OK)
        status = solve_pads(geometry.w, kWidth, w, &solved.pad_left, &solved.pad_right, message);
    if (status == TCONV_OK)
        status = validate(&solved, message);
    if (status == TCONV_OK)
        *spec = solved;
    return status;
}

}  // namespace tconv

using namespace tconv;

tconv_status tconv_spec_validate(const tconv_spec *spec, char *text, size_t capacity) {
    Message message(text, capacity);
    return validate(spec, message);
}

tconv_status tconv_spec_output_size(const tconv_spec *spec, int32_t *out_h, int32_t *out_w) {
    Message message(nullptr, 0);
    if (const tconv_status status = validate(spec, message))
        return status;
    if (out_h == nullptr || out_w == nullptr)
        return TCONV_INVALID_ARGUMENT;
    const Geometry geometry = geometry_of(*spec);
    *out_h = static_cast<int32_t>(geometry.h.out);
    *out_w = static_cast<int32_t>(geometry.w.out);
    return TCONV_OK;
}

tconv_status tconv_spec_set_output_size(tconv_spec *spec, int32_t out_h, int32_t out_w) {
    Message message(nullptr, 0);
    if (const tconv_status status = check_arguments(spec, message))
        return status;
    tconv_spec solved = *spec;
    solved.output_padding_h = solved.output_padding_w = 0;
    const Geometry smallest = geometry_of(solved);
    if (!solve_output_padding(smallest.h, out_h, &solved.output_padding_h) ||
        !solve_output_padding(smallest.w, out_w, &solved.output_padding_w)) {
        return TCONV_INVALID_SHAPE;
    }
    if (const tconv_status status = validate(&solved, message))
        return status;
    *spec = solved;
    return TCONV_OK;
}

tconv_status tconv_spec_set_crop(tconv_spec *spec, int32_t crop_h, int32_t out_h, int32_t crop_w, int32_t out_w) {
    Message message(nullptr, 0);
    if (const tconv_status status = check_arguments(spec, message))
        return status;
    if (out_h < 1 || out_w < 1)
        return TCONV_INVALID_SHAPE;
    return set_crop(spec, {crop_h, out_h}, {crop_w, out_w}, message);
}
