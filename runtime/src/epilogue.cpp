#include "epilogue.h"

#include <bit>
#include <limits>

namespace tconv {

void fill_epilogue(const tconv_spec &spec, LayerParams &p) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    float alpha = spec.act_alpha, low = -infinity, high = infinity, slope = 1.0f;
    p.curve = 0;
    switch (spec.activation) {
        case TCONV_ACT_NONE:
        case TCONV_ACT_PRELU:
        case TCONV_ACT_SOFTMAX:
            break;
        case TCONV_ACT_RELU:
            low = 0.0f;
            break;
        case TCONV_ACT_LEAKY_RELU:
            slope = spec.act_alpha;
            break;
        case TCONV_ACT_CLIP:
            low = spec.act_alpha, high = spec.act_beta;
            break;
        default:
            p.curve = spec.activation;
            break;
    }
    p.has_bias = spec.has_bias;
    p.has_slope = spec.activation == TCONV_ACT_PRELU;
    p.residual = spec.residual;
    p.softmax = spec.activation != TCONV_ACT_SOFTMAX      ? static_cast<int32_t>(SoftmaxAxis::none)
                : spec.softmax_axis == TCONV_AXIS_CHANNEL ? static_cast<int32_t>(SoftmaxAxis::channel)
                                                          : static_cast<int32_t>(SoftmaxAxis::last);
    p.direct = p.curve == 0 && p.residual == TCONV_RESIDUAL_NONE && p.softmax == 0;
    p.in_place = p.curve != 0 || p.residual == TCONV_RESIDUAL_AFTER;
    // generators::Finish::Kind
    p.finish_kind = spec.activation != TCONV_ACT_NONE ? 2 : spec.has_bias ? 1 : 0;
    p.alpha_bits = std::bit_cast<int32_t>(alpha);
    p.low_bits = std::bit_cast<int32_t>(low);
    p.high_bits = std::bit_cast<int32_t>(high);
    p.slope_bits = std::bit_cast<int32_t>(slope);
}

}  // namespace tconv
