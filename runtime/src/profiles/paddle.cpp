// Paddle's Conv2DTranspose, of paddle.nn and of the older fluid.dygraph.
#include <algorithm>

#include "profile.h"

using namespace tconv;

namespace {

// SAME takes the input of the transposed convolution for that of a convolution, with the kernel undilated.
void set_same(Sides *sides, const Profile &profile) {
    for (int a = 0; a < 2; ++a) {
        const Axis &axis = profile.axis(a);
        const int64_t steps = -floor_div(-axis.in, axis.stride) - 1;
        const int64_t total = std::max<int64_t>(steps * axis.stride + axis.kernel - axis.in, 0);
        sides->begin[a] = static_cast<int32_t>(total / 2);  // total < kernel, which is an int32
        sides->end[a] = static_cast<int32_t>(total - total / 2);
    }
}

}  // namespace

void tconv_paddle_params_init(tconv_paddle_params *params, size_t struct_size) {
    fill_struct(
        params,
        tconv_paddle_params{0, {1, 1}, TCONV_PADDING_EXPLICIT, 1, {0, 0, 0, 0}, {0, 0}, {1, 1}, 1, 0, {0, 0}, 0},
        struct_size);
}

tconv_status tconv_profile_paddle(tconv_spec *spec, const tconv_paddle_params *params, char *message, size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_paddle_params &p, Profile &profile) {
        profile.require_choice("fluid", p.fluid, 0, 1);
        profile.require_choice("padding_algorithm", p.padding_algorithm, TCONV_PADDING_EXPLICIT,
                               p.fluid ? TCONV_PADDING_EXPLICIT : TCONV_PADDING_VALID);
        profile.require_choice("has_output_size", p.has_output_size, 0, 1);
        const bool same = p.padding_algorithm == TCONV_PADDING_SAME;
        profile.take_groups("groups", p.groups);
        profile.take_steps("stride", p.stride, "dilation", p.dilation);
        if (same)
            profile.take_steps("stride", p.stride, "dilation", {1, 1});  // what was given is checked, then not used
        Sides sides = {};
        if (same)
            set_same(&sides, profile);
        else if (p.padding_algorithm == TCONV_PADDING_EXPLICIT)
            sides = sides_of("padding", p.padding, "padding_count", p.padding_count, profile);
        if (p.fluid)
            profile.require_choice("padding_count", p.padding_count, 1, 2);
        for (int a = 0; a < 2 && (p.fluid || p.has_output_size); ++a)
            profile.require(TCONV_INVALID_ARGUMENT, {"output_padding", a}, p.output_padding[a], 0, 0);
        for (int a = 0; a < 2; ++a) {
            const Axis &axis = profile.axis(a);
            const int64_t smallest = axis.full() - sides.begin[a] - sides.end[a];
            if (p.has_output_size) {
                profile.require(TCONV_INVALID_SHAPE, {"output_size", a}, p.output_size[a],
                                std::max<int64_t>(smallest, 1), smallest + axis.stride - 1);
                profile.keep(a, sides.begin[a], p.output_size[a]);
            } else {
                profile.require(TCONV_INVALID_SHAPE, {"output_padding", a}, p.output_padding[a], 0,
                                std::max(axis.stride, axis.dilation) - 1);
                profile.keep(a, sides.begin[a], smallest + p.output_padding[a], "padding", sides.begin[a],
                             sides.end[a]);
            }
        }
    });
}
