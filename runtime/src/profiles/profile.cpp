#include "profile.h"

namespace tconv {
namespace {

constexpr Axis kOneElement = {1, 1, 1, 1, 0, 1};

}  // namespace

Profile::Profile(const tconv_spec &spec, Message &message)
    : spec_(spec), message_(message), axes_{kOneElement, kOneElement}, kept_{{0, 1}, {0, 1}} {
    spec_.stride_h = spec_.stride_w = spec_.dilation_h = spec_.dilation_w = 1;
    spec_.pad_top = spec_.pad_left = spec_.pad_bottom = spec_.pad_right = 0;
    spec_.output_padding_h = spec_.output_padding_w = 0;
}

void Profile::fail(tconv_status status, const char *format, ...) {
    if (failed())
        return;
    status_ = status;
    message_.clear();
    va_list arguments;
    va_start(arguments, format);
    message_.append_list(format, arguments);
    va_end(arguments);
}

void Profile::require(tconv_status failure, const Parameter &parameter, int64_t value, int64_t low, int64_t high) {
    if (failed() || (value >= low && (value <= high || high == kUnbounded)))
        return;
    if (parameter.index >= 0)
        fail(failure, "%s[%d] is %lld; allowed: ", parameter.name, parameter.index, static_cast<long long>(value));
    else
        fail(failure, "%s is %lld; allowed: ", parameter.name, static_cast<long long>(value));
    if (high == kUnbounded)
        message_.append("%lld or more", static_cast<long long>(low));
    else if (high < low)
        message_.append("none, since the padding leaves no output");
    else if (high == low)
        message_.append("%lld", static_cast<long long>(low));
    else
        message_.append("%lld to %lld", static_cast<long long>(low), static_cast<long long>(high));
}

void Profile::require_not_negative(const char *name, const int32_t *values, int count) {
    for (int i = 0; i < count; ++i)
        require(TCONV_INVALID_ARGUMENT, {name, i}, values[i], 0, kUnbounded);
}

void Profile::take_groups(const char *name, int32_t groups) {
    require(TCONV_INVALID_ARGUMENT, name, groups, 1, kUnbounded);
    spec_.groups = groups;
}

void Profile::take_steps(const char *stride_name, const int32_t (&stride)[2], const char *dilation_name,
                         const int32_t (&dilation)[2]) {
    if (!failed())
        status_ = check_arguments(&spec_, message_);
    for (int a = 0; a < 2; ++a)
        require(TCONV_INVALID_ARGUMENT, {stride_name, a}, stride[a], 1, kUnbounded);
    for (int a = 0; a < 2; ++a)
        require(TCONV_INVALID_ARGUMENT, {dilation_name, a}, dilation[a], 1, kUnbounded);
    if (failed())
        return;
    spec_.stride_h = stride[0], spec_.stride_w = stride[1];
    spec_.dilation_h = dilation[0], spec_.dilation_w = dilation[1];
    const Geometry geometry = geometry_of(spec_);
    axes_[0] = geometry.h, axes_[1] = geometry.w;
}

void Profile::keep(int a, int64_t crop, int64_t out, const char *padding, int64_t begin, int64_t end) {
    if (out < 1) {
        fail(TCONV_INVALID_SHAPE,
             "%s of the %s is %lld and %lld, which leaves %lld of %lld outputs; at least 1 is needed", padding,
             a == 0 ? "rows" : "columns", static_cast<long long>(begin), static_cast<long long>(end),
             static_cast<long long>(out), static_cast<long long>(axes_[a].full()));
    }
    keep(a, crop, out);
}

tconv_status Profile::finish(tconv_spec *spec) {
    if (!failed())
        status_ = set_crop(&spec_, kept_[0], kept_[1], message_);
    if (!failed())
        *spec = spec_;
    return status_;
}

Sides sides_of(const char *name, const int32_t (&values)[4], const char *count_name, int32_t count, Profile &profile) {
    if (count == 3)
        profile.fail(TCONV_INVALID_ARGUMENT, "%s is 3; allowed: 1, 2 or 4", count_name);
    profile.require_choice(count_name, count, 1, 4);
    if (profile.failed())
        return {};
    profile.require_not_negative(name, values, count);
    if (count == 1)
        return {{values[0], values[0]}, {values[0], values[0]}};
    if (count == 2)
        return {{values[0], values[1]}, {values[0], values[1]}};
    return {{values[0], values[2]}, {values[1], values[3]}};
}

}  // namespace tconv
