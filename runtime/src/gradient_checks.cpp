#include "gradient_checks.h"

#include <initializer_list>

#include "geometry.h"
#include "spec.h"
#include "views.h"

namespace tconv {

namespace {

// What a run reads and what it writes, by the names of the C ABI.
struct Memory {
    const char *name;
    ByteRange range;
};

tconv_status check_overlaps(const Memory &written, std::initializer_list<Memory> read, const Memory &workspace,
                            Message &message) {
    auto fail = [&](const Memory &a, const Memory &b) {
        return message.fail(TCONV_INVALID_ARGUMENT, "%s overlaps %s", a.name, b.name);
    };
    if (overlap(written.range, workspace.range))
        return fail(written, workspace);
    for (const Memory &tensor : read) {
        if (overlap(written.range, tensor.range))
            return fail(written, tensor);
        if (overlap(tensor.range, workspace.range))
            return fail(workspace, tensor);
    }
    return TCONV_OK;
}

}  // namespace

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
    const Extents input = input_extents(spec), output = output_extents(spec), filter = filter_extents(spec);
    Memory written = {"bias_gradient",
                      range_of(tensors.bias_gradient, static_cast<size_t>(spec.out_channels * element))};
    const Memory workspace = {"workspace", range_of(tensors.workspace, needs.workspace_bytes)};
    const Memory gradient = {"output_gradient", range_of(tensors.output_gradient, output, element)};
    switch (which) {
        case TCONV_GRADIENT_INPUT: {
            // Slices of one buffer do not overlap though their ranges do.
            if (overlap(tensors.input_gradient, input, tensors.output_gradient, output, element))
                return message.fail(TCONV_INVALID_ARGUMENT, "input_gradient overlaps output_gradient");
            if (overlap(gradient.range, workspace.range))
                return message.fail(TCONV_INVALID_ARGUMENT, "workspace overlaps output_gradient");
            written = {"input_gradient", range_of(tensors.input_gradient, input, element)};
            return check_overlaps(written, {{"packed_filter", range_of(tensors.packed_filter, needs.packed_bytes)}}, workspace,
                                  message);
        }
        case TCONV_GRADIENT_FILTER:
            written = {"filter_gradient", range_of(tensors.filter_gradient, filter, element)};
            return check_overlaps(written, {gradient, {"input", range_of(tensors.input, input, element)}}, workspace,
                                  message);
        default:
            return check_overlaps(written, {gradient}, workspace, message);
    }
}

}  // namespace tconv
