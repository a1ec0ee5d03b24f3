#include "tensor_checks.h"

#include "geometry.h"

namespace tconv {

namespace {

tconv_status check_aligned(const NamedArray &array, Message &message) {
    if (reinterpret_cast<uintptr_t>(array.data) % array.alignment == 0)
        return TCONV_OK;
    return message.fail(TCONV_MISALIGNED, "%s = %p; it must be aligned to %zu bytes", array.name, array.data,
                        array.alignment);
}

}  // namespace

tconv_status Touched::check(const Needs &needs, const void *workspace, size_t workspace_bytes, int64_t element_bytes,
                            Message &message) {
    if (needs.workspace_bytes > 0)
        add(NamedArray{"workspace", workspace, needs.alignment});
    for (const NamedView &of : views()) {
        if (tconv_status status = check_given(*of.view, of.extents, of.name, message); status != TCONV_OK)
            return status;
    }
    for (const NamedArray &of : arrays()) {
        if (of.data == nullptr)
            return message.fail(TCONV_INVALID_ARGUMENT, "%s = NULL; the layer needs it", of.name);
    }
    for (const NamedView &of : views()) {
        const auto check_view = of.filter ? check_filter_strides : check_strides;
        if (tconv_status status = check_view(*of.view, of.extents, element_bytes, of.access, of.name, message);
            status != TCONV_OK)
            return status;
    }
    if (workspace_bytes < needs.workspace_bytes) {
        return message.fail(TCONV_WORKSPACE_TOO_SMALL, "workspace_bytes = %zu; this plan needs %zu", workspace_bytes,
                            needs.workspace_bytes);
    }
    for (const NamedView &of : views()) {
        if (tconv_status status = check_alignment(*of.view, of.extents, element_bytes, of.name, message);
            status != TCONV_OK)
            return status;
    }
    for (const NamedArray &of : arrays()) {
        if (tconv_status status = check_aligned(of, message); status != TCONV_OK)
            return status;
    }
    return TCONV_OK;
}

tconv_status check_tensors(const tconv_spec &spec, const Needs &needs, const tconv_tensors &tensors, Message &message) {
    const Extents output = output_extents(spec);
    const int64_t element = dtype_bytes(spec.dtype);
    Touched touched;
    touched.add(NamedView{"input", &tensors.input, input_extents(spec), Access::kRead});
    touched.add(NamedView{"output", &tensors.output, output, Access::kWrite});
    if (spec.residual != TCONV_RESIDUAL_NONE)
        touched.add(NamedView{"residual", &tensors.residual, output, Access::kRead});
    if (spec.has_bias)
        touched.add(NamedArray{"bias", tensors.bias, static_cast<size_t>(element)});
    if (spec.activation == TCONV_ACT_PRELU)
        touched.add(NamedArray{"act_slope", tensors.act_slope, static_cast<size_t>(element)});
    touched.add(NamedArray{"packed_filter", tensors.packed_filter, needs.alignment});
    return touched.check(needs, tensors.workspace, tensors.workspace_bytes, element, message);
}

tconv_status check_packing(const tconv_spec &spec, const Needs &needs, const tconv_view *filter, const void *packed,
                           size_t packed_bytes, Message &message) {
    if (filter == nullptr || packed == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "%s is NULL", filter == nullptr ? "filter" : "packed");
    const Extents extents = filter_extents(spec);
    const int64_t element = dtype_bytes(spec.dtype);
    if (tconv_status status = check_given(*filter, extents, "filter", message); status != TCONV_OK)
        return status;
    if (tconv_status status = check_filter_strides(*filter, extents, element, Access::kRead, "filter", message);
        status != TCONV_OK)
        return status;
    if (packed_bytes < needs.packed_bytes) {
        return message.fail(TCONV_INVALID_ARGUMENT, "packed_bytes = %zu; this plan packs %zu bytes", packed_bytes,
                            needs.packed_bytes);
    }
    if (tconv_status status = check_alignment(*filter, extents, element, "filter", message); status != TCONV_OK)
        return status;
    if (tconv_status status = check_aligned({"packed", packed, needs.alignment}, message); status != TCONV_OK)
        return status;
    if (overlap(Region("filter", *filter, extents, element), Region("packed", packed, needs.packed_bytes, element)))
        return message.fail(TCONV_INVALID_ARGUMENT, "packed overlaps the filter");
    return TCONV_OK;
}

tconv_status check_apart(const Region &written, std::span<const Region> read, const Region &workspace, Message &message) {
    auto check = [&](const Region &a, const Region &b) {
        return overlap(a, b) ? message.fail(TCONV_INVALID_ARGUMENT, "%s overlaps %s", a.name, b.name) : TCONV_OK;
    };
    if (tconv_status status = check(written, workspace); status != TCONV_OK)
        return status;
    for (const Region &tensor : read) {
        if (tconv_status status = check(written, tensor); status != TCONV_OK)
            return status;
        if (tconv_status status = check(workspace, tensor); status != TCONV_OK)
            return status;
    }
    return TCONV_OK;
}

tconv_status check_overlaps(const tconv_spec &spec, const Needs &needs, const tconv_tensors &tensors, Message &message) {
    const Extents extents = output_extents(spec);
    const int64_t element = dtype_bytes(spec.dtype);
    const size_t per_channel = static_cast<size_t>(spec.out_channels * element);
    const Region output("output", tensors.output, extents, element),
        workspace("workspace", tensors.workspace, needs.workspace_bytes, element);
    const Region read[] = {{"input", tensors.input, input_extents(spec), element},
                           {"packed_filter", tensors.packed_filter, needs.packed_bytes, element},
                           {"bias", tensors.bias, spec.has_bias ? per_channel : 0, element},
                           {"act_slope", tensors.act_slope, spec.activation == TCONV_ACT_PRELU ? per_channel : 0, element}};
    if (tconv_status status = check_apart(output, read, workspace, message); status != TCONV_OK)
        return status;
    if (spec.residual == TCONV_RESIDUAL_NONE)
        return TCONV_OK;
    const Region residual("residual", tensors.residual, extents, element);
    if (overlap(workspace, residual))
        return message.fail(TCONV_INVALID_ARGUMENT, "workspace overlaps residual");
    if (!same_view(tensors.output, tensors.residual, extents) && overlap(output, residual))
        return message.fail(TCONV_INVALID_ARGUMENT, "output overlaps residual without being exactly its view");
    return TCONV_OK;
}

}  // namespace tconv
