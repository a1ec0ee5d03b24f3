// ONNX's ConvTranspose, by the text of the operator or as ONNX Runtime computes it. Where the text leaves the crop of an
// output beyond the full scatter open, it starts at 0, as that runtime's and as for outputs within it.
#include <algorithm>

#include "profile.h"

using namespace tconv;

void tconv_onnx_params_init(tconv_onnx_params *params, size_t struct_size) {
    fill_struct(params,
                tconv_onnx_params{
                    0, TCONV_ONNX_SPEC, TCONV_AUTO_PAD_NOTSET, {1, 1}, {1, 1}, {0, 0, 0, 0}, {0, 0}, 1, 0, {0, 0}},
                struct_size);
}

tconv_status tconv_profile_onnx(tconv_spec *spec, const tconv_onnx_params *params, char *message, size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_onnx_params &p, Profile &profile) {
        profile.require_choice("rules", p.rules, TCONV_ONNX_SPEC, TCONV_ONNX_ORT_1_31);
        profile.require_choice("auto_pad", p.auto_pad, TCONV_AUTO_PAD_NOTSET, TCONV_AUTO_PAD_VALID);
        profile.require_choice("has_output_shape", p.has_output_shape, 0, 1);
        profile.take_groups("group", p.group);
        profile.take_steps("strides", p.strides, "dilations", p.dilations);
        profile.require_not_negative("pads", p.pads, 4);
        for (int i = 0; i < 4 && p.auto_pad != TCONV_AUTO_PAD_NOTSET; ++i)
            profile.require(TCONV_INVALID_ARGUMENT, {"pads", i}, p.pads[i], 0, 0);
        const bool ort = p.rules == TCONV_ONNX_ORT_1_31;
        const bool upper = p.auto_pad == TCONV_AUTO_PAD_SAME_UPPER;
        const bool same = upper || p.auto_pad == TCONV_AUTO_PAD_SAME_LOWER;
        for (int a = 0; a < 2; ++a) {
            const Axis &axis = profile.axis(a);
            profile.require(TCONV_INVALID_SHAPE, {"output_padding", a}, p.output_padding[a], 0,
                            (ort ? axis.stride : std::max(axis.stride, axis.dilation)) - 1);
            const int64_t whole = axis.full() + p.output_padding[a];
            if (!p.has_output_shape && !same) {
                const int32_t begin = p.pads[a], end = p.pads[a + 2];
                profile.keep(a, begin, whole - begin - end, "pads", begin, end);
                continue;
            }
            int64_t out = axis.in * axis.stride;
            if (p.has_output_shape) {
                out = p.output_shape[a];
                const int64_t most = ort ? axis.full() + axis.stride - 1 : kUnbounded;
                profile.require(TCONV_INVALID_SHAPE, {"output_shape", a}, out, 1, most);
            } else if (ort) {
                out = std::min(out, whole);
            }
            const int64_t total = std::max<int64_t>(whole - out, 0);
            profile.keep(a, upper ? total / 2 : total - total / 2, out);
        }
    });
}
