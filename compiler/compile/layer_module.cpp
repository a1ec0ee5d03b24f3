#include "layer_module.h"

#include <cstring>

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;
using generators::Element;

LoweredArgument handle_argument(const std::string &name) {
    return LoweredArgument(name, Halide::Argument::InputScalar, Handle(), 0, ArgumentEstimates{});
}

Expr address(const std::string &name) {
    return reinterpret(UInt(64), Variable::make(Handle(), name));
}

Expr embed(Module &module, const std::string &name, const Buffer<> &values) {
    Buffer<> named(values.type(), nullptr, std::vector<int>{values.width()}, name);
    named.allocate();
    std::memcpy(named.data(), values.data(), values.size_in_bytes());
    module.append(named);
    Expr header = Variable::make(type_of<halide_buffer_t *>(), name + ".buffer");
    return reinterpret(UInt(64), Call::make(type_of<void *>(), Call::buffer_get_host, {header}, Call::Extern));
}

Buffer<> stored(Element element, const std::vector<double> &values) {
    Buffer<> buffer(generators::stored_type(element), {static_cast<int>(values.size())});
    for (size_t i = 0; i < values.size(); i++) {
        const int at = static_cast<int>(i);
        switch (element) {
            case Element::f32:
                buffer.as<float>()(at) = static_cast<float>(values[i]);
                break;
            case Element::f64:
                buffer.as<double>()(at) = values[i];
                break;
            case Element::f16:
                buffer.as<float16_t>()(at) = float16_t(values[i]);
                break;
            case Element::f16_bits:
                buffer.as<uint16_t>()(at) = float16_t(values[i]).to_bits();
                break;
            case Element::bf16:
            case Element::bf16_pairs:
                buffer.as<uint16_t>()(at) = bfloat16_t(values[i]).to_bits();
                break;
        }
    }
    return buffer;
}

std::vector<TensorArgument> tensor_arguments(const tconv_spec &spec, bool baked) {
    return {{"input", true},
            {"packed", !baked},
            {"bias", !baked && spec.has_bias},
            {"slope", !baked && spec.activation == TCONV_ACT_PRELU},
            {"residual", spec.residual != TCONV_RESIDUAL_NONE},
            {"output", true},
            {"workspace", true}};
}

}  // namespace tconv::compiler
