// PyTorch's ConvTranspose2d and conv_transpose2d: one padding for both ends of an axis, and either output_padding or
// output_size for what a stride leaves open.
#include <algorithm>

#include "profile.h"

using namespace tconv;

void tconv_torch_params_init(tconv_torch_params *params, size_t struct_size) {
    fill_struct(params, tconv_torch_params{0, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1, 0, {0, 0}}, struct_size);
}

tconv_status tconv_profile_torch(tconv_spec *spec, const tconv_torch_params *params, char *message, size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_torch_params &p, Profile &profile) {
        profile.take_groups("groups", p.groups);
        profile.take_steps("stride", p.stride, "dilation", p.dilation);
        profile.require_not_negative("padding", p.padding, 2);
        profile.require_choice("has_output_size", p.has_output_size, 0, 1);
        for (int a = 0; a < 2; ++a) {
            const Axis &axis = profile.axis(a);
            const int64_t smallest = axis.full() - 2 * int64_t{p.padding[a]};
            if (p.has_output_size) {
                profile.require(TCONV_INVALID_SHAPE, {"output_size", a}, p.output_size[a],
                                std::max<int64_t>(smallest, 1), smallest + axis.stride - 1);
                profile.keep(a, p.padding[a], p.output_size[a]);
            } else {
                profile.require(TCONV_INVALID_SHAPE, {"output_padding", a}, p.output_padding[a], 0,
                                std::max(axis.stride, axis.dilation) - 1);
                profile.keep(a, p.padding[a], smallest + p.output_padding[a], "padding", p.padding[a], p.padding[a]);
            }
        }
    });
}
