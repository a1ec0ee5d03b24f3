#include "gradient_checks.h"

#include "geometry.h"
#include "spec.h"
#include "views.h"

namespace tconv {

tconv_status check_gradient_spec(const tconv_spec *spec, int32_t which, Message &message) {
    if (tconv_status status = check_arguments(spec, message); status != TCONV_OK)
        return status;
    if (which < TCONV_GRADIENT_INPUT || which > TCONV_GRADIENT_BIAS) {
        return message.fail(TCONV_INVALID_ARGUMENT, "which = %d; it must be INPUT (0), FILTER (1) or BIAS (2)", which);
    }
    if (spec->activation != TCONV_ACT_NONE || spec->residual != TCONV_RESIDUAL_NONE) {
        return message.fail(TCONV_INVALID_ARGUMENT, "%s = %d; gradients are of the layer without it",
                            spec->activation != TCONV_ACT_NONE ? "activation" : "residual",
                            spec->activation != TCONV_ACT_NONE ? spec->activation : spec->residual);
    }
    return validate(spec, message);
}

tconv_status check_gradient_tensors(const tconv_spec &spec, int32_t which, const Needs &needs,
                                    const tconv_gradient_tensors &tensors, Message &message) {
    const int64_t element = dtype_bytes(spec.dtype);
    const Extents input = input_extents(spec), filter = filter_extents(spec);
    Touched touched;
    touched.add(NamedView{"output_gradient", &tensors.output_gradient, output_extents(spec), Access::kRead});
    switch (which) {
        case TCONV_GRADIENT_INPUT:
            touched.add(NamedView{"input_gradient", &tensors.input_gradient, input, Access::kWrite});
            touched.add(NamedArray{"packed_filter", tensors.packed_filter, needs.alignment});
            break;
        case TCONV_GRADIENT_FILTER:
            touched.add(NamedView{"input", &tensors.input, input, Access::kRead});
            touched.add(NamedView{"filter_gradient", &tensors.filter_gradient, filter, Access::kWrite, true});
            break;
        default:
            touched.add(NamedArray{"bias_gradient", tensors.bias_gradient, static_cast<size_t>(element)});
            break;
    }
    return touched.check(needs, tensors.workspace, tensors.workspace_bytes, element, message);
}

tconv_status check_gradient_overlaps(const tconv_spec &spec, int32_t which, const Needs &needs,
                                     const tconv_gradient_tensors &tensors, Message &message) {
    const int64_t element = dtype_bytes(spec.dtype);
    const Region gradient("output_gradient", tensors.output_gradient, output_extents(spec), element),
        workspace("workspace", tensors.workspace, needs.workspace_bytes, element);
    switch (which) {
        case TCONV_GRADIENT_INPUT: {
            const Region read[] = {gradient, {"packed_filter", tensors.packed_filter, needs.packed_bytes, element}};
            return check_apart({"input_gradient", tensors.input_gradient, input_extents(spec), element}, read, workspace, message);
        }
        case TCONV_GRADIENT_FILTER: {
            const Region read[] = {gradient, {"input", tensors.input, input_extents(spec), element}};
            return check_apart({"filter_gradient", tensors.filter_gradient, filter_extents(spec), element}, read, workspace, message);
        }
        default: {
            const size_t bytes = static_cast<size_t>(spec.out_channels * element);
            return check_apart({"bias_gradient", tensors.bias_gradient, bytes, element}, {&gradient, 1}, workspace, message);
        }
    }
}

}  // namespace tconv
