// OpenVINO's ConvolutionBackpropData and GroupConvolutionBackpropData, by the formulas of their specification: with
// output_shape the halves of an odd padding lie the other way round than ONNX's, and than their own prose.
#include <algorithm>

#include "profile.h"

using namespace tconv;

void tconv_openvino_params_init(tconv_openvino_params *params, size_t struct_size) {
    fill_struct(params,
                tconv_openvino_params{0, {1, 1}, {0, 0}, {0, 0}, {1, 1}, TCONV_AUTO_PAD_NOTSET, {0, 0}, 0, {0, 0}},
                struct_size);
}

tconv_status tconv_profile_openvino(tconv_spec *spec, const tconv_openvino_params *params, char *message,
                                    size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_openvino_params &p, Profile &profile) {
        profile.require_choice("auto_pad", p.auto_pad, TCONV_AUTO_PAD_NOTSET, TCONV_AUTO_PAD_VALID);
        profile.require_choice("has_output_shape", p.has_output_shape, 0, 1);
        profile.take_steps("strides", p.strides, "dilations", p.dilations);
        profile.require_not_negative("pads_begin", p.pads_begin, 2);
        profile.require_not_negative("pads_end", p.pads_end, 2);
        profile.require_not_negative("output_padding", p.output_padding, 2);
        const bool numbers = p.auto_pad == TCONV_AUTO_PAD_NOTSET;
        for (int a = 0; a < 2; ++a) {
            const int64_t whole = profile.axis(a).full() + p.output_padding[a];
            if (p.has_output_shape) {
                profile.require(TCONV_INVALID_SHAPE, {"output_shape", a}, p.output_shape[a], 1, kUnbounded);
                const int64_t total = std::max<int64_t>(whole - p.output_shape[a], 0);
                const bool upper = p.auto_pad == TCONV_AUTO_PAD_SAME_UPPER;
                profile.keep(a, upper ? total - total / 2 : total / 2, p.output_shape[a]);
            } else {
                const int64_t begin = numbers ? p.pads_begin[a] : 0, end = numbers ? p.pads_end[a] : 0;
                profile.keep(a, begin, whole - begin - end, "pads_begin and pads_end", begin, end);
            }
        }
    });
}
