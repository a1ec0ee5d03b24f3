#include "names.h"

#include <nanobind/stl/string.h>

#include <cstring>
#include <span>
#include <string>

#include "tconv/tconv_gradients.h"

namespace nb = nanobind;

namespace tconv::python {

namespace {

struct Name {
    const char *text;
    int32_t value;
};

constexpr Name kDtypes[] = {{"float32", TCONV_F32},   {"float64", TCONV_F64}, {"float16", TCONV_F16},
                            {"bfloat16", TCONV_BF16}, {"int8", TCONV_S8},     {"uint8", TCONV_U8},
                            {"int32", TCONV_S32}};
constexpr Name kLayouts[] = {{"nchw", TCONV_NCHW}, {"nhwc", TCONV_NHWC}};
constexpr Name kFilterLayouts[] = {
    {"iohw", TCONV_IOHW}, {"hwio", TCONV_HWIO}, {"hwoi", TCONV_HWOI}, {"ohwi", TCONV_OHWI}};
constexpr Name kMaths[] = {{"fast", TCONV_MATH_FAST}, {"strict", TCONV_MATH_STRICT}, {"tf32", TCONV_MATH_TF32}};
constexpr Name kActivations[] = {{"none", TCONV_ACT_NONE},
                                 {"relu", TCONV_ACT_RELU},
                                 {"leaky_relu", TCONV_ACT_LEAKY_RELU},
                                 {"clip", TCONV_ACT_CLIP},
                                 {"sigmoid", TCONV_ACT_SIGMOID},
                                 {"tanh", TCONV_ACT_TANH},
                                 {"elu", TCONV_ACT_ELU},
                                 {"gelu", TCONV_ACT_GELU},
                                 {"gelu_tanh", TCONV_ACT_GELU_TANH},
                                 {"silu", TCONV_ACT_SILU},
                                 {"hard_swish", TCONV_ACT_HARD_SWISH},
                                 {"hard_sigmoid", TCONV_ACT_HARD_SIGMOID},
                                 {"softplus", TCONV_ACT_SOFTPLUS},
                                 {"prelu", TCONV_ACT_PRELU},
                                 {"softmax", TCONV_ACT_SOFTMAX}};
constexpr Name kSoftmaxAxes[] = {{"channel", TCONV_AXIS_CHANNEL}, {"last", TCONV_AXIS_LAST}};
constexpr Name kResiduals[] = {
    {"none", TCONV_RESIDUAL_NONE}, {"before", TCONV_RESIDUAL_BEFORE}, {"after", TCONV_RESIDUAL_AFTER}};

constexpr Name kGradients[] = {
    {"input", TCONV_GRADIENT_INPUT}, {"filter", TCONV_GRADIENT_FILTER}, {"bias", TCONV_GRADIENT_BIAS}};

std::span<const Name> table_of(Names names) {
    switch (names) {
        case Names::kDtype:
            return kDtypes;
        case Names::kLayout:
            return kLayouts;
        case Names::kFilterLayout:
            return kFilterLayouts;
        case Names::kMath:
            return kMaths;
        case Names::kActivation:
            return kActivations;
        case Names::kSoftmaxAxis:
            return kSoftmaxAxes;
        case Names::kResidual:
            return kResiduals;
        case Names::kGradient:
            return kGradients;
    }
    return {};
}

// "float32", numpy.float32, numpy.dtype("float32"), torch.float32
std::string dtype_text(nb::handle name) {
    nb::object text = nb::borrow(name);
    for (const char *attribute : {"__name__", "name"}) {
        if (nb::hasattr(name, attribute)) {
            text = name.attr(attribute);
            break;
        }
    }
    const std::string whole = nb::cast<std::string>(nb::str(text));
    const size_t dot = whole.rfind('.');
    return dot == std::string::npos ? whole : whole.substr(dot + 1);
}

}  // namespace

int32_t value_of(Names names, const char *field, nb::handle name) {
    std::string text;
    if (nb::isinstance<nb::str>(name)) {
        text = nb::cast<std::string>(name);
    } else if (names == Names::kDtype && !name.is_none()) {
        text = dtype_text(name);
    } else {
        throw nb::type_error(
            (std::string(field) + " = " + nb::cast<std::string>(nb::repr(name)) + "; it must be a string").c_str());
    }
    std::string allowed;
    for (const Name &entry : table_of(names)) {
        if (text == entry.text)
            return entry.value;
        allowed += std::string(allowed.empty() ? "" : ", ") + entry.text;
    }
    const std::string message = std::string(field) + " = '" + text + "'; it must be one of: " + allowed;
    if (!nb::isinstance<nb::str>(name))  // the dtype of an array, or no name at all
        throw nb::type_error(message.c_str());
    throw nb::value_error(message.c_str());
}

const char *name_of(Names names, int32_t value) {
    for (const Name &entry : table_of(names)) {
        if (entry.value == value)
            return entry.text;
    }
    return "?";
}

}  // namespace tconv::python
