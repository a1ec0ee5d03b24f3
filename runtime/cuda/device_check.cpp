#include "device_gradient.h"
#include "gradient_checks.h"
#include "structs.h"
#include "tensor_checks.h"
#include "views.h"

namespace tconv {
namespace {

Needs needs_of(const DeviceLayer &layer) {
    return {static_cast<size_t>(layer.packed_bytes), static_cast<size_t>(layer.workspace_bytes), kDeviceAlignment};
}

}  // namespace

tconv_status check_device_gradient_run(const DeviceGradient &gradient, const tconv_gradient_tensors *tensors,
                                       Message &message) {
    if (tensors == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "tensors is NULL");
    if (!struct_size_known<tconv_gradient_tensors>(tensors->struct_size)) {
        return message.fail(TCONV_INVALID_STRUCT, "tensors.struct_size = %zu; this library knows %zu", tensors->struct_size,
                            sizeof(tconv_gradient_tensors));
    }
    const tconv_spec &spec = gradient.spec;
    const bool input = gradient.which == TCONV_GRADIENT_INPUT;
    if (spec.batch == 0 && input)
        return TCONV_OK;
    const Needs needs = {static_cast<size_t>(gradient.packed_bytes()), static_cast<size_t>(gradient.workspace_bytes),
                         kDeviceAlignment};
    tconv_status status = check_gradient_tensors(spec, gradient.which, needs, *tensors, message);
    if (status == TCONV_OK)
        status = check_gradient_overlaps(spec, gradient.which, needs, *tensors, message);
    if (status == TCONV_OK && !input && spec.batch > 0 && images_at_once(gradient, *tensors) == 0) {
        return message.fail(TCONV_SIZE_OVERFLOW, "%lld images, which are added up together, reach more than 2147483647 elements or rows",
                            static_cast<long long>(gradient.splits.images));
    }
    return status;
}

tconv_status check_device_pack(const DeviceLayer &layer, const tconv_view *filter, const void *packed, size_t packed_bytes,
                               Message &message) {
    return check_packing(layer.spec, needs_of(layer), filter, packed, packed_bytes, message);
}

tconv_status check_device_run(const DeviceLayer &layer, const tconv_tensors *tensors, Message &message) {
    if (tensors == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "tensors is NULL");
    if (!struct_size_known<tconv_tensors>(tensors->struct_size)) {
        return message.fail(TCONV_INVALID_STRUCT, "tensors.struct_size = %zu; this library knows %zu", tensors->struct_size,
                            sizeof(tconv_tensors));
    }
    if (layer.spec.batch == 0)
        return TCONV_OK;
    const Needs needs = needs_of(layer);
    tconv_status status = check_tensors(layer.spec, needs, *tensors, message);
    if (status == TCONV_OK)
        status = check_overlaps(layer.spec, needs, *tensors, message);
    return status;
}

}  // namespace tconv
