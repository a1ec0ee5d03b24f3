#include "profiles.h"

#include <nanobind/stl/string.h>

#include <cstddef>
#include <span>
#include <string>

#include "failure.h"
#include "numbers.h"
#include "spec.h"
#include "tconv/tconv_profiles.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

namespace {

// All parameters are int32_t, or arrays of two or four of them.
struct Field {
    const char *name;
    size_t offset;
    size_t count;
};

#define TCONV_FIELD(type, member)                                               \
    Field {                                                                     \
#member, offsetof(type, member), sizeof(type::member) / sizeof(int32_t) \
    }

constexpr Field kTorch[] = {
    TCONV_FIELD(tconv_torch_params, stride),         TCONV_FIELD(tconv_torch_params, padding),
    TCONV_FIELD(tconv_torch_params, output_padding), TCONV_FIELD(tconv_torch_params, dilation),
    TCONV_FIELD(tconv_torch_params, groups),         TCONV_FIELD(tconv_torch_params, has_output_size),
    TCONV_FIELD(tconv_torch_params, output_size),
};
constexpr Field kChainer[] = {
    TCONV_FIELD(tconv_chainer_params, stride),      TCONV_FIELD(tconv_chainer_params, pad),
    TCONV_FIELD(tconv_chainer_params, dilate),      TCONV_FIELD(tconv_chainer_params, groups),
    TCONV_FIELD(tconv_chainer_params, has_outsize), TCONV_FIELD(tconv_chainer_params, outsize),
};
constexpr Field kPaddle[] = {
    TCONV_FIELD(tconv_paddle_params, stride),         TCONV_FIELD(tconv_paddle_params, padding_algorithm),
    TCONV_FIELD(tconv_paddle_params, padding_count),  TCONV_FIELD(tconv_paddle_params, padding),
    TCONV_FIELD(tconv_paddle_params, output_padding), TCONV_FIELD(tconv_paddle_params, dilation),
    TCONV_FIELD(tconv_paddle_params, groups),         TCONV_FIELD(tconv_paddle_params, has_output_size),
    TCONV_FIELD(tconv_paddle_params, output_size),    TCONV_FIELD(tconv_paddle_params, fluid),
};
constexpr Field kNumpyMl[] = {
    TCONV_FIELD(tconv_numpy_ml_params, stride),    TCONV_FIELD(tconv_numpy_ml_params, pad_rule),
    TCONV_FIELD(tconv_numpy_ml_params, pad_count), TCONV_FIELD(tconv_numpy_ml_params, pad),
    TCONV_FIELD(tconv_numpy_ml_params, dilation),
};
constexpr Field kOnnx[] = {
    TCONV_FIELD(tconv_onnx_params, rules),        TCONV_FIELD(tconv_onnx_params, auto_pad),
    TCONV_FIELD(tconv_onnx_params, strides),      TCONV_FIELD(tconv_onnx_params, dilations),
    TCONV_FIELD(tconv_onnx_params, pads),         TCONV_FIELD(tconv_onnx_params, output_padding),
    TCONV_FIELD(tconv_onnx_params, group),        TCONV_FIELD(tconv_onnx_params, has_output_shape),
    TCONV_FIELD(tconv_onnx_params, output_shape),
};
constexpr Field kTensorflow[] = {
    TCONV_FIELD(tconv_tensorflow_params, output_shape), TCONV_FIELD(tconv_tensorflow_params, strides),
    TCONV_FIELD(tconv_tensorflow_params, padding),      TCONV_FIELD(tconv_tensorflow_params, paddings),
    TCONV_FIELD(tconv_tensorflow_params, dilations),
};
constexpr Field kKeras[] = {
    TCONV_FIELD(tconv_keras_params, strides),
    TCONV_FIELD(tconv_keras_params, padding),
    TCONV_FIELD(tconv_keras_params, has_output_padding),
    TCONV_FIELD(tconv_keras_params, output_padding),
    TCONV_FIELD(tconv_keras_params, dilation_rate),
    TCONV_FIELD(tconv_keras_params, torch_legacy),
};
constexpr Field kTflite[] = {
    TCONV_FIELD(tconv_tflite_params, output_shape),
    TCONV_FIELD(tconv_tflite_params, stride),
    TCONV_FIELD(tconv_tflite_params, padding),
};
constexpr Field kJax[] = {
    TCONV_FIELD(tconv_jax_params, strides),
    TCONV_FIELD(tconv_jax_params, padding),
    TCONV_FIELD(tconv_jax_params, pads),
    TCONV_FIELD(tconv_jax_params, rhs_dilation),
    TCONV_FIELD(tconv_jax_params, use_consistent_padding),
};
constexpr Field kOpenvino[] = {
    TCONV_FIELD(tconv_openvino_params, strides),          TCONV_FIELD(tconv_openvino_params, pads_begin),
    TCONV_FIELD(tconv_openvino_params, pads_end),         TCONV_FIELD(tconv_openvino_params, dilations),
    TCONV_FIELD(tconv_openvino_params, auto_pad),         TCONV_FIELD(tconv_openvino_params, output_padding),
    TCONV_FIELD(tconv_openvino_params, has_output_shape), TCONV_FIELD(tconv_openvino_params, output_shape),
};

#undef TCONV_FIELD

const Field &field_of(std::span<const Field> fields, const std::string &name) {
    for (const Field &field : fields) {
        if (name == field.name)
            return field;
    }
    throw nb::type_error(("'" + name + "' is no parameter of this framework").c_str());
}

void set(void *params, const Field &field, nb::handle value) {
    int32_t *const target = reinterpret_cast<int32_t *>(static_cast<char *>(params) + field.offset);
    if (field.count == 1) {
        *target = int32_of(field.name, value);
        return;
    }
    const nb::sequence items = nb::cast<nb::sequence>(value);
    if (nb::len(items) != field.count) {
        throw nb::value_error((std::string(field.name) + " = " + nb::cast<std::string>(nb::repr(value)) +
                               "; it must be " + std::to_string(field.count) + " integers")
                                  .c_str());
    }
    for (size_t i = 0; i < field.count; ++i)
        target[i] = int32_of(field.name, items[i]);
}

template<class Params>
void bind(nb::module_ &module, const char *name, std::span<const Field> fields, void (*init)(Params *, size_t),
          tconv_status (*profile)(tconv_spec *, const Params *, char *, size_t)) {
    module.def(
        name,
        [=](const Spec &spec, const nb::dict &given) {
            Params params;
            init(&params, sizeof params);
            for (const auto &[key, value] : given)
                set(&params, field_of(fields, nb::cast<std::string>(key)), value);
            tconv_spec completed = spec.c;
            char message[512];
            const tconv_status status = profile(&completed, &params, message, sizeof message);
            if (status != TCONV_OK)
                raise(status, message);
            return Spec(completed);
        },
        "spec"_a, "params"_a);
}

}  // namespace

void bind_profiles(nb::module_ &module) {
    nb::module_ profiles = module.def_submodule("profiles");
    bind(profiles, "torch", kTorch, tconv_torch_params_init, tconv_profile_torch);
    bind(profiles, "chainer", kChainer, tconv_chainer_params_init, tconv_profile_chainer);
    bind(profiles, "paddle", kPaddle, tconv_paddle_params_init, tconv_profile_paddle);
    bind(profiles, "numpy_ml", kNumpyMl, tconv_numpy_ml_params_init, tconv_profile_numpy_ml);
    bind(profiles, "onnx", kOnnx, tconv_onnx_params_init, tconv_profile_onnx);
    bind(profiles, "tensorflow", kTensorflow, tconv_tensorflow_params_init, tconv_profile_tensorflow);
    bind(profiles, "keras", kKeras, tconv_keras_params_init, tconv_profile_keras);
    bind(profiles, "tflite", kTflite, tconv_tflite_params_init, tconv_profile_tflite);
    bind(profiles, "jax", kJax, tconv_jax_params_init, tconv_profile_jax);
    bind(profiles, "openvino", kOpenvino, tconv_openvino_params_init, tconv_profile_openvino);
}

}  // namespace tconv::python
