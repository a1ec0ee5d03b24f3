// JAX's lax.conv_transpose, a convolution over the zero-inserted input: its pads are those of that input, so that more
// of them is more output.
#include <algorithm>

#include "profile.h"

using namespace tconv;

void tconv_jax_params_init(tconv_jax_params *params, size_t struct_size) {
    fill_struct(params, tconv_jax_params{0, {1, 1}, TCONV_PADDING_EXPLICIT, {0, 0, 0, 0}, {1, 1}, 0}, struct_size);
}

tconv_status tconv_profile_jax(tconv_spec *spec, const tconv_jax_params *params, char *message, size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_jax_params &p, Profile &profile) {
        profile.require_choice("padding", p.padding, TCONV_PADDING_EXPLICIT, TCONV_PADDING_VALID);
        profile.require_choice("use_consistent_padding", p.use_consistent_padding, 0, 1);
        profile.take_steps("strides", p.strides, "rhs_dilation", p.rhs_dilation);
        for (int a = 0; a < 2; ++a) {
            const Axis &axis = profile.axis(a);
            const int64_t reach = axis.dilation * (axis.kernel - 1);  // of the kernel beyond its first tap
            if (p.padding == TCONV_PADDING_EXPLICIT) {
                const int64_t low = p.pads[2 * a], high = p.pads[2 * a + 1];
                const int64_t begin = p.use_consistent_padding ? low : reach - low;
                const int64_t end = p.use_consistent_padding ? high : reach - high;
                profile.keep(a, begin, axis.full() - begin - end, "pads", low, high);
            } else {
                const bool same = p.padding == TCONV_PADDING_SAME;
                const int64_t excess = reach + 1 - axis.stride;
                profile.keep(a, same ? std::max<int64_t>(excess, 0) / 2 : 0,
                             same ? axis.in * axis.stride : axis.full() + std::max<int64_t>(-excess, 0));
            }
        }
    });
}
