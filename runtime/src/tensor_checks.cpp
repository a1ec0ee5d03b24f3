#include "tensor_checks.h"

#include "geometry.h"
#include "views.h"

namespace tconv {

namespace {

tconv_status check_plain(const void *data, size_t bytes, const char *name, const tconv_tensors &tensors,
                         const Extents &output, int64_t element, Message &message) {
    if (data == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "%s = NULL; the spec asks for it", name);
    if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(element) != 0) {
        return message.fail(TCONV_MISALIGNED, "%s = %p; it must be aligned to its element, %lld bytes", name, data,
                            static_cast<long long>(element));
    }
    if (overlap(range_of(data, bytes), range_of(tensors.output, output, element))) {
        return message.fail(TCONV_INVALID_ARGUMENT, "output overlaps %s", name);
    }
    return TCONV_OK;
}

}  // namespace

tconv_status check_tensors(const tconv_spec &spec, const tconv_tensors &tensors, Message &message) {
    const Extents input = input_extents(spec), output = output_extents(spec);
    const int64_t element = dtype_bytes(spec.dtype);
    tconv_status status = check_tensor(tensors.input, input, element, Access::kRead, "input", message);
    if (status == TCONV_OK)
        status = check_tensor(tensors.output, output, element, Access::kWrite, "output", message);
    if (status == TCONV_OK && spec.residual != TCONV_RESIDUAL_NONE) {
        status = check_tensor(tensors.residual, output, element, Access::kRead, "residual", message);
    }
    const size_t per_channel = static_cast<size_t>(spec.out_channels * element);
    if (status == TCONV_OK && spec.has_bias)
        status = check_plain(tensors.bias, per_channel, "bias", tensors, output, element, message);
    if (status == TCONV_OK && spec.activation == TCONV_ACT_PRELU) {
        status = check_plain(tensors.act_slope, per_channel, "act_slope", tensors, output, element, message);
    }
    return status;
}

tconv_status check_places(const Needs &needs, const tconv_tensors &tensors, Message &message) {
    if ((tensors.workspace == nullptr && needs.workspace_bytes > 0) || tensors.packed_filter == nullptr) {
        return message.fail(TCONV_INVALID_ARGUMENT, "%s = NULL",
                            tensors.workspace == nullptr && needs.workspace_bytes > 0 ? "workspace" : "packed_filter");
    }
    if (tensors.workspace_bytes < needs.workspace_bytes) {
        return message.fail(TCONV_WORKSPACE_TOO_SMALL, "workspace_bytes = %zu; this plan needs %zu",
                            tensors.workspace_bytes, needs.workspace_bytes);
    }
    const void *aligned[] = {tensors.workspace, tensors.packed_filter};
    for (int i = 0; i < 2; i++) {
        if (reinterpret_cast<uintptr_t>(aligned[i]) % needs.alignment != 0) {
            return message.fail(TCONV_MISALIGNED, "%s = %p; it must be aligned to %zu bytes",
                                i == 0 ? "workspace" : "packed_filter", aligned[i], needs.alignment);
        }
    }
    return TCONV_OK;
}

tconv_status check_overlaps(const tconv_spec &spec, const Needs &needs, const tconv_tensors &tensors, Message &message) {
    const Extents input = input_extents(spec), output = output_extents(spec);
    const int64_t element = dtype_bytes(spec.dtype);
    const ByteRange workspace = range_of(tensors.workspace, needs.workspace_bytes);
    const ByteRange packed = range_of(tensors.packed_filter, needs.packed_bytes);
    const ByteRange written = range_of(tensors.output, output, element);
    auto fail = [&](const char *what) { return message.fail(TCONV_INVALID_ARGUMENT, "%s", what); };
    if (overlap(tensors.output, output, tensors.input, input, element))
        return fail("output overlaps input");
    if (overlap(written, workspace))
        return fail("output overlaps workspace");
    if (overlap(written, packed))
        return fail("output overlaps packed_filter");
    if (overlap(range_of(tensors.input, input, element), workspace))
        return fail("workspace overlaps input");
    if (overlap(packed, workspace))
        return fail("workspace overlaps packed_filter");
    const size_t per_channel = static_cast<size_t>(spec.out_channels * element);
    if (spec.has_bias && overlap(range_of(tensors.bias, per_channel), workspace))
        return fail("workspace overlaps bias");
    if (spec.activation == TCONV_ACT_PRELU && overlap(range_of(tensors.act_slope, per_channel), workspace))
        return fail("workspace overlaps act_slope");
    if (spec.residual != TCONV_RESIDUAL_NONE) {
        if (overlap(range_of(tensors.residual, output, element), workspace))
            return fail("workspace overlaps residual");
        if (!same_view(tensors.output, tensors.residual, output) &&
            overlap(tensors.output, output, tensors.residual, output, element)) {
            return fail("output overlaps residual without being exactly its view");
        }
    }
    return TCONV_OK;
}

}  // namespace tconv
