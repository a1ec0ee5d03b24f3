#include "spec.h"

#include <nanobind/stl/string.h>

#include <functional>

#include "failure.h"
#include "names.h"
#include "numbers.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

namespace {

std::array<int64_t, 4> arranged(const std::array<int64_t, 4> &logical, int32_t layout) {
    const std::array<int, 4> axes = axes_of(layout);
    std::array<int64_t, 4> shape;
    for (size_t i = 0; i < 4; ++i)
        shape[static_cast<size_t>(axes[i])] = logical[i];
    return shape;
}

nb::tuple tuple_of(const std::array<int64_t, 4> &shape) {
    return nb::make_tuple(shape[0], shape[1], shape[2], shape[3]);
}

tconv_spec initialised() {
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    return spec;
}

Spec parsed(const std::string &text) {
    if (text.find('\0') != std::string::npos)
        throw nb::value_error("text holds a NUL, behind which nothing would be read");
    tconv_spec spec = initialised();
    char message[512];
    const tconv_status status = tconv_spec_parse(text.c_str(), &spec, message, sizeof message);
    if (status != TCONV_OK)
        raise(status, message);
    return Spec(spec);
}

Spec with_output_size(const Spec &spec, nb::handle size) {
    const auto [h, w] = pair_of("output_size", size);
    tconv_spec changed = spec.c;
    if (tconv_spec_set_output_size(&changed, h, w) == TCONV_OK)
        return Spec(changed);
    changed.output_padding_h = changed.output_padding_w = 0;
    const Spec least(changed);
    auto range = [](int32_t first, int32_t stride) {
        return std::to_string(first) + " to " + std::to_string(static_cast<int64_t>(first) + stride - 1);
    };
    raise(TCONV_INVALID_SHAPE, "output_size = (" + std::to_string(h) + ", " + std::to_string(w) +
                                   "); it must be from " + range(least.out_h, spec.c.stride_h) + " rows and " +
                                   range(least.out_w, spec.c.stride_w) + " columns");
}

Spec with_crop(const Spec &spec, nb::handle crop, nb::handle size) {
    const auto [crop_h, crop_w] = pair_of("crop", crop);
    const auto [out_h, out_w] = pair_of("out_size", size);
    tconv_spec changed = spec.c;
    const tconv_status status = tconv_spec_set_crop(&changed, crop_h, out_h, crop_w, out_w);
    if (status != TCONV_OK) {
        raise(status, "crop = (" + std::to_string(crop_h) + ", " + std::to_string(crop_w) + "), out_size = (" +
                          std::to_string(out_h) + ", " + std::to_string(out_w) + "): " + tconv_status_string(status));
    }
    return Spec(changed);
}

// What Spec(...) of Python takes; see _core.pyi for the defaults.
void construct(Spec *self, nb::handle in_channels, nb::handle out_channels, nb::handle in_size, nb::handle kernel,
               nb::handle batch, nb::handle stride, nb::handle pads, nb::handle output_padding, nb::handle dilation,
               nb::handle groups, nb::handle layout, nb::handle dtype, nb::handle bias, nb::handle activation,
               nb::handle act_alpha, nb::handle act_beta, nb::handle softmax_axis, nb::handle residual, nb::handle math,
               nb::object max_packed_bytes) {
    tconv_spec spec = initialised();
    auto set_pair = [](const char *field, nb::handle value, int32_t &h, int32_t &w) {
        const std::array<int32_t, 2> both = pair_of(field, value);
        h = both[0];
        w = both[1];
    };
    spec.batch = int32_of("batch", batch);
    spec.in_channels = int32_of("in_channels", in_channels);
    spec.out_channels = int32_of("out_channels", out_channels);
    set_pair("in_size", in_size, spec.in_h, spec.in_w);
    set_pair("kernel", kernel, spec.kernel_h, spec.kernel_w);
    set_pair("stride", stride, spec.stride_h, spec.stride_w);
    set_pair("dilation", dilation, spec.dilation_h, spec.dilation_w);
    set_pair("output_padding", output_padding, spec.output_padding_h, spec.output_padding_w);
    const std::array<int32_t, 4> sides = pads_of("pads", pads);
    spec.pad_top = sides[0];
    spec.pad_left = sides[1];
    spec.pad_bottom = sides[2];
    spec.pad_right = sides[3];
    spec.groups = int32_of("groups", groups);
    spec.layout = value_of(Names::kLayout, "layout", layout);
    spec.dtype = value_of(Names::kDtype, "dtype", dtype);
    spec.has_bias = bool_of("bias", bias) ? 1 : 0;
    spec.activation = value_of(Names::kActivation, "activation", activation);
    spec.act_alpha = float_of("act_alpha", act_alpha);
    spec.act_beta = float_of("act_beta", act_beta);
    spec.softmax_axis = value_of(Names::kSoftmaxAxis, "softmax_axis", softmax_axis);
    spec.residual = value_of(Names::kResidual, "residual", residual);
    spec.math = value_of(Names::kMath, "math", math);
    if (!max_packed_bytes.is_none())
        spec.max_packed_bytes = int64_of("max_packed_bytes", max_packed_bytes);
    new (self) Spec(spec);
}

}  // namespace

std::array<int, 4> axes_of(int32_t layout) {
    return layout == TCONV_NHWC ? std::array{0, 3, 1, 2} : std::array{0, 1, 2, 3};
}

Spec::Spec(const tconv_spec &spec) : c(spec) {
    char message[512];
    tconv_status status = tconv_spec_validate(&c, message, sizeof message);
    if (status != TCONV_OK)
        raise(status, message);
    check(tconv_spec_output_size(&c, &out_h, &out_w));
}

std::array<int64_t, 4> Spec::input_shape() const {
    return arranged({c.batch, c.in_channels, c.in_h, c.in_w}, c.layout);
}

std::array<int64_t, 4> Spec::output_shape() const {
    return arranged({c.batch, c.out_channels, out_h, out_w}, c.layout);
}

std::array<int64_t, 4> Spec::filter_shape() const {
    return {c.in_channels, c.out_channels / c.groups, c.kernel_h, c.kernel_w};
}

std::string Spec::text() const {
    char text[TCONV_LAYER_TEXT_BYTES];
    check(tconv_spec_format(&c, text, sizeof text));
    return text;
}

std::string Spec::text_of_any_batch() const {
    const std::string whole = text();
    return whole.substr(whole.find('_') + 1);
}

void bind_spec(nb::module_ &module) {
    nb::class_<Spec> spec(module, "Spec");
    // none(): so that the message about a None is ours, which names the field.
    const auto object = [](const char *name) { return nb::arg(name).none(); };
    spec.def("__init__", &construct, nb::kw_only(), object("in_channels"), object("out_channels"), object("in_size"),
             object("kernel"), object("batch") = 1, object("stride") = 1, object("pads") = 0,
             object("output_padding") = 0, object("dilation") = 1, object("groups") = 1, object("layout") = "nchw",
             object("dtype") = "float32", object("bias") = true, object("activation") = "none", object("act_alpha") = 0.0,
             object("act_beta") = 0.0, object("softmax_axis") = "channel", object("residual") = "none",
             object("math") = "fast", object("max_packed_bytes") = nb::none());
    spec.def_static("parse", &parsed, "text"_a);
    spec.def("with_output_size", &with_output_size, "size"_a);
    spec.def("with_crop", &with_crop, "crop"_a, "out_size"_a);
    spec.def("__str__", &Spec::text);
    spec.def("__repr__", [](const Spec &s) { return "tconv.Spec.parse('" + s.text() + "')"; });
    spec.def("__eq__", [](const Spec &a, nb::handle other) {
        if (!nb::isinstance<Spec>(other))
            return false;
        const Spec &b = nb::cast<const Spec &>(other);
        return a.c.max_packed_bytes == b.c.max_packed_bytes && a.text() == b.text();
    }, "other"_a.none());
    spec.def("__hash__",
             [](const Spec &s) { return static_cast<Py_ssize_t>(std::hash<std::string>()(s.text()) >> 1); });
    spec.def("__getstate__", [](const Spec &s) { return nb::make_tuple(s.text(), s.c.max_packed_bytes); });
    spec.def("__setstate__", [](Spec *self, const nb::tuple &state) {
        tconv_spec restored = parsed(nb::cast<std::string>(state[0])).c;
        restored.max_packed_bytes = nb::cast<int64_t>(state[1]);
        new (self) Spec(restored);
    });

    auto number = [&](const char *name, int32_t tconv_spec::*field) {
        spec.def_prop_ro(name, [field](const Spec &s) { return s.c.*field; });
    };
    auto two = [&](const char *name, int32_t tconv_spec::*h, int32_t tconv_spec::*w) {
        spec.def_prop_ro(name, [h, w](const Spec &s) { return nb::make_tuple(s.c.*h, s.c.*w); });
    };
    auto named = [&](const char *name, Names names, int32_t tconv_spec::*field) {
        spec.def_prop_ro(name, [names, field](const Spec &s) { return name_of(names, s.c.*field); });
    };
    number("batch", &tconv_spec::batch);
    number("in_channels", &tconv_spec::in_channels);
    number("out_channels", &tconv_spec::out_channels);
    number("groups", &tconv_spec::groups);
    two("in_size", &tconv_spec::in_h, &tconv_spec::in_w);
    two("kernel", &tconv_spec::kernel_h, &tconv_spec::kernel_w);
    two("stride", &tconv_spec::stride_h, &tconv_spec::stride_w);
    two("dilation", &tconv_spec::dilation_h, &tconv_spec::dilation_w);
    two("output_padding", &tconv_spec::output_padding_h, &tconv_spec::output_padding_w);
    named("layout", Names::kLayout, &tconv_spec::layout);
    named("dtype", Names::kDtype, &tconv_spec::dtype);
    named("activation", Names::kActivation, &tconv_spec::activation);
    named("softmax_axis", Names::kSoftmaxAxis, &tconv_spec::softmax_axis);
    named("residual", Names::kResidual, &tconv_spec::residual);
    named("math", Names::kMath, &tconv_spec::math);
    spec.def_prop_ro("bias", [](const Spec &s) { return s.c.has_bias != 0; });
    spec.def_prop_ro(
        "pads", [](const Spec &s) { return nb::make_tuple(s.c.pad_top, s.c.pad_left, s.c.pad_bottom, s.c.pad_right); });
    spec.def_prop_ro("act_alpha", [](const Spec &s) { return s.c.act_alpha; });
    spec.def_prop_ro("act_beta", [](const Spec &s) { return s.c.act_beta; });
    spec.def_prop_ro("max_packed_bytes", [](const Spec &s) { return s.c.max_packed_bytes; });
    spec.def_prop_ro("out_size", [](const Spec &s) { return nb::make_tuple(s.out_h, s.out_w); });
    spec.def_prop_ro("input_shape", [](const Spec &s) { return tuple_of(s.input_shape()); });
    spec.def_prop_ro("output_shape", [](const Spec &s) { return tuple_of(s.output_shape()); });
    spec.def_prop_ro("filter_shape", [](const Spec &s) { return tuple_of(s.filter_shape()); });
}

}  // namespace tconv::python
