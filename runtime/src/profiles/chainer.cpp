// Chainer's deconvolution_2d. An outsize is legal if a convolution of that output, with cover_all or without, gives the
// input's size, which is a range on both sides of the default size.
#include <algorithm>

#include "profile.h"

using namespace tconv;

void tconv_chainer_params_init(tconv_chainer_params *params, size_t struct_size) {
    fill_struct(params, tconv_chainer_params{0, {1, 1}, {0, 0}, {1, 1}, 1, 0, {0, 0}}, struct_size);
}

tconv_status tconv_profile_chainer(tconv_spec *spec, const tconv_chainer_params *params, char *message,
                                   size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_chainer_params &p, Profile &profile) {
        profile.take_groups("groups", p.groups);
        profile.take_steps("stride", p.stride, "dilate", p.dilate);
        profile.require_not_negative("pad", p.pad, 2);
        profile.require_choice("has_outsize", p.has_outsize, 0, 1);
        for (int a = 0; a < 2; ++a) {
            const Axis &axis = profile.axis(a);
            const int64_t natural = axis.full() - 2 * int64_t{p.pad[a]};
            if (p.has_outsize) {
                profile.require(TCONV_INVALID_SHAPE, {"outsize", a}, p.outsize[a],
                                std::max<int64_t>(natural - (axis.stride - 1), 1), natural + axis.stride - 1);
                profile.keep(a, p.pad[a], p.outsize[a]);
            } else {
                profile.keep(a, p.pad[a], natural, "pad", p.pad[a], p.pad[a]);
            }
        }
    });
}
