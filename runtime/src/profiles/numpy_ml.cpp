// numpy-ml's deconv2D_naive, a convolution over the padded, zero-inserted input whose result is padded once more and
// cropped: only the sum of an axis' two pads survives.
#include "profile.h"

using namespace tconv;

void tconv_numpy_ml_params_init(tconv_numpy_ml_params *params, size_t struct_size) {
    fill_struct(params, tconv_numpy_ml_params{0, 1, TCONV_PADDING_EXPLICIT, 1, {0, 0, 0, 0}, 0}, struct_size);
}

tconv_status tconv_profile_numpy_ml(tconv_spec *spec, const tconv_numpy_ml_params *params, char *message,
                                    size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_numpy_ml_params &p, Profile &profile) {
        profile.require_choice("pad_rule", p.pad_rule, TCONV_PADDING_EXPLICIT, TCONV_PADDING_SAME);
        profile.require(TCONV_INVALID_ARGUMENT, "stride", p.stride, 1, kUnbounded);
        profile.require(TCONV_INVALID_ARGUMENT, "dilation", p.dilation, 0, kUnbounded - 1);  // + 1 is the spec's
        const int32_t d = profile.failed() ? 1 : p.dilation + 1;
        profile.take_steps("stride", {p.stride, p.stride}, "dilation", {d, d});
        const bool same = p.pad_rule == TCONV_PADDING_SAME;
        const Sides sides = same ? Sides{} : sides_of("pad", p.pad, "pad_count", p.pad_count, profile);
        for (int a = 0; a < 2; ++a) {
            const Axis &axis = profile.axis(a);
            const int64_t extent = axis.dilation * (axis.kernel - 1) + 1;
            const int64_t pads = same ? extent - 1 : int64_t{sides.begin[a]} + sides.end[a];
            if (pads > 2 * (extent - 1)) {
                profile.fail(TCONV_INVALID_SHAPE,
                             "pad of the %s is %d and %d, %lld together; allowed: 0 to %lld, twice the kernel's extent "
                             "less 1",
                             a == 0 ? "rows" : "columns", sides.begin[a], sides.end[a], static_cast<long long>(pads),
                             static_cast<long long>(2 * (extent - 1)));
            }
            profile.keep(a, pads - pads / 2, axis.full() - pads, "pad", sides.begin[a], sides.end[a]);
        }
    });
}
